//! What threads and tasks share the session by, and the clocks they read.
//!
//! They have one place here, so that `model/` can put others in their stead, which it schedules and moves, and so check
//! [`session`](crate::session), [`passes`](crate::passes), [`lead`](crate::lead) and [`wait`](crate::wait) as they stand.

use std::sync::atomic::AtomicUsize;

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::time::{Instant, SystemTime};

pub(crate) use event_listener::{Event, EventListener, Listener};

/// Tells a thread from others: they are numbered as they ask first. It is known in the destructors of a thread, too.
pub(crate) fn thread_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}
