//! How a run ends: every call has ended, no secret was shown, and every client works again soon
//! after the server does.

use std::time::Duration;

use super::World;
use super::site::KEYS;
use super::slot::Slot;
use crate::laws::{EVERYONE_ENDS, OUTAGE_ENDS, SILENT, Violation};
use crate::machine::Machine;
use crate::server::{Policy, Servers};
use crate::setup::Kind;
use crate::watch::What;

/// The longest time for which a client keeps a refused token, or waits for a permit to drop it (rule
/// 16), and a second.
const HALF_A_MINUTE: Duration = Duration::from_secs(31);

impl<M: Machine> World<'_, M> {
    /// No event is left. The server is made well again; then each client must be, too.
    pub(super) fn end(&mut self) -> Result<(), Violation> {
        let unanswered = self.slots.iter().filter(|slot| slot.state.is_under_way()).count();
        self.see(0, What::Over { unanswered })?;
        self.silent()?;
        self.undisturbed = false;
        self.draining = true;
        if self.key_revoked {
            self.restore_key();
        }
        self.server.clear_faults();
        let policy =
            Policy { known_after: Duration::ZERO, servers: Servers::Alike, ..self.setup.policy.clone() };
        self.server.set_policy(policy);
        self.tell(&"the end", || "all is well again, and each process must answer one more call".to_owned());
        for process in 0..self.machines.len() {
            self.recover(process)?;
        }
        Ok(())
    }

    /// A new call is answered within bounds, after any history.
    fn recover(&mut self, process: usize) -> Result<(), Violation> {
        // The longest waits are the 15 minutes after a rejection, and a Retry-After of at most an
        // hour.
        let mut is_refused = false;
        for _ in 0..12 {
            let kind = Kind { process, ..Kind::default() };
            self.slots = vec![Slot::away(kind)];
            for _ in 0..60 {
                let Some((step, _)) = self.moves().first().copied() else { break };
                self.perform(step)?;
            }
            let answered = |status| self.slots.iter().any(|slot| slot.caller.last == Some(status));
            if answered(200) {
                return Ok(());
            }
            if answered(401) && is_refused {
                let what = format!("process {process} is still answered 401 half a minute later");
                return Err(Violation { law: OUTAGE_ENDS, what });
            }
            is_refused = answered(401);
            self.clocks.pass(if is_refused { HALF_A_MINUTE } else { Duration::from_secs(10 * 60) });
        }
        let what = format!("two hours after the server is well again, process {process} is not");
        Err(Violation { law: EVERYONE_ENDS, what })
    }

    fn silent(&self) -> Result<(), Violation> {
        for machine in &self.machines {
            let said = machine.say(self.clocks.now());
            let pairs = KEYS.iter().flat_map(|(key, secret)| [*key, *secret]);
            let secrets = self.tokens.texts().chain(pairs);
            if let Some(secret) = secrets.into_iter().find(|secret| said.contains(*secret)) {
                let what =
                    format!("a secret of {} bytes stands in what the client says of itself", secret.len());
                return Err(Violation { law: SILENT, what });
            }
        }
        Ok(())
    }
}
