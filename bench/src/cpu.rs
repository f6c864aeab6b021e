//! The CPU time of a thread, and the CPU that it runs on.
//!
//! On other systems than Linux, the wall-clock time stands for a thread's time, and threads are not
//! pinned.

pub use imp::Pinned;
pub(crate) use imp::thread_time;

#[cfg(target_os = "linux")]
mod imp {
    use std::time::Duration;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use rustix::time::{ClockId, clock_gettime};

    /// The CPU time of this thread, without the time of other threads.
    pub(crate) fn thread_time() -> Duration {
        clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
    }

    /// Keeps this thread, and the threads and processes that it starts, on one CPU.
    #[derive(Debug)]
    pub struct Pinned {
        before: Option<CpuSet>,
    }

    impl Pinned {
        /// Pins this thread to the `index`-th of its allowed CPUs. If this is not possible, the
        /// thread runs as before.
        pub fn to(index: usize) -> Self {
            let before = sched_getaffinity(None).ok().filter(|allowed| {
                let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
                let mut one = CpuSet::new();
                cpus.nth(index).is_some_and(|cpu| {
                    one.set(cpu);
                    sched_setaffinity(None, &one).is_ok()
                })
            });
            Self { before }
        }
    }

    impl Drop for Pinned {
        fn drop(&mut self) {
            if let Some(before) = &self.before {
                // This cannot fail, because the same CPUs were allowed before.
                let _ = sched_setaffinity(None, before);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(crate) fn thread_time() -> Duration {
        START.elapsed()
    }

    /// Pins no thread.
    #[derive(Debug)]
    pub struct Pinned;

    impl Pinned {
        /// Does nothing.
        pub fn to(_index: usize) -> Self {
            Self
        }
    }
}
