use super::*;

const START: Time = Duration::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const SPAN: Duration = Duration::from_secs(31);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(second: u64) -> Time {
    START + seconds(second)
}

/// A token with a lifetime of one hour. The name tells it from other tokens.
fn token(name: &str) -> Snapshot {
    let json = json!({
        "version": 1,
        "origin": "https://api.waldo.ai",
        "key": "85944171f73967e8",
        "token": format!("eyJhbGciOiJIUzI1NiJ9.e30.{name:A<8}"),
        "began_ms": 1_800_000_000_000_u64,
        "lifetime_ms": 3_600_000,
    });
    Snapshot::from_json(json.to_string().as_bytes()).unwrap()
}

fn failure(wait: Duration) -> SharedFailure {
    let json = br#"{"unavailable":"status","status":503,"in_a_row":3}"#;
    SharedFailure::from_json(json, wait).unwrap()
}

/// A session without a debt and without a lease of its own.
const CLAIMANT: Claimant =
    Claimant { span: SPAN, debt: Duration::ZERO, own_lease: None, is_reset: false };

/// Claims for this session.
fn claim(document: &mut Document, worth: Worth, now: Time) -> Claimed {
    document.claim(|_| worth, CLAIMANT, now)
}

/// Claims for a session that has a use for any token, and must log in.
fn lease(document: &mut Document, now: Time) -> u64 {
    let claimed = claim(document, Worth::Usable, now);
    let Claimed::Yours(fence, _) = claimed else { panic!("{claimed:?}") };
    fence
}

/// A document with a token that has just begun, and the number of the token's login.
fn with_token(name: &str) -> (Document, u64) {
    let mut document = Document::default();
    let fence = lease(&mut document, START);
    document.publish(token(name), fence, HOUR, START);
    (document, fence)
}

/// The text of the shared token.
fn shared(document: &Document) -> Option<Snapshot> {
    document.token().map(|token| token.snapshot.clone())
}

/// A document in which each field has a value.
fn full() -> Document {
    let (mut document, fence) = with_token("a");
    document.refuse(Mark { token: u64::MAX, ends: at(900) });
    document.budget_full_at = at(100);
    document.harm(7, START);
    document.lease = Some(Lease { fence: fence + 1, ends: at(31) });
    document.failure = Some(Failure { failure: failure(Duration::ZERO), until: at(60) });
    document.private_until = at(1);
    document.written = START;
    document
}

mod claim {
    use super::*;

    #[test]
    fn first_session_logs_in_and_second_waits() {
        let mut document = Document::default();
        let fence = lease(&mut document, START);
        assert_eq!(claim(&mut document, Worth::Usable, at(1)), Claimed::Theirs(seconds(30)));
        document.publish(token("a"), fence, HOUR, at(2));
        let claimed = claim(&mut document, Worth::Usable, at(3));
        let shared = Token { snapshot: token("a"), fence, ends: at(3602) };
        assert_eq!(claimed, Claimed::Token(shared));
    }

    #[test]
    fn ended_lease_is_given_to_next_session_with_higher_number() {
        let mut document = Document::default();
        let first = lease(&mut document, START);
        assert_eq!(claim(&mut document, Worth::Usable, at(30)), Claimed::Theirs(seconds(1)));
        assert!(lease(&mut document, at(31)) > first);
    }

    #[test]
    fn reset_passes_rejection_only() {
        let json = br#"{"rejected":"API_KEY_REVOKED","status":403,"in_a_row":2}"#;
        let rejection = SharedFailure::from_json(json, seconds(60)).unwrap();
        for failure in [rejection, failure(seconds(60))] {
            let mut document = Document::default();
            let fence = lease(&mut document, START);
            document.fail(failure.clone(), fence, START);
            assert!(matches!(claim(&mut document, Worth::Usable, START), Claimed::Closed(_)));
            let reset = Claimant { is_reset: true, ..CLAIMANT };
            let claimed = document.claim(|_| Worth::Usable, reset, START);
            if failure.is_rejection() {
                assert!(matches!(claimed, Claimed::Yours(_, None)), "{claimed:?}");
                // The others wait for this login.
                assert_eq!(claim(&mut document, Worth::Usable, START), Claimed::Theirs(SPAN));
            } else {
                assert_eq!(claimed, Claimed::Closed(failure));
            }
        }
    }

    #[test]
    fn own_lease_is_no_obstacle() {
        let mut document = Document::default();
        let own = lease(&mut document, START);
        let claim = |document: &mut Document, own_lease| {
            document.claim(|_| Worth::Usable, Claimant { own_lease, ..CLAIMANT }, at(1))
        };
        assert_eq!(claim(&mut document, Some(own - 1)), Claimed::Theirs(seconds(30)));
        let claimed = claim(&mut document, Some(own));
        assert!(matches!(claimed, Claimed::Yours(fence, None) if fence > own), "{claimed:?}");
        assert_eq!(claim(&mut document, None), Claimed::Theirs(SPAN));
    }

    #[test]
    fn lease_is_limited_to_ten_minutes() {
        let mut document = Document::default();
        document.claim(|_| Worth::Usable, Claimant { span: HOUR, ..CLAIMANT }, START);
        assert_eq!(claim(&mut document, Worth::Usable, START), Claimed::Theirs(MAX_LEASE));
    }

    #[test]
    fn useless_token_stays_for_others() {
        let (mut document, first) = with_token("a");
        let claimed = claim(&mut document, Worth::Useless, at(1));
        assert!(matches!(claimed, Claimed::Yours(fence, None) if fence > first), "{claimed:?}");
        assert_eq!(shared(&document), Some(token("a")));
        assert_eq!(claim(&mut document, Worth::Useless, at(1)), Claimed::Theirs(SPAN));
        assert!(matches!(claim(&mut document, Worth::Usable, at(1)), Claimed::Token(_)));
    }

    #[test]
    fn given_up_token_is_refused_until_its_end() {
        let (mut document, _) = with_token("a");
        let mark = token("a").fingerprint();
        assert!(!document.has_refused(mark));
        let claimed = claim(&mut document, Worth::GivenUp, at(1));
        assert!(matches!(claimed, Claimed::Yours(..)), "{claimed:?}");
        assert_eq!(document.token(), None);
        document.expire(at(3599));
        assert!(document.has_refused(mark));
        document.expire(at(3600));
        assert!(!document.has_refused(mark));
    }

    #[test]
    fn oldest_of_seventeen_refused_tokens_is_forgotten() {
        let mut document = Document::default();
        for name in 0..=16 {
            document.refuse(Mark { token: name, ends: at(100) });
        }
        let refused = (0..=16).map(|name| document.has_refused(name));
        assert_eq!(refused.collect::<Vec<_>>(), [&[false][..], &[true; 16]].concat());
    }

    #[test]
    fn failed_login_closes_claims_until_its_wait_is_over() {
        let mut document = Document::default();
        let fence = lease(&mut document, START);
        document.fail(failure(seconds(10)), fence, START);
        let claimed = claim(&mut document, Worth::Usable, at(4));
        assert_eq!(claimed, Claimed::Closed(failure(seconds(6))));
        let claimed = claim(&mut document, Worth::Usable, at(10));
        let Claimed::Yours(next, Some(earlier)) = claimed else { panic!("{claimed:?}") };
        assert_eq!((earlier, next > fence), (failure(Duration::ZERO), true));
    }

    #[test]
    fn token_is_used_in_spite_of_failure() {
        let (mut document, _) = with_token("a");
        let fence = lease_in_spite_of_token(&mut document);
        document.fail(failure(seconds(10)), fence, at(1));
        assert!(matches!(claim(&mut document, Worth::Usable, at(1)), Claimed::Token(_)));
        let closed = Claimed::Closed(failure(seconds(10)));
        assert_eq!(claim(&mut document, Worth::Useless, at(1)), closed);
    }

    fn lease_in_spite_of_token(document: &mut Document) -> u64 {
        let claimed = claim(document, Worth::Useless, at(1));
        let Claimed::Yours(fence, None) = claimed else { panic!("{claimed:?}") };
        fence
    }

    #[test]
    fn private_fleet_shares_neither_token_nor_lease() {
        let (mut document, _) = with_token("a");
        document.harm(1, at(1));
        document.harm(2, at(2));
        for second in [2, 3601] {
            assert_eq!(claim(&mut document, Worth::Usable, at(second)), Claimed::Private);
        }
        assert!(matches!(claim(&mut document, Worth::Usable, at(3602)), Claimed::Yours(..)));
    }

    #[test]
    fn debt_of_leader_is_shared() {
        let mut document = Document::default();
        document.claim(|_| Worth::Usable, Claimant { debt: seconds(60), ..CLAIMANT }, START);
        assert_eq!(document.debt(at(10)), seconds(50));
        // A smaller debt changes nothing.
        document.claim(|_| Worth::Usable, Claimant { debt: seconds(1), ..CLAIMANT }, at(31));
        assert_eq!(document.debt(at(31)), seconds(29));
    }
}

mod publish {
    use super::*;

    #[test]
    fn renewed_token_of_same_login_replaces_shorter_one_only() {
        let (mut document, fence) = with_token("a");
        document.publish(token("b"), fence, seconds(3599), START);
        assert_eq!(shared(&document), Some(token("a")));
        document.publish(token("b"), fence, HOUR, START);
        assert_eq!(shared(&document), Some(token("a")), "it lasts as long");
        document.publish(token("b"), fence, HOUR, at(1));
        assert_eq!(shared(&document), Some(token("b")));
    }

    #[test]
    fn newer_login_wins_over_longer_life() {
        let (mut document, first) = with_token("a");
        document.publish(token("b"), first + 1, seconds(60), START);
        assert_eq!(shared(&document), Some(token("b")));
        document.publish(token("a"), first, HOUR, at(1));
        assert_eq!(shared(&document), Some(token("b")));
    }

    #[test]
    fn token_ends_after_rest_of_its_lifetime() {
        for (left, second) in [(seconds(60), 60), (seconds(7200), 3600)] {
            let mut document = Document::default();
            document.publish(token("a"), 1, left, START);
            assert_eq!(document.token().map(|token| token.ends), Some(at(second)));
        }
    }

    #[test]
    fn refused_token_does_not_come_back() {
        let (mut document, fence) = with_token("a");
        claim(&mut document, Worth::GivenUp, at(1));
        for fence in [0, fence, fence + 9999] {
            document.publish(token("a"), fence, HOUR, at(2));
            assert_eq!(document.token(), None, "{fence}");
        }
    }

    #[test]
    fn ended_token_is_not_shared() {
        let mut document = Document::default();
        let fence = lease(&mut document, START);
        document.publish(token("a"), fence, Duration::ZERO, at(1));
        assert_eq!((document.token(), document.lease), (None, None));
    }

    #[test]
    fn overtaken_leader_neither_shares_its_token_nor_ends_newer_lease() {
        let mut document = Document::default();
        let first = lease(&mut document, START);
        let second = lease(&mut document, at(31));
        document.publish(token("late"), first, HOUR, at(32));
        assert_eq!(document.token(), None);
        assert_eq!(document.lease.map(|lease| lease.fence), Some(second));
        document.publish(token("b"), second, HOUR, at(33));
        document.publish(token("late"), first, HOUR, at(34));
        assert_eq!((shared(&document), document.lease), (Some(token("b")), None));
    }

    #[test]
    fn token_of_login_without_store_is_shared_if_there_is_no_other() {
        let mut document = Document::default();
        let fence = lease(&mut document, START);
        document.publish(token("alone"), 0, HOUR, at(1));
        assert_eq!(shared(&document), Some(token("alone")));
        assert!(document.lease.is_some(), "the leader still logs in");
        document.publish(token("a"), fence, seconds(60), at(2));
        document.publish(token("alone"), 0, HOUR, at(3));
        assert_eq!(shared(&document), Some(token("a")));
    }

    #[test]
    fn leader_publishes_after_its_document_was_lost() {
        let (_, fence) = with_token("a");
        let mut lost = Document::default();
        lost.publish(token("a"), fence, HOUR, at(1));
        assert_eq!(shared(&lost), Some(token("a")));
        claim(&mut lost, Worth::GivenUp, at(2));
        assert!(lost.fence > fence);
    }

    #[test]
    fn leader_from_before_loss_is_overtaken_by_leader_from_after_it() {
        let (_, old) = with_token("a");
        let mut lost = Document::default();
        let new = lease(&mut lost, at(1));
        assert!(new > old, "numbers follow the clock");
        lost.publish(token("a"), old, HOUR, at(2));
        assert_eq!(lost.token(), None);
    }

    #[test]
    fn token_ends_failure() {
        let mut document = Document::default();
        let fence = lease(&mut document, START);
        document.fail(failure(Duration::ZERO), fence, START);
        let fence = lease(&mut document, at(1));
        document.publish(token("a"), fence, HOUR, at(2));
        assert_eq!(document.failure, None);
    }

    #[test]
    fn private_fleet_shares_no_token() {
        let (mut document, fence) = with_token("a");
        document.harm(1, at(1));
        document.harm(2, at(2));
        document.publish(token("b"), fence + 1, HOUR, at(3));
        assert_eq!(document.token(), None);
    }
}

mod fail {
    use super::*;

    #[test]
    fn failure_ends_lease_of_its_login() {
        let mut document = Document::default();
        let fence = lease(&mut document, START);
        document.fail(failure(seconds(1)), fence, at(1));
        assert_eq!(document.lease, None);
        assert_eq!(document.failure, Some(Failure { failure: failure(seconds(1)), until: at(2) }));
    }

    #[test]
    fn failure_of_overtaken_leader_is_ignored() {
        let mut document = Document::default();
        let first = lease(&mut document, START);
        let second = lease(&mut document, at(31));
        document.fail(failure(HOUR), first, at(32));
        assert_eq!(document.failure, None);
        assert_eq!(document.lease.map(|lease| lease.fence), Some(second));
    }

    #[test]
    fn failure_is_noted_after_document_was_lost() {
        let mut lost = Document::default();
        lost.fail(failure(seconds(9)), 5, START);
        let claimed = claim(&mut lost, Worth::Usable, START);
        assert_eq!(claimed, Claimed::Closed(failure(seconds(9))));
    }
}

mod harm {
    use super::*;

    fn is_private_after(harms: &[(u64, u64)]) -> bool {
        let mut document = Document::default();
        for (token, second) in harms {
            document.harm(*token, at(*second));
        }
        let last = harms.last().map_or(START, |(_, second)| at(*second));
        document.private_for(last) == HOUR
    }

    #[test]
    fn second_token_within_ten_minutes_ends_sharing_for_an_hour() {
        for (harms, is_private) in [
            (&[(1, 0)][..], false),
            (&[(1, 0), (2, 600)], true),
            (&[(1, 0), (2, 601)], false),
            (&[(1, 0), (2, 601), (3, 700)], true),
            (&[(1, 0), (1, 5)], false),
            (&[(1, 0), (1, 5), (2, 9)], true),
        ] {
            assert_eq!(is_private_after(harms), is_private, "{harms:?}");
        }
    }

    #[test]
    fn end_of_sharing_removes_token_lease_and_failure() {
        let mut document = full();
        document.private_until = Duration::ZERO;
        document.harm(8, at(2));
        let Document { token, lease, failure, harmed, .. } = document;
        assert_eq!((token, lease, failure, harmed), (None, None, None, None));
    }
}

mod time {
    use super::*;

    /// A clock that runs ahead makes a document, and somebody sets the clock right.
    #[test]
    fn all_times_move_back_with_the_clock() {
        let mut document = full();
        document.expire(START.saturating_sub(HOUR));
        let earlier = |second| at(second).saturating_sub(HOUR);
        assert_eq!(document.token().map(|token| token.ends), Some(START));
        assert_eq!(document.lease.map(|lease| lease.ends), Some(earlier(31)));
        assert_eq!(document.failure.as_ref().map(|failure| failure.until), Some(earlier(60)));
        assert_eq!(document.refused.iter().map(|mark| mark.ends).max(), Some(earlier(900)));
        assert_eq!(document.budget_full_at, earlier(100));
        assert_eq!(document.harmed.map(|harm| harm.at), Some(earlier(0)));
        assert_eq!(document.private_until, earlier(1));
        // Time goes on from there.
        document.expire(earlier(40));
        assert_eq!((document.lease, document.private_for(earlier(40))), (None, Duration::ZERO));
        assert_eq!(document.debt(earlier(40)), seconds(60));
    }

    #[test]
    fn document_of_the_last_day_has_ended_on_the_first_day() {
        let mut document = Document::default();
        document.publish(token("a"), 1, HOUR, Duration::MAX);
        document.expire(Duration::ZERO);
        assert_eq!(document.token(), None);
    }

    #[test]
    fn clock_set_back_gives_token_no_longer_life_than_its_own() {
        let (document, _) = with_token("a");
        let token = document.token().unwrap();
        assert_eq!(token.left(START.saturating_sub(HOUR)), HOUR);
        assert_eq!(token.left(at(600)), seconds(3000));
        assert_eq!(token.left(at(3601)), Duration::ZERO);
        let now = Now::new(Duration::ZERO, std::time::UNIX_EPOCH + seconds(5000));
        assert_eq!(token.anchored(at(600), now).left(now), seconds(3000));
    }

    #[test]
    fn numbers_of_logins_grow_while_clock_goes_back() {
        let mut document = Document::default();
        let first = lease(&mut document, START);
        let earlier = START.saturating_sub(HOUR);
        assert_eq!(claim(&mut document, Worth::Usable, earlier), Claimed::Theirs(SPAN));
        assert_eq!(lease(&mut document, earlier + SPAN), first + 1);
    }

    #[test]
    fn document_is_kept_as_long_as_its_longest_part() {
        let empty = Document::default();
        assert_eq!(empty.keep(START), seconds(1));
        let (with_token, _) = with_token("a");
        let mut leased = Document::default();
        lease(&mut leased, START);
        let mut failed = Document::default();
        failed.fail(failure(seconds(60)), 0, START);
        let refused = Document { refused: vec![Mark { token: 1, ends: at(50) }], ..empty.clone() };
        let in_debt = Document { budget_full_at: at(40), ..empty.clone() };
        let mut harmed = empty.clone();
        harmed.harm(1, START);
        let private = Document { private_until: at(3600), ..empty };
        for (document, second) in [
            (with_token, 3600),
            (leased, 31),
            (failed, 60 + 3600),
            (refused, 50),
            (in_debt, 40),
            (harmed, 600),
            (private, 3600),
        ] {
            assert_eq!(document.keep(START), seconds(second), "{document:?}");
        }
    }

    /// Some stores forget a document after `keep`, and others never do. Both must act alike.
    #[test]
    fn kept_document_acts_after_its_time_like_a_forgotten_one() {
        let parts: [fn(&mut Document); 6] = [
            |document| document.token = with_token("a").0.token,
            |document| document.lease = full().lease,
            |document| document.failure = full().failure,
            |document| document.refused = full().refused,
            |document| document.budget_full_at = at(100),
            |document| document.private_until = at(100),
        ];
        for set in parts {
            let mut kept = Document::default();
            set(&mut kept);
            let later = START + kept.keep(START);
            kept.expire(later);
            let claimed = claim(&mut kept.clone(), Worth::Usable, later);
            assert_eq!(claimed, claim(&mut Document::default(), Worth::Usable, later), "{kept:?}");
        }
    }
}

mod json {
    use super::*;

    fn read(json: &Value) -> Option<Document> {
        Document::from_json(json.to_string().as_bytes())
    }

    fn json_of(document: &Document) -> Value {
        serde_json::from_slice(&document.to_json()).unwrap()
    }

    #[test]
    fn document_is_read_as_it_was_written() {
        for document in [Document::default(), with_token("a").0, full()] {
            assert_eq!(Document::from_json(&document.to_json()), Some(document));
        }
    }

    #[test]
    fn absent_part_counts_as_null() {
        let mut json = json_of(&Document::default());
        for part in ["token", "lease", "failure", "harmed"] {
            assert!(json.as_object_mut().unwrap().remove(part).unwrap().is_null());
        }
        assert_eq!(read(&json), Some(Document::default()));
    }

    #[test]
    fn other_version_is_unreadable() {
        let mut json = json_of(&full());
        for version in [json!(0), json!(2), json!("1"), json!(null)] {
            json["version"] = version;
            assert_eq!(read(&json), None, "{json}");
        }
    }

    #[test]
    fn each_malformed_field_makes_document_unreadable() {
        let json = json_of(&full());
        let mut fields = 0;
        for pointer in pointers(&json) {
            // The texts of a failure are read leniently: another version may have other ones.
            if pointer == "/failure/failure/status" || pointer == "/failure/failure/unavailable" {
                continue;
            }
            for wrong in [json!("?"), json!(true), json!(-1), json!(0.5)] {
                let mut changed = json.clone();
                *changed.pointer_mut(&pointer).unwrap() = wrong.clone();
                assert_eq!(read(&changed), None, "{pointer} is {wrong}");
            }
            fields += 1;
        }
        assert_eq!(fields, 29, "{:?}", pointers(&json));
    }

    /// Each place in a document.
    fn pointers(json: &Value) -> Vec<String> {
        let children: Vec<_> = match json {
            Value::Object(object) => {
                object.iter().map(|(name, child)| (name.clone(), child)).collect()
            }
            Value::Array(array) => {
                array.iter().enumerate().map(|(place, child)| (place.to_string(), child)).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        let below = children.into_iter().flat_map(|(name, child)| {
            let name = format!("/{name}");
            let deeper = pointers(child).into_iter().map(|deeper| format!("{name}{deeper}"));
            std::iter::once(name.clone()).chain(deeper).collect::<Vec<_>>()
        });
        below.collect()
    }

    #[test]
    fn bytes_that_are_no_object_are_unreadable() {
        for bytes in [&b""[..], b"null", b"[]", b"{", b"{}", &[0xff; 9]] {
            assert_eq!(Document::from_json(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn times_beyond_the_range_are_written_as_the_largest() {
        let document = Document { private_until: Duration::MAX, ..Document::default() };
        let read = Document::from_json(&document.to_json()).unwrap();
        assert_eq!(read.private_until, Duration::from_millis(u64::MAX));
    }
}
