//! Kernels that do as the rows say.

use std::backtrace::Backtrace;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use leafhold::lower::Fragment;
use leafhold::run::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};

use crate::kernels::{RowKernels, rows_of};

/// What a row asks for whose first column says so. The second column says how much.
pub const PANICS: i64 = -101;
pub const FAILS: i64 = -102;
/// Milliseconds, whatever anybody says.
pub const SLEEPS: i64 = -103;
/// Until it is cancelled.
pub const WAITS: i64 = -104;
/// Ends the process with this status.
pub const EXITS: i64 = -105;
pub const ABORTS: i64 = -106;
/// Megabytes, which it fills and lets go.
pub const HOLDS: i64 = -107;
/// Fails, and says how many tasks of its stage have asked before it where it runs, and how many stages are gone there.
pub const SHARES: i64 = -108;

/// Fails, and says what bounds its memory where it runs.
pub const BOUNDS: i64 = -109;

/// Has a temporary file of so many bytes until the task ends.
pub const SPILLS: i64 = -110;

/// Says under which number it has begun, to whoever counts the processes.
pub const BEGINS: i64 = -111;

/// Goes on when what has this number has begun.
pub const FOLLOWS: i64 = -112;

/// Leaves something with its stage that panics when it goes.
pub const BOMBS: i64 = -113;

/// The folder in which worker processes say what tests want to know of them.
pub const CENSUS: &str = "LEAFHOLD_TEST_CENSUS";

/// Where a number that has begun is noted, with the process where it did.
pub fn begun(census: impl AsRef<Path>, number: i64) -> PathBuf {
    census.as_ref().join(format!("{number}.begun"))
}

/// How many tasks of a stage have asked.
#[derive(Default)]
struct Asked(AtomicUsize);

static GONE: AtomicUsize = AtomicUsize::new(0);

impl Drop for Asked {
    fn drop(&mut self) {
        GONE.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("what a stage shares panics as it goes");
    }
}

#[derive(Default)]
pub struct Behaving(RowKernels);

impl Kernels for Behaving {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let mut files = Vec::new();
        for row in inputs.iter().flatten().flat_map(|source| rows_of(source)) {
            let Some(how_much) = row.get(1).copied() else { continue };
            match row[0] {
                PANICS => panic!("the kernel panics at {how_much}"),
                FAILS => {
                    let error = KernelError::Compute(format!("the kernel fails at {how_much}"));
                    return Err(error.with_trace(Backtrace::force_capture().to_string()));
                }
                SLEEPS => std::thread::sleep(Duration::from_millis(how_much as u64)),
                WAITS => {
                    let until = Instant::now() + Duration::from_secs(60);
                    while !context.is_cancelled() && Instant::now() < until {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    return Err(KernelError::Cancelled);
                }
                EXITS => {
                    eprintln!("the kernel leaves");
                    std::process::exit(how_much as i32);
                }
                ABORTS => std::process::abort(),
                SHARES => {
                    let before = context.stage.get_or_init(Asked::default).0.fetch_add(1, Ordering::SeqCst);
                    let alike = (0..fragment.inputs).filter(|slot| context.stage.is_replicated(*slot)).count();
                    let gone = GONE.load(Ordering::SeqCst);
                    let words = format!("{before} before it, {alike} slots alike, {gone} stages gone");
                    return Err(KernelError::Compute(words));
                }
                BOUNDS => {
                    let (memory, folder) = (&context.memory, context.spill.folder());
                    let words = format!("{} of {:?} in use, files in {folder:?}", memory.used(), memory.limit());
                    return Err(KernelError::Compute(words));
                }
                SPILLS => {
                    let unspilled = |error: std::io::Error| KernelError::Spill { reason: error.to_string() };
                    let file = context.spill.create().map_err(unspilled)?;
                    file.write_at(&vec![7; how_much as usize], 0).map_err(unspilled)?;
                    files.push(file);
                }
                BEGINS | FOLLOWS => {
                    let note = begun(std::env::var_os(CENSUS).expect("a worker process of a test"), how_much);
                    let half = note.with_extension("begins");
                    if row[0] == BEGINS {
                        // Whoever sees it sees all of it.
                        std::fs::write(&half, std::process::id().to_string()).unwrap();
                        std::fs::rename(&half, &note).unwrap();
                    }
                    let until = Instant::now() + Duration::from_secs(60);
                    while !note.exists() && Instant::now() < until {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                BOMBS => drop(context.stage.get_or_init(Bomb::default)),
                HOLDS => drop(std::hint::black_box(vec![1u8; (how_much as usize) << 20])),
                _ => {}
            }
        }
        self.0.run(fragment, inputs, context)
    }
}
