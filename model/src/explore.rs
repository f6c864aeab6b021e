//! The schedules of a scene.

use std::num::NonZeroUsize;
use std::panic::catch_unwind;

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use waldo_test_driver::setting::Setting;

use crate::fixture::{Kind, Setup};
use crate::sync::Fault;

/// A scene of callers.
pub type Scene = fn(Setup);

/// The number of schedules of each kind for a scene, and the random seed.
///
/// `WALDO_MODEL_SCHEDULES` and `WALDO_MODEL_SEED` change them.
#[derive(Clone, Copy, Debug)]
struct Plan {
    schedules: usize,
    seed: u64,
}

impl Plan {
    fn from_env() -> Self {
        let schedules = Setting::ModelSchedules.read().unwrap().map_or(50, NonZeroUsize::get);
        Self { schedules, seed: Setting::ModelSeed.read().unwrap().unwrap_or(1) }
    }

    /// All schedules, one after the other. They are short, so many are allowed.
    fn exhaustive(self) -> (DfsScheduler, usize) {
        let limit = 50 * self.schedules;
        (DfsScheduler::new(Some(limit), false), limit)
    }

    /// A scheduler that may switch to another caller at each step.
    fn restless(self) -> RandomScheduler {
        RandomScheduler::new_from_seed(self.seed, self.schedules)
    }

    /// A scheduler that switches callers at three places only. Most faults need no more switches.
    fn steady(self) -> PctScheduler {
        PctScheduler::new_from_seed(self.seed, 3, self.schedules)
    }
}

/// Plays the scene with four callers of each kind under random schedules. If the callers run beside
/// each other, it also runs two callers of one kind under every schedule, up to a limit.
#[expect(
    clippy::print_stdout,
    reason = "a test that fails shows what was printed, such as the seed"
)]
pub fn explore(scene: Scene, kinds: &[Kind]) {
    let plan = Plan::from_env();
    println!("{plan:?}");
    for &kind in kinds {
        if matches!(kind, Kind::Threads | Kind::Tasks) {
            let (every, limit) = plan.exhaustive();
            let explored = run(every, scene, Setup { callers: 2, kind, fault: Fault::None });
            let which = if explored < limit { "all" } else { "the first" };
            println!("{kind:?}: {which} {explored} schedules of two");
        }
        let mut explored = 0;
        for fault in [Fault::None, Fault::SpuriousWakeup] {
            let setup = Setup { callers: 4, kind, fault };
            explored += run(plan.restless(), scene, setup);
            // One thread has one schedule, and the next task is drawn at random.
            if kind != Kind::TasksOfOneThread {
                explored += run(plan.steady(), scene, setup);
            }
        }
        println!("{kind:?}: {explored} random schedules of four");
    }
}

/// Whether the scene fails with this faulty event.
pub fn finds_fault(scene: Scene, kind: Kind, fault: Fault) -> bool {
    let plan = Plan { schedules: 1000, seed: 1 };
    catch_unwind(|| run(plan.restless(), scene, Setup { callers: 4, kind, fault })).is_err()
}

fn run(scheduler: impl Scheduler + 'static, scene: Scene, setup: Setup) -> usize {
    let mut config = Config::new();
    // A session and its journal need more stack than coroutines have by default.
    config.stack_size = 0x4_0000;
    // More steps than any scene needs. The limit finds callers in endless loops.
    config.max_steps = MaxSteps::FailAfter(20_000);
    // The seed and the number of schedules repeat a failure.
    config.failure_persistence = FailurePersistence::None;
    Runner::new(scheduler, config).run(move || scene(setup))
}
