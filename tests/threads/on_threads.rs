//! Scenes on threads of this process.

use std::sync::Arc;

use leafhold::run::{ExecutorOptions, LocalExecutor, Outcome, RunError};

use crate::behaviour::Behaving;
use crate::scene::Scene;
use crate::witness::observers;

impl Scene {
    /// An executor that does as the rows say, and tells this scene.
    pub fn executor(&self, threads: usize, options: ExecutorOptions) -> LocalExecutor {
        let executor = LocalExecutor::new(Arc::new(Behaving::default()), threads);
        executor.with_work_observers(observers()).with_options(options.with_observer(self.heard.clone()))
    }

    /// Runs the scene to its end.
    pub fn run(&mut self, threads: usize, options: ExecutorOptions) -> Result<Outcome, Box<RunError>> {
        let executor = LocalExecutor::new(Arc::new(Behaving::default()), threads);
        self.run_on(executor.with_work_observers(observers()).with_options(options))
    }
}
