//! What threads share the session by, and the clocks they read: the standard library's.
//!
//! They have one place here, so that `model/` can put others in their stead, which it schedules and moves, and so check
//! [`monitor`](crate::monitor) and [`leader`](crate::leader) as they stand.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::time::{Instant, SystemTime};
