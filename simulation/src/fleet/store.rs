//! The store of a fleet in virtual time.

use std::time::Duration;

use waldo_store::{StoreError, StoreProblem, Stored};

use super::defect::Defect;
use super::driver::START;
use super::setup::Fault;

/// One document, and the store's clock.
#[derive(Debug)]
pub(super) struct VirtualStore {
    document: Option<Written>,
    /// The document before.
    earlier: Option<Written>,
    /// The second document of all.
    second: Option<Written>,
    /// How far the clock is ahead of the true time, in seconds.
    pub(super) ahead: i64,
    is_away: bool,
    defect: Option<Defect>,
    /// The number of operations.
    pub(super) operations: u64,
}

/// A document, and a hash of all that led to it. Two documents with one hash hold the same, although
/// each seal is another one.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) meaning: u64,
}

/// The store's clock at the start of a run: half an hour behind.
const AHEAD: i64 = -30 * 60;

impl VirtualStore {
    pub(super) fn new(is_away: bool, defect: Option<Defect>) -> Self {
        let (document, earlier, second) = (None, None, None);
        Self { document, earlier, second, ahead: AHEAD, is_away, defect, operations: 0 }
    }

    /// What decides how the store answers, as a hash.
    pub(super) fn meaning(&self) -> (Option<u64>, Option<u64>, i64) {
        let of = |written: &Option<Written>| written.as_ref().map(|written| written.meaning);
        (of(&self.document), of(&self.earlier), self.ahead)
    }

    /// Reads the document. `truth` is the true time since 1970.
    pub(super) fn read(
        &mut self,
        fault: Option<Fault>,
        truth: Duration,
    ) -> Result<(Stored, u64), StoreError> {
        self.operations += 1;
        if self.is_away || fault == Some(Fault::ReadFails) {
            return Err(unreachable());
        }
        let written = match self.defect {
            Some(Defect::StoreRevives) => self.second.clone().or_else(|| self.document.clone()),
            _ => self.document.clone(),
        };
        let meaning = written.as_ref().map_or(0, |written| written.meaning);
        let document = written.map(|written| written.bytes);
        let truth = match self.defect {
            Some(Defect::StoreClockStands) => START,
            _ => truth,
        };
        Ok((Stored { document, now: shifted(truth, self.ahead) }, meaning))
    }

    /// Replaces the document, if it still is `seen`.
    pub(super) fn replace(
        &mut self,
        seen: Option<&[u8]>,
        written: Written,
        fault: Option<Fault>,
    ) -> Result<bool, StoreError> {
        self.operations += 1;
        if self.is_away || fault == Some(Fault::ReplaceFails) {
            return Err(unreachable());
        }
        let is_seen = match self.defect {
            Some(Defect::StoreTellsBoth | Defect::StoreRevives) => true,
            _ => self.document.as_ref().map(|held| held.bytes.as_slice()) == seen,
        };
        if is_seen {
            self.put(written);
        }
        if fault == Some(Fault::AnswerLost) { Err(unreachable()) } else { Ok(is_seen) }
    }

    /// Writes a document, whatever it replaces.
    pub(super) fn put(&mut self, written: Written) {
        self.earlier = self.document.replace(written);
        if self.second.is_none() && self.earlier.is_some() {
            self.second = self.document.clone();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.document.is_none()
    }

    pub(super) fn has_an_earlier(&self) -> bool {
        self.earlier.is_some()
    }

    /// Whether this fault changed the document or the clock.
    pub(super) fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::DocumentLost => self.document = None,
            Fault::Replayed => self.document = self.earlier.clone(),
            Fault::Truncated => self.change(|bytes| bytes.truncate(bytes.len() / 2)),
            Fault::Garbled => self.change(|bytes| {
                if let Some(byte) = bytes.last_mut() {
                    *byte ^= 1;
                }
            }),
            Fault::ClockAhead => self.ahead += 60 * 60,
            Fault::ClockBack => self.ahead -= 60 * 60,
            Fault::ReadFails
            | Fault::ReplaceFails
            | Fault::AnswerLost
            | Fault::OtherSecret
            | Fault::Killed
            | Fault::Delay
            | Fault::Revoked
            | Fault::NewSigningKey
            | Fault::KeyRejected
            | Fault::Unavailable
            | Fault::LoginCut => {}
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(written) = &mut self.document {
            change(&mut written.bytes);
            // Each of these documents is unreadable, so that one hash stands for all.
            written.meaning = 1;
        }
    }
}

fn unreachable() -> StoreError {
    StoreError::new(StoreProblem::Unreachable, "the store of the simulation does not answer")
}

/// A time with an offset of so many seconds.
pub(super) fn shifted(time: Duration, seconds: i64) -> Duration {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { time.saturating_sub(by) } else { time.saturating_add(by) }
}
