//! Kernels that say when they begin, and the worker program, which has them too: this test program, started with the
//! name of one of its tests.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use leafhold::expr::wire::ReadContext;
use leafhold::lower::{Fragment, FragmentOp};
use leafhold::run::process::worker_process;
use leafhold::run::work::WorkObservers;
use leafhold::run::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};
use leafhold_datafusion::{DataFusionCodec, DataFusionKernels, EngineFunctions};

use crate::aftermath::Census;

const SOCKET: &str = "LEAFHOLD_TEST_SOCKET";

/// Not a test, but the worker: it does nothing unless a driver has started it.
#[test]
fn worker_program() {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    Census::within(Path::new(&socket).parent().unwrap()).enter();
    let context = ReadContext::new(&EngineFunctions).with_codec(&DataFusionCodec);
    worker_process(&Announced(socket.into()), &WorkObservers::none(), &context).unwrap();
    std::process::exit(0);
}

/// The command that starts a worker.
pub fn command(socket: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["program::worker_program", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(SOCKET, socket);
    command
}

/// More rows than this are work that is to be cancelled.
const MANY: usize = 1000;

/// The operators that come to an end, however many rows there are.
const ENDS: [&str; 4] = ["filter", "sort", "hash-aggregate", "window"];

/// DataFusion's kernels, which say which process begins a fragment, and with which of its operators it ends.
///
/// Work over many rows that comes to an end begins only when it is told to stop, so that it cannot be over before: whoever
/// ignores that is caught, however busy the machine is. That it is noticed in the midst, too, is counted in `looks.rs`,
/// and seen in work that never ends.
pub struct Announced(pub PathBuf);

impl Kernels for Announced {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let names = fragment.nodes.iter().filter_map(|node| match &node.op {
            FragmentOp::Compute { op, .. } => Some(op.name()),
            _ => None,
        });
        let names: Vec<_> = names.collect();
        let words = format!("{} {}", std::process::id(), names.join(" "));
        // Nobody listens any more once the test has heard enough.
        if let Ok(mut stream) = UnixStream::connect(&self.0) {
            let _ = stream.write_all(words.as_bytes());
        }
        let rows = inputs.iter().flatten().flat_map(|source| source.iter()).map(|batch| batch.num_rows());
        if rows.sum::<usize>() > MANY
            && names.iter().any(|name| ENDS.contains(name))
            && !names.iter().any(|name| name.ends_with("-join"))
        {
            let until = Instant::now() + Duration::from_secs(60);
            while !context.is_cancelled() {
                assert!(Instant::now() < until, "nobody has cancelled `{words}`");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        DataFusionKernels.run(fragment, inputs, context)
    }
}

/// Waits until a fragment with an operator of this name begins, and tells in which process.
pub fn wait_for(listener: &UnixListener, operator: &str) -> u32 {
    let (until, mut heard) = (Instant::now() + Duration::from_secs(60), Vec::new());
    listener.set_nonblocking(true).unwrap();
    loop {
        let Ok((mut stream, _)) = listener.accept() else {
            assert!(Instant::now() < until, "no `{operator}` began, but {heard:?}");
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        let mut words = String::new();
        stream.set_nonblocking(false).unwrap();
        stream.read_to_string(&mut words).unwrap();
        let mut names = words.split(' ');
        let process = names.next().unwrap().parse().unwrap();
        if names.any(|name| name == operator) {
            return process;
        }
        heard.push(words);
    }
}

/// Forgets what began meanwhile.
pub fn forget(listener: &UnixListener) {
    listener.set_nonblocking(true).unwrap();
    while listener.accept().is_ok() {}
}
