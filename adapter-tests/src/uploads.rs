//! Uploads whose token is refused on their head alone.

use std::io;
use std::time::Duration;

use crate::adapter::{Adapter, Call, Failure, Kind, Payload, Setup};
use crate::listener::Listener;
use crate::refuser::{Manner, Refuser};
use crate::site::on_threads;
use crate::stream::Stream;

const MB: usize = 1_000_000;

/// A client without a limit on dropped tokens, because these cases are not about that limit.
fn client<A: Adapter>(server: &Refuser) -> A {
    let setup = Setup::new(server.origin());
    A::build(setup.limits(|limits| limits.invalidation_budget(1000, Duration::from_millis(1))))
}

fn send<A: Adapter>(client: &A, payload: impl Into<Payload>) -> Result<u16, Failure> {
    client.send(Call::post("/up", payload)).map(|answer| answer.status)
}

fn upload<A: Adapter>(client: &A, length: usize) -> Result<u16, Failure> {
    send(client, vec![7; length])
}

/// Streams of 8 MB, whose length is known or not.
fn streams() -> [Stream; 2] {
    [true, false].map(|is_known| Stream { left: 8 * MB, frame: 10_000, is_known })
}

// urllib3/urllib3#241, seanmonstar/reqwest#1975, golang/go#51109
pub fn rule_24_upload_with_refused_token_is_resent<A: Adapter>() {
    for manner in [Manner::Closes, Manner::Rests, Manner::KeepsAlive] {
        let server = Refuser::start(manner);
        let client: A = client(&server);
        for length in [100, 65_536, 65_537, MB, 4 * MB, 8 * MB] {
            for _ in 0..5 {
                assert_eq!(upload(&client, 1).unwrap(), 200);
                let logins = server.logins();
                server.kill_tokens();
                server.take_stored();
                assert_eq!(upload(&client, length).unwrap(), 200, "{manner:?}");
                assert_eq!((server.take_stored(), server.logins()), (vec![length], logins + 1));
            }
        }
    }
}

/// The buffers of a connection hold the first lengths, and not the last one.
pub fn rule_24_refused_uploads_block_no_later_call<A: Adapter>() {
    for length in [65_537, 300_000, MB, 5 * MB] {
        let server = Refuser::start(Manner::Stalls);
        let client: A = client(&server);
        assert_eq!(upload(&client, 1).unwrap(), 200);
        for round in 1..=3 {
            let began = std::time::Instant::now();
            for _ in 0..2 {
                server.kill_tokens();
                assert_eq!(upload(&client, length).unwrap(), 200);
            }
            server.kill_tokens();
            let once = Stream { left: length, frame: length, is_known: false };
            assert_eq!(send(&client, once).unwrap(), 401);
            assert_eq!(upload(&client, 1).unwrap(), 200);
            // Another login on the connections that are left.
            assert!(client.invalidate(client.generation()));
            assert_eq!(upload(&client, 1).unwrap(), 200);
            assert_eq!(server.logins(), 1 + 4 * round);
            let took = began.elapsed();
            assert!(took < Duration::from_secs(10), "a call hangs behind {length} bytes: {took:?}");
        }
    }
}

pub fn rule_24_uploads_at_once_share_one_login<A: Adapter>() {
    let server = Refuser::start(Manner::Closes);
    let client: A = client(&server);
    assert_eq!(upload(&client, 1).unwrap(), 200);
    server.kill_tokens();
    let large = |_| upload(&client, 8 * MB).unwrap();
    assert_eq!(on_threads(4, &Listener::new(), large, || ()), [200; 4]);
    assert_eq!(server.logins(), 2);
}

/// Whether the 401 to an upload was lost. Then the error must say so.
fn is_lost(result: &Result<u16, Failure>) -> bool {
    match result {
        Ok(200) => false,
        Err(failure @ Failure { kind: Kind::BrokeOff, never_sent: false, error, .. }) => {
            assert!(error.to_string().contains("token may have been refused"), "{error}");
            let cut = failure.causes().filter_map(|cause| cause.downcast_ref::<io::Error>());
            assert_eq!(cut.count(), 1, "{error:?}");
            true
        }
        other => panic!("{other:?}"),
    }
}

pub fn rule_24_upload_after_lost_401_uses_expect<A: Adapter>() {
    for manner in [Manner::Ignores, Manner::Continues, Manner::Cuts] {
        let server = Refuser::start(manner);
        let client: A = client(&server);
        assert_eq!(upload(&client, 1).unwrap(), 200);
        server.kill_tokens();
        server.take_heads();
        let is_lost = is_lost(&upload(&client, 8 * MB));
        assert!(is_lost || manner != Manner::Cuts, "there was nothing to be read");
        if is_lost {
            let [sent, probed] = server.take_heads().try_into().unwrap();
            assert!(!sent.contains("expect:") && probed.contains("\r\nexpect: 100-continue\r\n"));
            assert!(probed.contains("\r\ncontent-length: 8000000\r\n"), "{probed}");
        }
        server.take_stored();
        assert_eq!(upload(&client, 8 * MB).unwrap(), 200, "{manner:?}");
        assert_eq!(server.take_stored(), [8 * MB]);
        // The doubt has ended.
        server.take_heads();
        assert_eq!(upload(&client, 8 * MB).unwrap(), 200);
        assert!(server.take_heads().iter().all(|head| !head.contains("expect:")));
    }
}

pub fn rule_24_server_answering_417_gets_the_body<A: Adapter>() {
    let [known, unknown] = streams().map(Payload::from);
    for body in [Payload::from(vec![7; 8 * MB]), known, unknown] {
        let server = Refuser::start(Manner::Cuts);
        let client: A = client(&server);
        assert_eq!(upload(&client, 1).unwrap(), 200);
        server.kill_tokens();
        assert!(is_lost(&send(&client, body.clone())));
        server.revive_tokens();
        server.set(Manner::Refuses);
        server.take_heads();
        server.take_stored();
        assert_eq!(send(&client, body).unwrap(), 200);
        let [asked, sent] = server.take_heads().try_into().unwrap();
        assert!(asked.contains("expect:") && !sent.contains("expect:"));
        assert_eq!(server.take_stored(), [8 * MB]);
        server.kill_tokens();
        // A probe that is refused is no answer.
        is_lost(&upload(&client, 8 * MB));
    }
}

pub fn rule_24_broken_stream_gets_401_of_head_only_attempt<A: Adapter>() {
    for stream in streams() {
        let server = Refuser::start(Manner::Closes);
        let client: A = client(&server);
        for round in 1..=10 {
            assert_eq!(send(&client, stream.clone()).unwrap(), 200);
            server.kill_tokens();
            assert_eq!(send(&client, stream.clone()).unwrap(), 401);
            assert_eq!(server.logins(), round);
        }
        assert_eq!(server.take_stored(), [8 * MB; 10]);
    }
}

pub fn rule_17_stream_with_expect_is_resent_after_401<A: Adapter>() {
    for stream in streams() {
        for manner in [Manner::Closes, Manner::KeepsAlive, Manner::Rests] {
            let server = Refuser::start(Manner::Cuts);
            let client: A = client(&server);
            assert_eq!(send(&client, stream.clone()).unwrap(), 200);
            server.kill_tokens();
            assert!(is_lost(&send(&client, stream.clone())));
            server.set(manner);
            server.take_stored();
            assert_eq!(send(&client, stream.clone()).unwrap(), 200);
            assert_eq!((server.take_stored(), server.logins()), (vec![8 * MB], 2));
        }
    }
}

/// A connection cannot be used again if its body was never sent.
pub fn rule_24_connection_with_unsent_body_is_closed<A: Adapter>() {
    let [stream, _] = streams();
    let server = Refuser::start(Manner::Cuts);
    let client = A::build(
        Setup::new(server.origin())
            .limits(|limits| limits.invalidation_budget(1, Duration::from_secs(3600))),
    );
    assert_eq!(send(&client, stream.clone()).unwrap(), 200);
    // It is asked first, refused, and sent again. Later its 401 is delivered, because the budget is
    // used up.
    for expected in [200, 401, 401] {
        server.kill_tokens();
        server.set(Manner::Cuts);
        // This one breaks off, or asks already.
        drop(send(&client, stream.clone()));
        server.set(Manner::KeepsAlive);
        assert_eq!(send(&client, stream.clone()).unwrap(), expected);
    }
    server.wait_until_open(1);
}
