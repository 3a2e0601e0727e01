use std::fmt;
use std::process::Command;
use std::sync::Arc;

use super::ProcessOptions;
use super::worker::{ProcessWorker, Setting};
use crate::expr::wire::{Codec, NoCodec};
use crate::run::work::WorkObservers;
use crate::run::{Kernels, Worker, Workers};

/// Workers that are processes of this machine, started by a command: what crashes or hangs takes down its
/// own process, and the task is tried on another while retries are left.
///
/// The command must start a program that calls [`worker_process`](super::worker_process) with the kernels of
/// the same engine and of the same release. A process is started with the first task of its slot, runs one
/// task after the other, of all runs, and goes with the executor; one that is lost is started again with the next task.
/// On Unix, what it has started itself goes with it, unless that is in another group of processes.
///
/// A fragment that cannot be sent (a barrier, a function of this process, a table without a codec) runs in
/// the driver, on the thread of the slot and with `kernels`; the report calls its worker `driver-0`.
/// The inputs of tasks are read by the driver, futures too, and sent as Arrow streams.
///
/// A limit of memory bounds what the driver keeps for readers, and as much again what the processes hold: in equal
/// shares, one for each slot. Against its share a process counts what its kernels hold, and rows that it keeps for several tasks.
/// What finds no room there goes to temporary files of the process's own, which have no name.
pub struct ProcessWorkers {
    setting: Arc<Setting>,
    slots: usize,
}

impl ProcessWorkers {
    /// So many worker processes, at least one, each started by what `program` makes. Its standard streams
    /// belong to the executor; what it says on standard error is part of the cause when it is lost.
    pub fn new(kernels: Arc<dyn Kernels>, slots: usize, program: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        let (program, options) = (Box::new(program), ProcessOptions::default());
        let setting = Setting { kernels, observers: Arc::default(), codec: Arc::new(NoCodec), program, options };
        ProcessWorkers { setting: Arc::new(setting), slots: slots.max(1) }
    }

    /// What writes tables and extensions of the engine, so that fragments with such can be sent.
    pub fn with_codec(mut self, codec: Arc<dyn Codec>) -> Self {
        self.change(|setting| setting.codec = codec);
        self
    }

    /// The observers that runs may ask for: those that ship, unless others are given. They are those that the
    /// command's program gives to [`worker_process`](super::worker_process); a run that asks for one which either does not
    /// know fails before anything runs.
    pub fn with_work_observers(mut self, observers: WorkObservers) -> Self {
        self.change(|setting| setting.observers = Arc::new(observers));
        self
    }

    /// Other limits.
    pub fn with_options(mut self, options: ProcessOptions) -> Self {
        self.change(|setting| setting.options = options);
        self
    }

    fn change(&mut self, change: impl FnOnce(&mut Setting)) {
        // Nobody else has it before the first worker is made.
        if let Some(setting) = Arc::get_mut(&mut self.setting) {
            change(setting);
        }
    }
}

impl fmt::Debug for ProcessWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessWorkers").field("slots", &self.slots).field("options", &self.setting.options).finish()
    }
}

impl Workers for ProcessWorkers {
    fn slots(&self) -> usize {
        self.slots
    }

    fn name(&self, slot: usize) -> String {
        format!("process-{slot}")
    }

    fn worker(&self, slot: usize) -> Box<dyn Worker> {
        Box::new(ProcessWorker::new(self.setting.clone(), slot, self.slots, self.name(slot).into()))
    }

    fn hash_function(&self) -> Option<&str> {
        // The processes have kernels of the same release.
        self.setting.kernels.hash_function()
    }

    fn observers(&self) -> &WorkObservers {
        &self.setting.observers
    }
}
