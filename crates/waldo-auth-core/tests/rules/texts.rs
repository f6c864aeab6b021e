//! The texts of the core that people read: each text says one thing.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use waldo_auth_core::{
    AdmitError, Call, Challenge, ConfigError, Event, Explanation, ForeignOrigin, Head, Ignored,
    Instant, NoToken, NotResumed, OriginError, Outcome, Reason, Refusal, SnapshotError,
    StoreProblem, StoreState, Unavailable,
};

use crate::fixture::{Fixture, ORIGIN, grant_of, read};

/// Each thing has exactly this text.
#[track_caller]
fn say<T: Display>(things: &[(T, &str)]) {
    for (thing, text) in things {
        assert_eq!(thing.to_string(), *text);
    }
}

/// Each text has these words, and no other text has them.
#[track_caller]
fn tell<T: Display>(things: &[(T, &str)]) {
    for (thing, words) in things {
        let with_words = things.iter().map(|(other, _)| other.to_string());
        let with_words: Vec<_> = with_words.filter(|text| text.contains(words)).collect();
        assert_eq!(with_words, [thing.to_string()], "{words}");
    }
}

/// A `main` that returns an error prints its `Debug`.
#[test]
fn an_error_that_a_main_returns_prints_its_sentence() {
    fn check<E: Error>(error: &E) {
        assert_eq!(format!("{error:?} {error:#?}"), format!("{error} {error}"));
    }
    check(&OriginError::NotAUri);
    check(&ConfigError::Origin(OriginError::NotAUri));
    check(&ConfigError::LoginPath);
    let foreign = ForeignOrigin { origin: ORIGIN.parse().unwrap() };
    check(&foreign);
    check(&AdmitError::ForeignOrigin(foreign));
    check(&AdmitError::TooManyHeaders);
}

/// Seen in specklesystems/speckle-server#1644: With everything redacted, a log cannot show which
/// token a request carried.
#[test]
fn rule_22_every_entry_says_what_happened() {
    let (lifetime, wait) = (Duration::from_secs(60), Duration::from_millis(1500));
    let (generation, login, status) = (7, 8, StatusCode::FORBIDDEN);
    say(&[
        (Event::Renewed { generation, lifetime }, "renewed to generation 7, which lasts 60.0s"),
        (Event::Ignored { why: Ignored::Blank }, "ignored a blank header"),
        (
            Event::Challenged { generation, outcome: Challenge::Dropped },
            "generation 7 was refused: it is dropped",
        ),
        (
            Event::Throttled { generation },
            "generation 7 was refused, but stays: too many tokens were dropped lately",
        ),
        (
            Event::UploadBrokeOff { generation },
            "an upload broke off: the server may have refused generation 7",
        ),
        (
            Event::DoubtfulDropped { generation },
            "a second upload broke off, so generation 7 is dropped",
        ),
        (Event::Accepted { generation }, "the server accepted generation 7"),
        (Event::LoginStarted { login }, "login 8 started"),
        (
            Event::LoginGranted { login, generation, lifetime },
            "login 8 granted generation 7, which lasts 60.0s",
        ),
        (
            Event::LoginRejected { login, status, code: "API_KEY_REVOKED" },
            "login 8 rejected with 403 API_KEY_REVOKED",
        ),
        (
            Event::LoginUnavailable { login, reason: Reason::Timeout },
            "login 8 failed: the server did not answer in time",
        ),
        (
            Event::LoginAbandoned { login },
            "login 8 was dropped before its answer came; let a login outlive its call",
        ),
        (Event::Coalesced { login }, "a call waits for login 8"),
        (Event::CircuitOpened { wait }, "the credentials are not tried again for 1.5s"),
        (Event::LeaseExpired { login }, "the lease of login 8 expired"),
        (Event::Reset, "the credentials were replaced"),
        (Event::Invalidated, "the held token was given up on request"),
        (
            Event::Resumed { generation, left: lifetime },
            "resumed a stored token as generation 7, 60.0s of its lifetime left",
        ),
        (
            Event::LoginFailedElsewhere { login, wait },
            "login 8 was not sent, because another program's login failed; the next login may start \
             in 1.5s",
        ),
        (Event::LoginPostponed { login }, "login 8 waits for another program's login"),
        (
            Event::FailuresAdopted { in_a_row: 3 },
            "the last 3 logins of all programs that share the store failed",
        ),
        (
            Event::BudgetShared { debt: lifetime },
            "other programs dropped tokens, so the invalidation budget is full again in 60.0s",
        ),
        (
            Event::StoreAway { problem: StoreProblem::Unreachable },
            "the store cannot be used, because it cannot be reached; this program logs in alone",
        ),
        (Event::StoreBack, "the store can be used again"),
        (
            Event::StoreUnreadable,
            "the document in the store cannot be read, and is replaced; give all programs that share \
             the store the same client secret",
        ),
        (
            Event::SharingHarmful,
            "the server ends tokens that programs share, so they do not share for an hour",
        ),
        (
            Event::SingleSession,
            "another program's login ended the held token; let all programs share one store",
        ),
    ]);
}

#[test]
fn rule_22_every_reason_to_ignore_something_says_which() {
    say(&[
        (Ignored::Blank, "a blank header"),
        (Ignored::Oversized, "a header of more than 16 KiB"),
        (Ignored::NotJwt, "a header that is no JWT"),
        (Ignored::BadSignature, "a token that is not signed with the client secret"),
        (Ignored::EarlierEpoch, "a response that belongs to an earlier login"),
        (Ignored::NothingHeld, "a token whose predecessor was dropped meanwhile"),
        (Ignored::NotLater, "a token that ends no later than the held one"),
        (Ignored::GivenUp, "a token that was given up before"),
        (Ignored::ForeignOrigin, "a response from another origin"),
        (Ignored::OtherSession, "what belongs to another session"),
        (Ignored::LateLogin, "the outcome of an overtaken login"),
    ]);
    say(&[
        (Challenge::Dropped, "it is dropped"),
        (Challenge::NewerHeld, "a newer one is held already"),
        (
            Challenge::FreshFromLogin,
            "it came straight from a login, so the refusal is about the route",
        ),
        (Challenge::NothingHeld, "it was dropped already"),
        (Challenge::NotAccepted, "the server may not know it yet, so it stays for now"),
    ]);
}

#[test]
fn rule_22_an_explanation_says_what_comes_and_why() {
    let (left, wait) = (Duration::from_secs(60), Duration::from_millis(1500));
    let refusal = Refusal::Unavailable {
        failure: Unavailable::new(Reason::Timeout),
        retry_at: Instant::from_start(Duration::ZERO),
    };
    let log_in = |store| Explanation::Authenticate { why: NoToken::NeverLoggedIn, store };
    let send = |doubtful| Explanation::Send { generation: 7, left, doubtful };
    say(&[
        (send(false), "the next call would be sent with generation 7, which has 60.0s left"),
        (
            send(true),
            "the next call would be sent with generation 7, which has 60.0s left; an upload with this \
             token broke off, so the server may refuse the token",
        ),
        (
            log_in(StoreState::None),
            "the next call would log in, because there has been no token yet",
        ),
        (
            log_in(StoreState::Shared),
            "the next call would ask the store for a token, or log in, because there has been no \
             token yet",
        ),
        (
            log_in(StoreState::Away(StoreProblem::TimedOut)),
            "the next call would log in, because there has been no token yet; the store cannot be \
             used, because it does not answer in time",
        ),
        (
            log_in(StoreState::Private),
            "the next call would log in, because there has been no token yet; the store is not used, \
             because the server ends tokens that programs share",
        ),
        (
            Explanation::WaitForLogin { login: 8, at_most: wait },
            "the next call would wait for login 8, which is under way, for at most 1.5s",
        ),
        (
            Explanation::BackOff { wait },
            "the next call would wait 1.5s, because the last login brought no token",
        ),
        (
            Explanation::Refuse { refusal, remaining: wait },
            "the next call would be refused, and so for another 1.5s: login unavailable: the server \
             did not answer in time",
        ),
    ]);
    say(&[
        (NoToken::NeverLoggedIn, "there has been no token yet"),
        (NoToken::Expired, "the lifetime of the held token is over"),
        (NoToken::Refused, "the server refused the last token"),
        (NoToken::Doubtful, "two uploads in a row broke off with the last token"),
        (NoToken::Invalidated, "the last token was invalidated"),
        (NoToken::Reset, "the credentials were replaced"),
    ]);
}

#[test]
fn rule_22_a_refusal_says_why_and_what_to_do() {
    let retry_at = Instant::from_start(Duration::ZERO);
    let timeout = Unavailable::new(Reason::Timeout);
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let rejected = |status, code: &str| {
        let outcome = read(&login, status, &HeaderMap::new(), &format!(r#"{{"code":"{code}"}}"#));
        let Outcome::Rejected(rejection) = outcome else { panic!("{outcome:?}") };
        Refusal::Rejected { rejection, retry_at }
    };
    say(&[
        (
            rejected(401, "INVALID_API_KEY"),
            "login rejected with 401 INVALID_API_KEY: check the API key and the client secret",
        ),
        (
            rejected(403, "API_KEY_REVOKED"),
            "login rejected with 403 API_KEY_REVOKED: activate the API key again on the Waldo \
             dashboard, or use another one",
        ),
        (
            rejected(400, "MISSING_PARAMETERS"),
            "login rejected with 400 MISSING_PARAMETERS: the server did not find the key pair in the \
             request; check the login path",
        ),
        (
            rejected(401, "OTHER_CODE"),
            "login rejected with 401 OTHER_CODE: see the Waldo API's documentation for this code",
        ),
        (
            Refusal::Unavailable { failure: timeout.clone(), retry_at },
            "login unavailable: the server did not answer in time",
        ),
        (
            Refusal::Deadline { failure: Some(timeout), retry_at },
            "the call's deadline comes before the next login can bring a token; login unavailable: \
             the server did not answer in time",
        ),
        (
            Refusal::Deadline { failure: None, retry_at },
            "the call's deadline comes before a login can bring a token; give the call more time, or \
             ask for a token ahead",
        ),
    ]);
}

#[test]
fn an_error_says_what_is_wrong() {
    tell(&[
        (OriginError::NotAUri, "is not a URI; write it like https://"),
        (OriginError::NotAbsolute, "needs http or https, a host, and a valid port"),
        (OriginError::Insecure, "must use https; http is allowed to this machine only"),
        (OriginError::HasPath, "must end after the host and port; the login path is a setting"),
        (OriginError::HasUserInfo, "must not hold a user name"),
    ]);
    tell(&[
        (Reason::Transport, "could not be reached, or the connection broke off; check the origin"),
        (Reason::NameResolution, "name does not resolve; check the host in the origin"),
        (Reason::ConnectionRefused, "refused the connection; check the port in the origin"),
        (Reason::Certificate, "certificate is not trusted; check the host in the origin"),
        (Reason::Tls, "do not agree on TLS; check the scheme and the port"),
        (Reason::Timeout, "did not answer in time"),
        (Reason::Panicked, "the code that sent the login panicked"),
        (Reason::Status(StatusCode::BAD_GATEWAY), "the server answered 502"),
        (Reason::Status(StatusCode::NOT_FOUND), "answered 404, and not as the API does"),
        (Reason::NoToken, "holds no usable token; check the origin and the login path"),
        (Reason::Compressed(StatusCode::OK), "answered 200 with a compressed body"),
        (Reason::BodyTooLarge, "larger than 64 KiB; check the origin and the login path"),
        (
            Reason::BadSignature,
            "is not signed with the client secret; switch the signature check off",
        ),
        (Reason::DeadOnArrival, "had ended when it arrived"),
    ]);
    tell(&[
        (SnapshotError::NotJson, "is not JSON; remove it and log in"),
        (SnapshotError::OtherVersion, "is of another version; remove it and log in"),
        (SnapshotError::Field("token"), "field token is missing or unreadable; remove it"),
    ]);
    tell(&[
        (NotResumed::Foreign, "belongs to another origin or API key"),
        (NotResumed::Expired, "the stored token has ended"),
        (NotResumed::FromTheFuture, "began in the future, so a clock is wrong"),
        (NotResumed::Refused, "the stored token is the one that was given up"),
        (NotResumed::HeldLastsLonger, "the held token lasts at least as long"),
        (NotResumed::BadSignature, "is not signed with the client secret"),
    ]);
    let setting = "lease";
    let (least, most) = (Duration::from_millis(1), Duration::from_secs(3600));
    tell(&[
        (ConfigError::Name, "the name must have 1 to 64 letters"),
        (ConfigError::Origin(OriginError::NotAUri), "the origin is not a URI"),
        (ConfigError::LoginPath, "login path must be a path that begins with '/'"),
        (ConfigError::LeewayTooLarge, "share of a leeway must be at least 2"),
        (ConfigError::ChallengeStatus, "challenge_statuses must be 4xx other than 417"),
        (ConfigError::Duration { setting, least, most }, "lease must be from 1ms to 3600s"),
        (ConfigError::Count { setting, least: 1, most: 100 }, "lease must be from 1 to 100"),
    ]);
}

#[test]
fn unexpected_status_error_advises_checking_the_origin() {
    let advises =
        |status: StatusCode| Reason::Status(status).to_string().contains("check the origin");
    for status in [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND] {
        assert!(advises(status), "{status}");
    }
    for status in
        [StatusCode::FOUND, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE]
    {
        assert!(!advises(status), "{status}");
    }
}

/// The `Debug` text of these types omits the secrets, but not the whole value.
#[test]
fn rule_20_debug_of_secret_types_names_the_type() {
    let mut fixture = Fixture::new();
    let (login, _) = fixture.lead(Call::replayable());
    let token = fixture.fresh();
    let granted = grant_of(&login, &token);
    assert_eq!(format!("{granted:?}"), "Granted(Grant(…))");
    fixture.settle(login, granted);
    assert!(format!("{:?}", fixture.snapshot()).starts_with("Snapshot { origin: "));
    let headers = HeaderMap::new();
    assert_eq!(format!("{:?}", Head::new(StatusCode::OK, &headers)), "Head { status: 200, .. }");
}
