//! Reports of real runs, on kernels of a few lines.

use std::sync::Arc;

use leafhold::lower::Fragment;
use leafhold::optimize::Plan;
use leafhold::run::{KernelError, Kernels, LocalExecutor, RunReport, SlotData, TaskContext, TaskOutput, collect};

use crate::kernels::RowKernels;
use crate::plans::{Builder, numbers};

/// A join of two leaves, both shuffled.
pub fn plan() -> Plan {
    let mut builder = Builder::default();
    let left = builder.delayed(&[numbers(0..40), numbers(40..80), numbers(80..90)]);
    let right = builder.values(&[numbers(0..50), numbers(50..100)]);
    let right = builder.project(&right, &[0, 1]);
    let joined = builder.join(&builder.hashed(&left), &builder.hashed(&right));
    let sorted = builder.sorted(&joined, None);
    builder.plan(&sorted)
}

/// The report of a run that went well.
pub fn shuffled() -> RunReport {
    collect(&plan(), &LocalExecutor::new(Arc::new(RowKernels::default()), 2)).unwrap().report
}

/// The same, as if one worker with many threads had run all of it.
pub fn on_one_worker() -> RunReport {
    let mut report = shuffled();
    for event in &mut report.tasks {
        event.worker = Some("tcp://10.0.0.1:4444".into());
        event.started = event.started.map(|started| started / 4);
    }
    report
}

/// Kernels that fail on joins.
struct Failing(RowKernels);

impl Kernels for Failing {
    fn run(&self, fragment: &Fragment, inputs: Vec<SlotData>, task: &TaskContext) -> Result<TaskOutput, KernelError> {
        match fragment.label.contains("join") {
            true => Err(KernelError::Compute("the join </script> failed\nin two lines".into())),
            false => self.0.run(fragment, inputs, task),
        }
    }
}

/// The report of a run that failed.
pub fn failed() -> RunReport {
    let executor = LocalExecutor::new(Arc::new(Failing(RowKernels::default())), 2);
    collect(&plan(), &executor).unwrap_err().report().unwrap().clone()
}
