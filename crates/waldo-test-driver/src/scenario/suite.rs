//! All scenarios.

use std::collections::BTreeSet;

use super::document::{Scenario, ScenarioError};

/// The files of the suite, each with its name.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $name, ".json")))),*]
    };
}

/// All files of `scenarios/`, as a test checks. Elementary scenarios come first, because their
/// failures cause later failures.
const FILES: &[(&str, &str)] = files![
    "cold-start",
    "held-token-is-reused",
    "each-answer-brings-the-next-token",
    "a-401-causes-one-login",
    "a-403-is-delivered",
    "a-422-is-delivered",
    "login-status-503",
    "rejected-invalid-api-key",
    "one-login-for-a-crowd",
    "a-replayable-body-is-sent-whole-again",
    "each-method-arrives-as-it-is",
    "a-query-arrives-as-it-is",
    "headers-arrive-as-they-are",
    "headers-beyond-ascii",
    "a-response-is-delivered-whole",
    "every-success-brings-the-next-token",
    "a-redirect-is-delivered",
    "a-foreign-origin-sees-nothing",
    "odd-spellings-of-the-origin",
    "odd-spellings-of-another-origin",
    "other-login-path",
    "renewal-lower-case",
    "renewal-colon",
    "renewal-bare",
    "renewal-several",
    "renewal-doubled",
    "renewal-blank",
    "renewal-malformed",
    "renewal-oversized",
    "renewals-come-from-successes-only",
    "a-304-takes-its-token-with-it",
    "an-error-takes-its-token-with-it",
    "login-answer-prefixed",
    "login-answer-created",
    "login-answer-header",
    "login-without-a-token",
    "login-not-json",
    "login-oversized",
    "login-padded",
    "login-single-quotes",
    "login-firewall",
    "login-redirect",
    "login-cut",
    "logins-that-are-always-cut",
    "login-cut-short",
    "login-hangs",
    "login-trickles",
    "login-floods",
    "login-floods-with-a-401",
    "login-503-without-an-end",
    "login-401-without-an-end",
    "login-compressed",
    "two-failures-in-a-row",
    "backoff-doubles",
    "retry-after-as-seconds",
    "retry-after-as-date",
    "retry-after-overflows",
    "retry-after-is-capped",
    "a-call-gives-up-after-three-failures",
    "failures-end",
    "backoff-is-shared",
    "a-401-to-a-login-blocks-no-call",
    "one-failure-for-all",
    "rejected-api-key-revoked",
    "rejected-missing-parameters",
    "rejected-with-an-unknown-code",
    "rejected-with-a-long-answer",
    "rejection-refuses-a-crowd",
    "probes-double",
    "a-new-rejection-begins-anew",
    "a-probe-finds-a-restored-key",
    "one-call-probes-for-all",
    "reset-closes-the-circuit",
    "the-same-key-pair-changes-nothing",
    "reset-to-another-key",
    "reset-wakes-who-waits",
    "deadline-behind-a-login",
    "deadline-before-a-backoff-ends",
    "deadline-of-a-leader",
    "deadline-of-a-request",
    "a-storm-of-401s-is-one-login",
    "no-dead-token-is-sent",
    "leeway-of-three-seconds",
    "leeway-of-a-tenth",
    "short-lives-cause-no-storm",
    "a-leeway-beyond-the-lifetime",
    "leeway-of-a-one-shot",
    "a-failed-early-login-keeps-the-token",
    "a-suspended-machine-sends-no-dead-token",
    "wall-clock-set-back",
    "wall-clock-set-forward",
    "wall-clock-wrong-by-years",
    "server-clock-behind",
    "server-clock-ahead",
    "without-a-date",
    "date-of-a-cache",
    "date-of-a-login",
    "date-of-a-renewal",
    "age-of-a-renewal",
    "only-exp-is-known",
    "exp-absent",
    "exp-absent-is-an-hour",
    "the-smaller-difference-counts",
    "iat-kept-from-the-login",
    "a-chain-of-renewals-ends",
    "equal-tokens-of-one-second",
    "strict-rotation-in-sequence",
    "strict-rotation-in-parallel",
    "strict-rotation-and-a-lost-response",
    "grace-rotation",
    "batch-echo-restamped",
    "batch-echo-of-the-sent-token",
    "batch-echo-blank",
    "batch-and-a-lost-response",
    "batch-of-calls-in-a-row",
    "late-response-keeps-the-newer-token",
    "late-response-with-a-fresher-token",
    "late-response-of-an-old-session",
    "late-response-of-an-old-session-that-lasts-longer",
    "late-response-after-invalidation",
    "late-401-drops-no-newer-token",
    "late-401-after-a-renewal",
    "invalidation-during-a-login",
    "reset-during-a-login",
    "a-new-signing-key-causes-one-login",
    "three-attempts-at-most",
    "one-resend-with-a-newer-token",
    "a-call-uses-the-login-of-another-call",
    "two-newer-tokens",
    "one-resend-after-a-login",
    "a-route-that-always-refuses",
    "the-drop-budget-fills-again",
    "a-token-that-nothing-accepts",
    "refusals-for-45-seconds-are-four-logins",
    "tokens-that-are-dead-on-arrival",
    "a-fresh-token-is-known-a-little-later",
    "a-deployment-of-a-new-signing-key",
    "a-cache-repeats-a-dead-renewal",
    "a-key-revoked-and-restored",
    "a-token-of-the-wrong-identity",
    "a-revoked-key-after-invalidation",
    "a-call-is-not-sent-again-for-a-503",
    "a-call-is-not-sent-again-for-a-cut",
    "a-head-counts-though-its-body-breaks-off",
    "a-head-counts-though-its-body-has-no-end",
    "a-one-shot-gets-its-401",
    "a-one-shot-is-not-sent-again-with-a-newer-token",
    "a-one-shot-on-a-cold-start",
    "a-login-outlives-a-cancelled-call",
    "a-login-outlives-the-deadline-of-its-call",
    "calls-shorter-than-a-login",
    "a-cancelled-leader-hands-over",
    "a-cancelled-leader-takes-its-token-with-it",
    "a-cancelled-call-leaves-no-trace",
    "a-dead-leader-delays-by-its-lease",
    "a-late-login-is-used",
    "two-late-logins-agree",
    "a-redirect-at-home-is-delivered",
    "a-stored-token-spares-a-login",
    "a-stored-token-that-has-ended",
    "a-stored-token-of-another-key",
    "a-stored-token-that-was-refused",
    "a-stored-token-that-is-dead",
    "an-upload-is-answered-behind-its-body",
    "an-upload-with-a-dead-token-recovers",
    "an-upload-with-a-dead-token-recovers-and-nothing-closes",
    "a-one-shot-upload-gets-its-401",
    "a-one-shot-upload-gets-its-401-and-nothing-closes",
];

/// All scenarios of the suite.
///
/// ```
/// assert!(waldo_test_driver::scenario::all().count() >= 40);
/// ```
pub fn all() -> impl Iterator<Item = Scenario> {
    // A test reads each file, so no scenario is left out.
    FILES.iter().filter_map(|(_, json)| Scenario::read(json).ok())
}

/// The scenario with this name.
///
/// ```
/// use waldo_test_driver::scenario;
///
/// let found = scenario::find("cold-start");
/// assert_eq!(found.map(|found| found.name().to_owned()), Some("cold-start".to_owned()));
/// assert!(scenario::find("no-such-name").is_none());
/// ```
pub fn find(name: &str) -> Option<Scenario> {
    let (_, json) = FILES.iter().find(|(file, _)| *file == name)?;
    Scenario::read(json).ok()
}

/// Reads your own scenarios, each with the name of its file without `.json`.
///
/// # Errors
/// A file cannot be read as a scenario, a name differs from the file's name, or two scenarios have
/// the same name. The error names the file.
pub fn read_all<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Scenario>, ScenarioError> {
    let mut names = BTreeSet::new();
    let read = |(file, json): (&str, &str)| {
        let wrong = |what: String| ScenarioError(format!("{file}.json: {what}"));
        let scenario = Scenario::read(json).map_err(|error| wrong(error.to_string()))?;
        if scenario.name() != file {
            return Err(wrong(format!(
                "name: it is {:?} in the file; give both the same",
                scenario.name()
            )));
        }
        if !names.insert(file.to_owned()) {
            return Err(wrong(
                "name: another scenario has it already; give each its own".to_owned(),
            ));
        }
        Ok(scenario)
    };
    files.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read_and_none_is_forgotten() {
        let read = read_all(FILES.iter().copied()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read.len(), all().count());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .to_str()
                    .unwrap()
                    .strip_suffix(".json")
                    .map(str::to_owned)
            })
            .collect();
        found.sort();
        let mut named: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        named.sort_unstable();
        assert_eq!(found, named);
    }
}
