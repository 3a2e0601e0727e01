//! What must hold of every run, however it ends: each planned task has ended once, every future was let go once, and no worker
//! process is left.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use leafhold::leaf::{
    EngineId, FromDelayed, FutureError, FutureHandle, FutureStatus, InstanceId, Leaf, LocalFuture, PartitionData,
    RemoteFuture, release,
};
use leafhold::run::{Observer, RunReport, Submitted, TaskEvent};
use parking_lot::Mutex;

/// Who sees one run to its end, and knows of the futures that it reads.
#[derive(Default)]
pub struct Witness {
    planned: Mutex<Vec<usize>>,
    ended: Mutex<Vec<usize>>,
    finished: AtomicUsize,
    created: AtomicUsize,
    released: AtomicUsize,
}

impl Observer for Witness {
    fn on_submit(&self, submitted: &Submitted) {
        self.planned.lock().push(submitted.tasks);
    }
    fn on_event(&self, event: &TaskEvent) {
        self.ended.lock().push(event.task);
    }
    fn on_finish(&self, _: &RunReport) {
        self.finished.fetch_add(1, Ordering::SeqCst);
    }
}

impl Witness {
    /// A leaf of futures that are done, one for each of these partitions.
    pub fn leaf(self: &Arc<Self>, name: &str, partitions: Vec<Vec<RecordBatch>>) -> Leaf {
        let schema = partitions[0][0].schema();
        let future = |(at, batches): (usize, Vec<RecordBatch>)| {
            let (future, promise) = LocalFuture::pending(format!("{name}-{at}"));
            promise.fulfil(batches);
            self.created.fetch_add(1, Ordering::SeqCst);
            FutureHandle::new(Counted(future, self.clone()))
        };
        let handles: Vec<_> = partitions.into_iter().enumerate().map(future).collect();
        Leaf::FromDelayed(FromDelayed::new(name, schema, handles).unwrap())
    }

    /// What holds once nothing but the report is left of the run and its plan.
    #[track_caller]
    pub fn assert_clean(&self, report: &RunReport) {
        let [planned] = self.planned.lock()[..] else { panic!("{:?} were submitted", self.planned.lock()) };
        let each_once: Vec<usize> = (0..planned).collect();
        assert_eq!(report.tasks.iter().map(|event| event.task).collect::<Vec<_>>(), each_once, "law T1");
        let mut ended = self.ended.lock().clone();
        ended.sort_unstable();
        assert_eq!((ended, self.finished.load(Ordering::SeqCst)), (each_once, 1), "law T1, as observers hear it");
        release::drain();
        let (created, released) = (self.created.load(Ordering::SeqCst), self.released.load(Ordering::SeqCst));
        assert!(created > 0 && created == released, "law L2: {created} futures, let go {released} times");
    }
}

struct Counted(LocalFuture, Arc<Witness>);

impl RemoteFuture for Counted {
    fn key(&self) -> &str {
        self.0.key()
    }
    fn status(&self) -> FutureStatus {
        self.0.status()
    }
    fn engine(&self) -> EngineId {
        self.0.engine()
    }
    fn instance(&self) -> Option<InstanceId> {
        None
    }
    fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
        self.0.on_done(done);
    }
    fn data(&self) -> Result<PartitionData, FutureError> {
        self.0.data()
    }
    fn release(&self) {
        self.1.released.fetch_add(1, Ordering::SeqCst);
    }
}

/// A folder in which worker processes say that they have been.
#[derive(Clone)]
pub struct Census(PathBuf);

impl Census {
    /// A folder of this name within another; where it is not there, it is made.
    pub fn within(folder: &Path) -> Self {
        let census = Census(folder.join("census"));
        std::fs::create_dir_all(&census.0).unwrap();
        census
    }

    /// Says that this process has been.
    pub fn enter(&self) {
        std::fs::write(self.0.join(std::process::id().to_string()), b"").unwrap();
    }

    /// Asserts that so many processes have been, at least, and that nothing is left of any.
    #[track_caller]
    pub fn assert_nobody_left(&self, least: usize) {
        let names = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name());
        let been: Vec<u32> = names.map(|name| name.to_str().unwrap().parse().unwrap()).collect();
        assert!(been.len() >= least, "{been:?}");
        if cfg!(target_os = "linux") {
            let left: Vec<_> = been.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
            assert!(left.is_empty(), "{left:?} outlived their driver");
        }
    }
}
