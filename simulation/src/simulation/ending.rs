//! The end of a run: all calls have ended, no client has shown a secret, and each client works
//! again soon after the server.

use std::time::Duration;

use super::Simulation;
use super::slot::Slot;
use crate::invariants::{HALF_A_MINUTE, RECOVERY, Violation};
use crate::machine::Machine;
use crate::setup::Kind;
use crate::watch::What;
use waldo_test_driver::server::{Policy, Servers};

/// The time between a call that was answered 401 and the next call. After this time, no 401 is
/// allowed any more.
const AFTER_OUTAGE: Duration = HALF_A_MINUTE.saturating_add(Duration::from_secs(1));

/// The time between any other call without a 200 and the next call.
const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);

impl<M: Machine> Simulation<'_, M> {
    /// No event is left. The server is restored, and then each client must work again.
    pub(super) fn end(&mut self) -> Result<(), Violation> {
        let unanswered = self.slots.iter().filter(|slot| slot.state.is_under_way()).count();
        self.see(0, What::Over { unanswered })?;
        for process in 0..self.machines.len() {
            self.listen(process)?;
        }
        self.undisturbed = false;
        self.draining = true;
        if self.key_revoked {
            self.restore_key();
        }
        self.server.clear_faults();
        let policy = Policy {
            known_after: Duration::ZERO,
            servers: Servers::Alike,
            ..self.setup.policy.clone()
        };
        self.server.set_policy(policy);
        self.record(&"the end", || {
            "all is well again, and each process must answer one more call".to_owned()
        });
        for process in 0..self.machines.len() {
            self.recover(process)?;
        }
        Ok(())
    }

    /// Judges the output of a client.
    fn listen(&mut self, process: usize) -> Result<(), Violation> {
        let now = self.clocks.now();
        let Some(machine) = self.machines.get(process) else { return Ok(()) };
        let said = machine.say(now);
        self.see(process, What::Says { said })
    }

    /// Checks that a new call is answered in time, after any history.
    fn recover(&mut self, process: usize) -> Result<(), Violation> {
        let mut first_refused = None;
        for calls in 1..=RECOVERY {
            let kind = Kind { process, ..Kind::default() };
            self.slots = vec![Slot::away(kind)];
            for _ in 0..60 {
                let Some((step, _)) = self.moves().first().copied() else { break };
                self.perform(step)?;
            }
            let status = self.slots.first().and_then(|slot| slot.caller.last);
            let now = self.clocks.elapsed();
            first_refused = (status == Some(401)).then(|| first_refused.unwrap_or(now));
            let refused_for = first_refused.map(|first| now.saturating_sub(first));
            self.see(process, What::Recovers { process, status, calls, refused_for })?;
            if status == Some(200) {
                break;
            }
            self.clocks.pass(if status == Some(401) { AFTER_OUTAGE } else { TEN_MINUTES });
        }
        Ok(())
    }
}
