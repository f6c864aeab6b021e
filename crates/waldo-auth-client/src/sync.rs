//! What threads and tasks share the session by, and the clocks they read.
//!
//! They have one place here, so that `model/` can put others in their stead, which it schedules and
//! moves, and so check [`session`](crate::session), [`lead`](crate::lead) and [`wait`](crate::wait)
//! as they stand.

pub(crate) use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::time::{Instant, SystemTime};

pub(crate) use event_listener::{Event, EventListener, Listener};
