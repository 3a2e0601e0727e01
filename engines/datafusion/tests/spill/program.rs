//! The worker program: this test program, started with the name of one of its tests. Its kernels write down what bounds
//! their memory, and how much of theirs went to files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use leafhold::expr::wire::ReadContext;
use leafhold::lower::Fragment;
use leafhold::run::process::worker_process;
use leafhold::run::work::WorkObservers;
use leafhold::run::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};
use leafhold_datafusion::{DataFusionCodec, DataFusionKernels, EngineFunctions};
use serde::{Deserialize, Serialize};

use crate::aftermath::Census;
use crate::disk::Disk;

const WORDS: &str = "LEAFHOLD_TEST_SPILL";
const DIES: &str = "LEAFHOLD_TEST_SPILL_DIES";

/// Not a test, but the worker: it does nothing unless a driver has started it.
#[test]
fn worker_program() {
    let Some(folder) = std::env::var_os(WORDS) else { return };
    Census::within(Path::new(&folder).parent().unwrap()).enter();
    let context = ReadContext::new(&EngineFunctions).with_codec(&DataFusionCodec);
    worker_process(&Telling(folder.into()), &WorkObservers::none(), &context).unwrap();
    std::process::exit(0);
}

/// The command that starts a worker, which has a folder of its own for temporary files.
pub fn command(words: &Path, temporary: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["program::worker_program", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(WORDS, words).env("TMPDIR", temporary);
    command
}

/// The command that starts a worker which ends as soon as it has something in a file.
pub fn command_that_dies(words: &Path, temporary: &Path) -> Command {
    let mut command = command(words, temporary);
    command.env(DIES, "");
    command
}

/// What a task found.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub process: u32,
    pub limit: Option<u64>,
    pub written: u64,
    pub files: usize,
}

/// DataFusion's kernels, which write down what each task found.
pub struct Telling(pub PathBuf);

impl Kernels for Telling {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let disk = Disk { dies: std::env::var_os(DIES).is_some(), ..Disk::of(context.spill.clone()) };
        let told = TaskContext { spill: Arc::new(disk.clone()), ..context.clone() };
        let result = DataFusionKernels.run(fragment, inputs, &told);
        let (limit, written, files) = (context.memory.limit(), disk.written(), disk.files());
        let told = Told { process: std::process::id(), limit, written, files };
        let name = format!("{}-{}-{}", told.process, fragment.token, context.partition);
        std::fs::write(self.0.join(name), serde_json::to_vec(&told).unwrap()).unwrap();
        result
    }
}

/// What all tasks found so far.
pub fn told(words: &Path) -> Vec<Told> {
    let files = std::fs::read_dir(words).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.map(|words| serde_json::from_slice(&words).unwrap()).collect()
}
