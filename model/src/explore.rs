//! The schedules of a scene.

use std::num::NonZeroUsize;
use std::panic::catch_unwind;

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use waldo_test_driver::setting::Setting;

use crate::stage::{Cast, Kind};
use crate::sync::Notify;

/// A scene of callers.
pub type Scene = fn(Cast);

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
/// each other, it also plays two callers of one kind under every schedule, up to a limit.
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
            let played = play(every, scene, Cast { callers: 2, kind, bell: Notify::Sound });
            let which = if played < limit { "all" } else { "the first" };
            println!("{kind:?}: {which} {played} schedules of two");
        }
        let mut played = 0;
        for bell in [Notify::Sound, Notify::Skittish] {
            let cast = Cast { callers: 4, kind, bell };
            played += play(plan.restless(), scene, cast);
            // One thread has one schedule, and the next task is drawn at random.
            if kind != Kind::TasksOfOneThread {
                played += play(plan.steady(), scene, cast);
            }
        }
        println!("{kind:?}: {played} random schedules of four");
    }
}

/// Whether the scene fails with this faulty event.
pub fn tells(scene: Scene, kind: Kind, bell: Notify) -> bool {
    let plan = Plan { schedules: 1000, seed: 1 };
    catch_unwind(|| play(plan.restless(), scene, Cast { callers: 4, kind, bell })).is_err()
}

fn play(scheduler: impl Scheduler + 'static, scene: Scene, cast: Cast) -> usize {
    let mut config = Config::new();
    // A session and its journal need more stack than coroutines have by default.
    config.stack_size = 0x4_0000;
    // More steps than any scene needs. The limit finds callers in endless loops.
    config.max_steps = MaxSteps::FailAfter(20_000);
    // The seed and the number of schedules repeat a failure.
    config.failure_persistence = FailurePersistence::None;
    Runner::new(scheduler, config).run(move || scene(cast))
}
