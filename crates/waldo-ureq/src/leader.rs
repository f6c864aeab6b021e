//! The thread that logs in while the others wait.

use waldo_auth_core::{Login, Outcome};

use crate::monitor::Monitor;

/// The duty to settle a login.
///
/// However the thread ends, the login is settled: with its outcome, or as abandoned when the thread unwinds.
pub(crate) struct Leader<'a> {
    monitor: &'a Monitor,
    login: Option<Login>,
}

impl<'a> Leader<'a> {
    pub(crate) fn new(monitor: &'a Monitor, login: Login) -> Self {
        Self { monitor, login: Some(login) }
    }

    /// Logs in, and settles the login with what comes of it.
    pub(crate) fn log_in(mut self, authenticate: impl FnOnce(&Login) -> Outcome) {
        let Some(login) = &self.login else { return };
        let outcome = authenticate(login);
        if let Some(login) = self.login.take() {
            self.monitor.settle(login, outcome);
        }
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        if let Some(login) = self.login.take() {
            self.monitor.settle(login, Outcome::Abandoned);
        }
    }
}
