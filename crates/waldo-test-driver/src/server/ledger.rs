//! The tokens that a server has issued and not yet forgotten.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::clock::Moment;
use super::key::KeyIndex;
use super::mint::Stamp;
use super::rotation::Rotation;

/// The smallest number of tokens for a sweep. With fewer tokens, a sweep would cost more than it
/// frees.
const SWEEP_FROM: usize = 64;

/// The largest number of tokens. If there are more, the older half is forgotten, so that the memory
/// of a long run stays bounded.
const MOST: usize = 1 << 19;

/// One issued token.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Entry {
    pub(super) key: KeyIndex,
    pub(super) chain: ChainId,
    /// The number of rotations of its chain when the token was issued.
    pub(super) generation: u64,
    pub(super) serial: u64,
    pub(super) issued: Moment,
    pub(super) expires: Moment,
    /// When all servers know the token; `None` if they know it at once.
    pub(super) known: Option<Moment>,
    /// When the grace after the token's successor ends.
    pub(super) dies: Option<Moment>,
}

/// One login and all tokens that descend from it.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Chain {
    pub(super) opened: Moment,
    pub(super) generation: u64,
    /// The last rotation or batch request, from which batch windows are measured.
    pub(super) touched: Option<Moment>,
    /// When the newest token of the chain expires.
    pub(super) expires: Moment,
}

/// The login that a token descends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ChainId(u64);

/// All tokens that may still be valid, by stamp.
///
/// The ledger has one small entry for each token that has neither expired nor been retired.
/// Whenever the ledger has doubled, expired tokens are removed. If it has more than [`MOST`]
/// tokens, the older half is forgotten.
#[derive(Clone, Hash)]
pub(super) struct Ledger {
    entries: BTreeMap<Stamp, Entry>,
    chains: BTreeMap<ChainId, Chain>,
    opened: u64,
    sweep_at: usize,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), chains: BTreeMap::new(), opened: 0, sweep_at: SWEEP_FROM }
    }

    /// Opens the chain of a login.
    pub(super) fn open(&mut self, opened: Moment, expires: Moment) -> ChainId {
        self.opened += 1;
        let id = ChainId(self.opened);
        self.chains.insert(id, Chain { opened, generation: 0, touched: None, expires });
        id
    }

    pub(super) fn chain(&self, id: ChainId) -> Option<Chain> {
        self.chains.get(&id).copied()
    }

    /// Counts one more rotation of a chain, and returns their number.
    pub(super) fn advance(&mut self, id: ChainId, expires: Moment, now: Moment) -> u64 {
        let Some(chain) = self.chains.get_mut(&id) else { return 0 };
        chain.generation += 1;
        chain.touched = Some(now);
        chain.expires = expires;
        chain.generation
    }

    /// Extends the window of a chain's batch.
    pub(super) fn touch(&mut self, id: ChainId, now: Moment) {
        if let Some(chain) = self.chains.get_mut(&id) {
            chain.touched = Some(now);
        }
    }

    /// Enters a token. A byte-identical token replaces the earlier one, and is valid.
    pub(super) fn enter(&mut self, stamp: Stamp, entry: Entry, now: Moment) {
        self.entries.insert(stamp, entry);
        // Sweep after the insertion, because the chain of a new login has no other token yet.
        if self.entries.len() > self.sweep_at {
            self.sweep(now);
        }
    }

    pub(super) fn find(&self, stamp: Stamp) -> Option<Entry> {
        self.entries.get(&stamp).copied()
    }

    pub(super) fn retire(&mut self, stamp: Stamp) {
        self.entries.remove(&stamp);
    }

    /// Limits the lifetime of a token to `end`.
    pub(super) fn limit(&mut self, stamp: Stamp, end: Moment) {
        if let Some(entry) = self.entries.get_mut(&stamp) {
            entry.dies = Some(entry.dies.map_or(end, |dies| dies.min(end)));
        }
    }

    /// Forgets all tokens, so that all are invalid.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.chains.clear();
    }

    /// Whether a token is valid at `now` under this rotation and this limit of chains.
    pub(super) fn alive(
        &self,
        entry: Entry,
        rotation: Rotation,
        limit: Option<Duration>,
        now: Moment,
    ) -> bool {
        let Some(chain) = self.chain(entry.chain) else { return false };
        let in_time = now < entry.expires
            && entry.known.is_none_or(|known| now >= known)
            && entry.dies.is_none_or(|dies| now < dies)
            && limit.is_none_or(|limit| now < chain.opened.plus(limit));
        let in_turn = match rotation {
            Rotation::Lenient | Rotation::Strict | Rotation::Grace(_) => true,
            Rotation::Batch { window, .. } => {
                match chain.generation.saturating_sub(entry.generation) {
                    0 | 1 => true,
                    2 => chain.in_window(window, now),
                    _ => false,
                }
            }
        };
        in_time && in_turn
    }

    fn sweep(&mut self, now: Moment) {
        self.entries
            .retain(|_, entry| now < entry.expires && entry.dies.is_none_or(|dies| now < dies));
        self.forget_oldest();
        let used: std::collections::BTreeSet<_> =
            self.entries.values().map(|entry| entry.chain).collect();
        self.chains.retain(|id, _| used.contains(id));
        self.sweep_at = (self.entries.len() * 2).clamp(SWEEP_FROM, MOST);
    }

    /// If there are too many tokens, keeps the newer half.
    fn forget_oldest(&mut self) {
        if self.entries.len() <= MOST {
            return;
        }
        let mut serials: Vec<u64> = self.entries.values().map(|entry| entry.serial).collect();
        let (_, median, _) = serials.select_nth_unstable(MOST / 2);
        let oldest = *median;
        self.entries.retain(|_, entry| entry.serial > oldest);
    }
}

impl Chain {
    /// Whether a request at `now` belongs to the batch of the last one.
    pub(super) fn in_window(&self, window: Duration, now: Moment) -> bool {
        self.touched.is_some_and(|touched| now < touched.plus(window))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({} tokens of {} logins)", self.entries.len(), self.chains.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::server::clock::ClockOffset;
    use crate::server::key::{Keys, Secret};

    /// A token with its own stamp and serial number.
    fn token(serial: u64, chain: ChainId, expires: Moment) -> (Stamp, Entry) {
        let stamp = Stamp::of(&format!("a.b.{serial:0>16}")).unwrap();
        let mut keys = Keys::default();
        keys.add(Secret::new("wk"), Secret::new("ws"));
        let (key, _) = keys.find("wk", "ws").unwrap();
        (
            stamp,
            Entry {
                key,
                chain,
                generation: 0,
                serial,
                issued: expires,
                expires,
                known: None,
                dies: None,
            },
        )
    }

    #[test]
    fn a_long_run_forgets_the_oldest_tokens() {
        let now = Moment::read(UNIX_EPOCH, ClockOffset::EXACT);
        let expires = now.plus(Duration::from_secs(3600));
        let mut ledger = Ledger::new();
        let total = MOST as u64 + MOST as u64 / 4;
        let mut most = 0;
        for serial in 1..=total {
            // Make a login for each token, to show that the number of chains is bounded too.
            let chain = ledger.open(now, expires);
            let (stamp, entry) = token(serial, chain, expires);
            ledger.enter(stamp, entry, now);
            most = most.max(ledger.entries.len()).max(ledger.chains.len());
        }
        assert!(most <= MOST + 1, "{most}");
        let alive = |serial| {
            let (stamp, _) = token(serial, ChainId(serial), expires);
            ledger
                .find(stamp)
                .is_some_and(|entry| ledger.alive(entry, Rotation::Lenient, None, now))
        };
        assert!(!alive(1) && !alive(MOST as u64 / 4) && alive(total - 1) && alive(total));
    }
}
