//! Scenarios of a few threads under the schedules of `shuttle`: all of them, or many.

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

/// What one thread does with a world of its own test.
pub type Work<W, T> = Box<dyn FnOnce(W) -> T + Send>;

/// Runs threads over one world, and gives what they gave.
pub fn threads<W: Clone + Send + 'static, T: Send + 'static>(world: &W, work: Vec<Work<W, T>>) -> Vec<T> {
    let start = |work: Work<W, T>| {
        let world = world.clone();
        thread::spawn(move || work(world))
    };
    let handles: Vec<_> = work.into_iter().map(start).collect();
    handles.into_iter().map(|handle| handle.join().unwrap()).collect()
}

/// Every schedule of a small scenario; `floor` says how many there are at least.
pub fn exhaustively(law: &str, floor: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let schedules = explore(DfsScheduler::new(None, false), scenario);
    println!("{law}: {schedules} schedules, all there are");
    assert!(schedules >= floor, "{law}: the scenario has shrunk to {schedules} schedules");
}

/// Ten thousand schedules of a larger scenario: half at random, half with few, well-placed switches.
pub fn widely(law: &str, scenario: impl Fn() + Clone + Send + Sync + 'static) {
    let random = explore(RandomScheduler::new_from_seed(1, 5_000), scenario.clone());
    let pct = explore(PctScheduler::new_from_seed(2, 3, 5_000), scenario);
    println!("{law}: {random} random and {pct} PCT schedules");
    assert_eq!((random, pct), (5_000, 5_000));
}

fn explore(scheduler: impl Scheduler + 'static, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    // Shuttle's own 60 KiB are soon used up in a build for tests.
    config.stack_size = 1 << 17;
    config.failure_persistence = shuttle::FailurePersistence::None;
    Runner::new(scheduler, config).run(scenario)
}
