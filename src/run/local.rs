use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use parking_lot::{Condvar, Mutex};

use super::schedule::Schedule;
use super::worker::Shared;
use super::{Canceller, Executor, Kernels, Observer, Outcome, Run, RunCause, RunError, RunReport, Running, Submitted};
use crate::lower::TaskGraph;

/// Runs task graphs on threads of this process.
///
/// A task starts when its inputs are there, larger priority first. A port of a task is dropped as soon
/// as its last reader is done, a future as soon as the last task that reads it is. A panic in a kernel
/// fails its task and nothing else. Threads live as long as their run.
#[derive(Clone)]
pub struct LocalExecutor {
    kernels: Arc<dyn Kernels>,
    threads: usize,
    observers: Vec<Arc<dyn Observer>>,
}

impl LocalExecutor {
    /// An executor of an engine's kernels on so many threads, at least one.
    pub fn new(kernels: Arc<dyn Kernels>, threads: usize) -> Self {
        LocalExecutor { kernels, threads: threads.max(1), observers: Vec::new() }
    }

    /// Adds an observer of every run.
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }
}

impl Executor for LocalExecutor {
    fn submit(&self, graph: TaskGraph) -> Run {
        let schedule = Schedule::new(graph);
        let submitted = Submitted { tasks: schedule.tasks.len(), stages: schedule.report.stages.clone() };
        let started = SystemTime::now();
        let shared = Arc::new(Shared {
            kernels: self.kernels.clone(),
            observers: self.observers.clone(),
            schedule: Mutex::new(schedule),
            wake: Condvar::new(),
            cancelled: Arc::new(AtomicBool::new(false)),
            start: Instant::now(),
            started,
        });
        shared.observe(|observer| observer.on_submit(&submitted));
        // Before a worker starts: it must find no handle in our hands when it lets go of a future.
        let awaited = shared.schedule.lock().awaited();
        awaited.into_iter().enumerate().for_each(|(index, handle)| shared.await_done(index, &handle));
        let mut threads = Vec::with_capacity(self.threads);
        // Counted before the first one starts, so that no worker takes itself for the last.
        shared.schedule.lock().workers_left = self.threads;
        let mut refused = None;
        for at in 0..self.threads {
            let (worker, name, workers) = (shared.clone(), Arc::<str>::from(format!("local-{at}")), self.threads);
            let thread = std::thread::Builder::new().name(format!("leafhold-{at}"));
            match thread.spawn(move || worker.work(&name, workers)) {
                Ok(thread) => threads.push(thread),
                Err(error) => refused = Some(error.to_string()),
            }
        }
        if let Some(reason) = refused {
            if threads.is_empty() {
                shared.schedule.lock().fail(0, RunCause::Threads(reason));
            }
            (threads.len()..self.threads).for_each(|_| shared.leave(threads.len()));
        }
        Run::new(LocalRun { shared, threads })
    }
}

struct LocalRun {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Running for LocalRun {
    fn canceller(&self) -> Canceller {
        let run = Arc::downgrade(&self.shared);
        Canceller::new(move || {
            if let Some(run) = run.upgrade() {
                run.cancel();
            }
        })
    }

    fn wait(&mut self) -> Result<Outcome, Box<RunError>> {
        for thread in self.threads.drain(..) {
            // Panics of kernels, engines and observers are caught where they happen.
            if thread.join().is_err() {
                tracing::error!("a worker of a run panicked");
            }
        }
        let result = self.shared.schedule.lock().result.take();
        let lost = RunCause::Worker("the books were never closed".to_owned());
        result.unwrap_or_else(|| Err(Box::new(RunError { cause: lost, report: RunReport::default() })))
    }
}
