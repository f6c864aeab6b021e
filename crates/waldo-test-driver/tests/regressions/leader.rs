//! The call that logs in for all: gone, or waiting for itself.

use crate::meets;

/// `AzureAD/microsoft-authentication-library-for-dotnet#6053`: the call that logged in for all was
/// cancelled. The others are not: one of them takes over.
#[test]
fn microsoft_authentication_library_for_dotnet_6053_cancelled_leader_fails_no_other_call() {
    meets([
        "a-login-outlives-a-cancelled-call",
        "a-login-outlives-the-deadline-of-its-call",
        "a-cancelled-leader-hands-over",
        "a-dead-leader-delays-by-its-lease",
        "deadline-of-a-leader",
    ]);
}

/// `dhkts1/teamclaude-rs#325`: a client hung up in the middle of a refresh, the token that was
/// under way was lost, and the account was marked as broken. Here the next call logs in, and no
/// mark stays.
#[test]
fn teamclaude_rs_325_cancelled_leader_leaves_session_usable() {
    meets(["a-cancelled-leader-takes-its-token-with-it", "a-dead-leader-delays-by-its-lease"]);
}

/// `medplum/medplum#10559`: a 401 inside the refresh asked for the lock that the refresh held. A
/// login is no call: its 401 ends it, and waits for nobody.
#[test]
fn medplum_10559_a_401_to_the_login_ends_it() {
    meets(["rejected-invalid-api-key", "rejection-refuses-a-crowd"]);
}

/// `Flyrell/axios-auth-refresh#120`: the refresh request was queued behind itself. A login is sent
/// while everybody else waits for it, and carries no token.
#[test]
fn axios_auth_refresh_120_login_does_not_wait_for_itself() {
    meets(["cold-start", "one-login-for-a-crowd", "a-storm-of-401s-is-one-login"]);
}
