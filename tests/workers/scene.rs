//! A run on worker processes, and what must hold however it ends.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use leafhold::run::process::ProcessExecutor;
use leafhold::run::{Outcome, RunError, RunReport, TemporaryFolder};

use crate::kernels::Row;
use crate::plans::{Builder, Node};
use crate::program::Census;
pub use crate::run_scene::{Belongings, Heard, partitions, partitions_with, rows, states};

/// A run that will be, and who knows of its processes.
pub struct Scene {
    pub census: Arc<Census>,
    scene: crate::run_scene::Scene,
}

impl Deref for Scene {
    type Target = crate::run_scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.scene
    }
}

impl Scene {
    /// A scene of some plan, of which nothing else is kept.
    pub fn of(builder: Builder, root: &Node) -> Self {
        Scene { census: Census::new(), scene: crate::run_scene::Scene::of(builder, root) }
    }

    /// Futures of some partitions, hashed into three, gathered and sorted.
    pub fn shuffle(partitions: &[Vec<Row>]) -> Self {
        Scene { census: Census::new(), scene: crate::run_scene::Scene::shuffle(partitions) }
    }

    /// Runs the scene to its end on these workers. Driver and workers have the same folder for temporary files.
    pub fn run(&mut self, executor: ProcessExecutor) -> Result<Outcome, Box<RunError>> {
        self.scene.run_on(executor.with_spill_target(TemporaryFolder::within(self.census.temporary())))
    }

    /// The same, but the driver's rows go elsewhere.
    pub fn run_as_it_is(&mut self, executor: ProcessExecutor) -> Result<Outcome, Box<RunError>> {
        self.scene.run_on(executor)
    }

    /// What holds of every run, once its executor is gone: what does on threads, and nothing is left of processes and files.
    pub fn assert_clean(&self, report: &RunReport) {
        self.census.assert_nobody_left();
        self.scene.assert_clean(report);
    }

    /// The same without a report.
    pub fn assert_nothing_left(&self) {
        self.census.assert_nobody_left();
        self.scene.assert_nothing_left();
    }
}
