//! What threads and tasks share the session by, and the clocks they read.
//!
//! They have one place here, so that `model/` can put others in their stead, which it schedules and moves, and so check
//! [`session`](crate::session), [`passes`](crate::passes), [`lead`](crate::lead) and [`wait`](crate::wait) as they stand.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::time::{Instant, SystemTime};

pub(crate) use event_listener::{Event, EventListener, Listener};
pub(crate) use thread_local::ThreadLocal;
