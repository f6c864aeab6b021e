//! The CPU time of a thread, and the CPU that it runs on.
//!
//! Elsewhere than on Linux, a thread's time is that of the clock on the wall, and nothing is
//! pinned.

pub use imp::Pinned;
pub(crate) use imp::thread_time;

#[cfg(target_os = "linux")]
mod imp {
    use std::time::Duration;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use rustix::time::{ClockId, clock_gettime};

    /// How long this thread has been running: what its neighbours take of the machine is not in it.
    pub(crate) fn thread_time() -> Duration {
        clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
    }

    /// Keeps this thread, and what it starts meanwhile, on one CPU.
    #[derive(Debug)]
    pub struct Pinned {
        before: Option<CpuSet>,
    }

    impl Pinned {
        /// To the `index`-th of the CPUs on which this thread may run; where that is not allowed,
        /// it runs as before.
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
                // It was allowed a moment ago, so there is no reason to fail.
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

    /// Keeps nothing anywhere.
    #[derive(Debug)]
    pub struct Pinned;

    impl Pinned {
        /// Does nothing.
        pub fn to(_index: usize) -> Self {
            Self
        }
    }
}
