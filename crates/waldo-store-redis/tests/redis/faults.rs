//! Servers that go away, stop and come back.

use std::time::Duration;

use waldo_store::{Store, StoreProblem};

use crate::stores::{PATIENT, both, both_within, other_key, read, read_of, replace, server};

#[test]
fn server_that_was_away_at_the_start_is_used_when_it_is_back() {
    let Some(mut server) = server() else { return };
    for url in [server.url(), server.unix_url()] {
        server.kill();
        let stores = both(&url);
        for store in &stores {
            assert_eq!(read(&**store), Err(StoreProblem::Unreachable));
        }
        server.restart();
        for store in &stores {
            assert_eq!(read(&**store), Ok(None));
        }
    }
}

#[test]
fn restarted_server_is_empty_and_costs_no_error() {
    let Some(mut server) = server() else { return };
    for store in both(&server.url()) {
        assert_eq!(replace(&*store, None, b"one"), Ok(true));
        server.kill();
        server.restart();
        assert_eq!(read(&*store), Ok(None));
        assert_eq!(replace(&*store, None, b"one"), Ok(true));
        server.kill();
        server.restart();
        assert_eq!(replace(&*store, None, b"two"), Ok(true), "over a new connection, too");
        server.command(&["FLUSHALL"]);
    }
}

#[test]
fn connection_that_the_server_closed_is_replaced_at_once() {
    let Some(server) = server() else { return };
    for store in both(&server.url()) {
        server.command(&["FLUSHALL"]);
        assert_eq!(read(&*store), Ok(None));
        for round in [b"1", b"2", b"3"] {
            assert_eq!(server.command(&["CLIENT", "KILL", "TYPE", "normal"]), "int(1)");
            let seen = read(&*store).unwrap();
            assert_eq!(server.command(&["CLIENT", "KILL", "TYPE", "normal"]), "int(1)");
            assert_eq!(replace(&*store, seen.as_deref(), round), Ok(true));
        }
    }
}

/// Each operation uses the connection of the one before.
#[test]
fn one_connection_serves_all_operations() {
    let Some(server) = server() else { return };
    for store in both(&server.url()) {
        server.command(&["FLUSHALL"]);
        let connections = || {
            let info = server.command(&["INFO", "stats"]);
            let (_, rest) = info.split_once("total_connections_received:").unwrap();
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().unwrap()
        };
        assert_eq!(read(&*store), Ok(None));
        let before = connections();
        for _ in 0..10 {
            assert_eq!(read(&*store), Ok(None));
            assert_eq!(replace(&*store, Some(b"one"), b"two"), Ok(false));
        }
        assert_eq!(connections(), before + 1, "the one of the question itself");
    }
}

#[test]
fn late_answer_of_a_stopped_server_is_never_read() {
    let Some(server) = server() else { return };
    for store in both_within(Duration::from_millis(100), &server.url()) {
        server.command(&["FLUSHALL"]);
        let patiently = |store: &dyn Store| loop {
            match read_of(store, &other_key()) {
                Err(StoreProblem::TimedOut) => {} // a busy machine
                answer => return answer,
            }
        };
        // Twice with a connection, and twice without one.
        assert_eq!(patiently(&*store), Ok(None));
        for document in [&b"one"[..], b"two"] {
            server.pause();
            assert_eq!(replace(&*store, None, document), Err(StoreProblem::TimedOut));
            assert_eq!(read(&*store), Err(StoreProblem::TimedOut));
            server.go_on();
            assert_eq!(patiently(&*store), Ok(None), "the key of the question");
        }
    }
}

/// A stopped server has a queue of connections. A Unix socket has no other sign of it.
#[test]
fn stopped_server_with_a_full_queue_blocks_no_thread() {
    let Some(server) = crate::stores::server_with(vec!["tcp-backlog 2"]) else { return };
    for url in [server.url(), server.unix_url()] {
        for store in both_within(Duration::from_millis(20), &url) {
            server.pause();
            for _ in 0..8 {
                let problem = read(&*store).unwrap_err();
                assert!(
                    matches!(problem, StoreProblem::TimedOut | StoreProblem::Unreachable),
                    "{problem:?}"
                );
            }
            server.go_on();
            // The server has emptied its queue when it answers this.
            server.command(&["PING"]);
        }
        let [store, tasks] = both_within(PATIENT, &url);
        assert_eq!((read(&*store), read(&*tasks)), (Ok(None), Ok(None)));
    }
}

#[test]
fn host_without_an_address_is_unreachable() {
    for store in both("redis://user:canary@no-such-host.invalid") {
        // The resolver of the operating system may take its time.
        let problem = read(&*store).unwrap_err();
        assert!(matches!(problem, StoreProblem::Unreachable | StoreProblem::TimedOut));
    }
}

#[test]
fn host_is_found_by_its_name() {
    let Some(server) = server() else { return };
    // Of the addresses of this name, the server listens at one only.
    for store in both(&server.url().replace("127.0.0.1", "localhost")) {
        assert_eq!(read(&*store), Ok(None));
    }
}
