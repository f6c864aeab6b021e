//! The tests that each adapter must pass. An adapter implements [`Adapter`], and
//! [`test_adapter!`] makes one `#[test]` of each case.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a case that cannot go on has failed, and says where"
)]
#![expect(
    missing_docs,
    missing_debug_implementations,
    reason = "the name of a case says what the case proves, and nobody prints a server"
)]

mod adapter;
pub mod credentials;
pub mod crowds;
pub mod deadlines;
pub mod environment;
pub mod errors;
pub mod fleet;
mod listener;
pub mod loads;
pub mod redirects;
mod refuser;
mod scripted;
mod site;
mod stream;
pub mod uploads;

pub use adapter::{Adapter, Answer, Call, Failure, Kind, Payload, Setup};
pub use listener::{Heard, Listener};
pub use refuser::{Manner, Refuser};
pub use scripted::{Exchange, Scripted, jwt};
pub use site::{TIMEOUT, bounded, on_threads, run, with_one_login_for_all};
pub use stream::Stream;

/// Makes a test of each case that every adapter must pass.
#[macro_export]
macro_rules! test_adapter {
    ($adapter:ident) => {
        $crate::cases! { $adapter:
            credentials {
                rule_25_replaced_pair_costs_fleet_one_rejection
                rule_15_a_replaced_key_pair_costs_one_rejection_and_one_login
                rule_15_a_probe_uses_the_key_pair_of_the_source
            }
            crowds {
                rule_13_calls_without_token_share_one_login
                rule_13_a_storm_of_401s_is_exactly_one_login
                rule_14_failed_login_is_shared_by_all_waiters
                rule_14_waiters_retry_once_after_backoff
                waiting_call_logs_in_at_once_after_reset
                waiting_call_uses_resumed_token_at_once
            }
            deadlines {
                a_call_that_hangs_ends_with_its_timeout
                timeout_bounds_whole_call_not_each_attempt
                client_max_wait_bounds_each_call
                max_wait_does_not_bound_the_attempt
                rule_14_max_wait_excludes_time_of_sending
                rule_13_a_login_that_hangs_fails_before_its_lease_expires
                rule_13_a_login_outlives_a_call_that_has_less_time
                rule_14_wait_beyond_deadline_is_refused_at_once
                a_follower_waits_no_longer_than_it_may
            }
            environment { a_client_is_made_from_the_environment }
            errors {
                unreachable_server_is_unavailable_login_with_source
                a_call_that_breaks_is_not_sent_again
                revoked_key_is_detected_at_login_after_invalidate
                rule_24_rejected_login_keeps_error_of_broken_upload
            }
            fleet {
                rule_25_fleet_makes_one_login
                rule_25_revoked_token_costs_fleet_one_login
                rule_26_program_that_ends_after_its_call_leaves_its_token
                dropped_client_frees_its_session
                rule_25_sent_call_asks_no_store
                rule_26_store_that_falls_silent_after_renewal_fails_no_call
                rule_26_store_that_falls_silent_after_login_fails_no_call
                rule_26_store_that_fails_after_login_is_event_of_the_call
                rule_26_store_that_is_away_fails_no_call
                rule_26_unreadable_document_is_replaced
                rule_25_rejected_pair_is_tried_once_by_fleet
                rule_15_reset_with_same_pair_tries_pair_of_fleet_again
                rule_25_unavailable_login_is_shared_by_fleet
            }
            loads {
                rule_13_a_storm_of_500_answers_401_is_one_login
                rule_16_faults_under_load_cost_the_logins_that_they_must
            }
            redirects {
                rule_21_redirect_is_delivered_and_never_followed
                rule_01_a_login_is_not_redirected_with_the_key_pair
            }
        }
    };
}

/// Makes a test of each case about refused uploads. These cases hold for an adapter that sends a
/// stream without `Expect` at first, and reads no answer while it sends.
#[macro_export]
macro_rules! test_uploads {
    ($adapter:ident) => {
        $crate::cases! { $adapter:
            uploads {
                rule_24_upload_with_refused_token_is_resent
                rule_24_refused_uploads_block_no_later_call
                rule_24_uploads_at_once_share_one_login
                rule_24_upload_after_lost_401_uses_expect
                rule_24_server_answering_417_gets_the_body
                rule_24_broken_stream_gets_401_of_head_only_attempt
                rule_17_stream_with_expect_is_resent_after_401
                rule_24_connection_with_unsent_body_is_closed
            }
        }
    };
}

/// Makes a test of each named case.
#[macro_export]
macro_rules! cases {
    ($adapter:ident: $($module:ident { $($case:ident)* })*) => { $(
        mod $module { $(
            #[test]
            fn $case() {
                $crate::bounded($crate::$module::$case::<super::$adapter>);
            }
        )* }
    )* };
}

/// A case that no macro names would never run.
#[test]
fn each_case_is_named_once() {
    let here = include_str!("lib.rs");
    let files = [
        include_str!("credentials.rs"),
        include_str!("crowds.rs"),
        include_str!("deadlines.rs"),
        include_str!("environment.rs"),
        include_str!("errors.rs"),
        include_str!("fleet.rs"),
        include_str!("loads.rs"),
        include_str!("redirects.rs"),
        include_str!("uploads.rs"),
    ];
    let cases: Vec<_> = files
        .iter()
        .flat_map(|file| file.lines())
        .filter_map(|line| line.strip_prefix("pub fn ")?.split('<').next())
        .collect();
    assert!(cases.len() > 20, "{cases:?}");
    for case in cases {
        let named = here.split_whitespace().filter(|word| *word == case).count();
        assert_eq!(named, 1, "{case}");
    }
}
