//! The lock, the event and the clocks of the session.
//!
//! All are imported here, so that `model/` can replace them with versions that it schedules and
//! moves. Then it checks the unchanged files of [`session`](crate::session), [`lead`](crate::lead)
//! and [`wait`](crate::wait).

pub(crate) use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::time::{Instant, SystemTime};

pub(crate) use event_listener::{Event, EventListener, Listener};
