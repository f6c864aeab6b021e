//! What the core says to people: each thing a sentence of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use waldo_auth_core::{
    Call, Challenge, Event, Head, Ignored, NotResumed, OriginError, Reason, SnapshotError,
};

use crate::world::{World, grant_of};

/// Each is a text of several words, and no other's.
#[track_caller]
fn all_differ<T: ToString>(things: &[T]) {
    let texts: BTreeSet<String> = things.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), things.len(), "{texts:?}");
    assert!(texts.iter().all(|text| text.contains(' ')), "{texts:?}");
}

#[test]
fn rule_22_every_entry_says_what_happened() {
    let life = Duration::from_secs(60);
    all_differ(&[
        Event::Adopted { edition: 1, life },
        Event::Ignored { why: Ignored::Blank },
        Event::Challenged { edition: 1, outcome: Challenge::Dropped },
        Event::Throttled { edition: 1 },
        Event::UploadBrokeOff { edition: 1 },
        Event::DoubtfulDropped { edition: 1 },
        Event::Accepted { edition: 1 },
        Event::LoginStarted { login: 1 },
        Event::LoginGranted { login: 1, edition: 1, life },
        Event::LoginRejected { login: 1, status: StatusCode::FORBIDDEN, code: "API_KEY_REVOKED" },
        Event::LoginUnavailable { login: 1, reason: Reason::Timeout },
        Event::LoginAbandoned { login: 1 },
        Event::Joined { login: 1 },
        Event::Latched { wait: life },
        Event::Lapsed { login: 1 },
        Event::Reset,
        Event::Invalidated,
        Event::Resumed { edition: 1, left: life },
    ]);
}

#[test]
fn rule_22_every_reason_to_ignore_something_says_which() {
    all_differ(&[
        Ignored::Blank,
        Ignored::Oversized,
        Ignored::NotJwt,
        Ignored::BadSignature,
        Ignored::EarlierEpoch,
        Ignored::NothingHeld,
        Ignored::NotLater,
        Ignored::ForeignOrigin,
        Ignored::OtherSession,
        Ignored::LateLogin,
    ]);
    all_differ(&[
        Challenge::Dropped,
        Challenge::NewerHeld,
        Challenge::FreshFromLogin,
        Challenge::NothingHeld,
    ]);
}

#[test]
fn an_error_says_what_is_wrong() {
    all_differ(&[
        OriginError::NotAUri,
        OriginError::NotAbsolute,
        OriginError::Insecure,
        OriginError::HasPath,
        OriginError::HasUserInfo,
    ]);
    all_differ(&[
        Reason::Transport,
        Reason::NameResolution,
        Reason::ConnectionRefused,
        Reason::Certificate,
        Reason::Tls,
        Reason::Timeout,
        Reason::Status(StatusCode::OK),
        Reason::NoToken,
        Reason::Compressed(StatusCode::OK),
        Reason::BodyTooLarge,
        Reason::BadSignature,
        Reason::DeadOnArrival,
    ]);
    all_differ(&[SnapshotError::NotJson, SnapshotError::OtherVersion, SnapshotError::Field("token")]);
    all_differ(&[
        NotResumed::Foreign,
        NotResumed::Ended,
        NotResumed::FromTheFuture,
        NotResumed::Refused,
        NotResumed::HeldLastsLonger,
        NotResumed::BadSignature,
    ]);
}

#[test]
fn a_status_that_the_api_does_not_answer_with_sends_its_reader_to_the_settings() {
    let advises = |status: StatusCode| Reason::Status(status).to_string().contains("check the origin");
    for status in [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND] {
        assert!(advises(status), "{status}");
    }
    for status in [StatusCode::FOUND, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE] {
        assert!(!advises(status), "{status}");
    }
}

/// What must not be shown is left out of these, and not these altogether.
#[test]
fn rule_20_what_holds_a_secret_still_says_what_it_is() {
    let mut world = World::new();
    let (login, _) = world.lead(Call::replayable());
    let token = world.fresh();
    let granted = grant_of(&login, &token);
    assert_eq!(format!("{granted:?}"), "Granted(Grant(…))");
    world.settle(login, granted);
    assert!(format!("{:?}", world.snapshot()).starts_with("Snapshot { origin: "));
    let headers = HeaderMap::new();
    assert_eq!(format!("{:?}", Head::new(StatusCode::OK, &headers)), "Head { status: 200, .. }");
}
