//! Law L5 for data that go while a plan is made of them, on any executor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use leafhold::expr::{Frame, col};
use leafhold::leaf::{
    EngineId, FromDelayed, FutureError, FutureErrorKind, FutureHandle, FutureStatus, InstanceId, Leaf, LocalFuture,
    PartitionData, RemoteFuture, release,
};
use leafhold::lower::lower;
use leafhold::optimize::Planner;
use leafhold::run::{Executor, TaskState};

use crate::plans::{batch, numbers, two_columns};

/// Data that are there until somebody asks: the first answer is their size, and from then on they are gone.
struct Going {
    future: LocalFuture,
    kind: FutureErrorKind,
    asked: Arc<AtomicUsize>,
    released: Arc<AtomicUsize>,
}

impl RemoteFuture for Going {
    fn key(&self) -> &str {
        self.future.key()
    }
    fn status(&self) -> FutureStatus {
        match (self.asked.fetch_add(1, Ordering::SeqCst), self.kind) {
            (0, _) => self.future.status(),
            (_, FutureErrorKind::Failed) => FutureStatus::Failed,
            (_, FutureErrorKind::Cancelled) => FutureStatus::Cancelled,
            (_, FutureErrorKind::Lost) => FutureStatus::Lost,
        }
    }
    fn engine(&self) -> EngineId {
        EngineId::local()
    }
    fn instance(&self) -> Option<InstanceId> {
        None
    }
    fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
        self.future.on_done(done);
    }
    fn data(&self) -> Result<PartitionData, FutureError> {
        match self.asked.load(Ordering::SeqCst) {
            0 => self.future.data(),
            _ => Err(FutureError {
                key: self.key().to_owned(),
                engine: self.engine(),
                kind: self.kind,
                message: "the engine's own words".to_owned(),
            }),
        }
    }
    fn release(&self) {
        self.released.fetch_add(1, Ordering::SeqCst);
    }
}

/// The second of two futures ends while the planner asks how large it is: nothing that reads it starts, the run says which
/// it was, and both are let go once.
pub fn data_that_go_while_they_are_planned(executor: &dyn Executor) {
    let ends = [
        (FutureErrorKind::Failed, "failed", TaskState::Failed),
        (FutureErrorKind::Cancelled, "was cancelled", TaskState::Failed),
        (FutureErrorKind::Lost, "was lost", TaskState::Lost),
    ];
    for (kind, verb, state) in ends {
        let (asked, released) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let ready = |key: &str, rows: std::ops::Range<i64>| {
            let (future, promise) = LocalFuture::pending(key);
            promise.fulfil(vec![batch(&numbers(rows))]);
            future
        };
        let going = Going { future: ready("bad", 2..4), kind, asked: asked.clone(), released: released.clone() };
        let handles = vec![FutureHandle::new(ready("good", 0..2)), FutureHandle::new(going)];
        let leaf = Leaf::FromDelayed(FromDelayed::new("t", two_columns(), handles).unwrap());
        let frame = Frame::from_leaf(leaf).unwrap().sort([col("a").asc()]).unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 0, "it is there when planning begins");
        let plan = Planner::new(frame.functions().clone()).plan(frame.expr()).unwrap();
        assert!(asked.load(Ordering::SeqCst) > 0, "it went while the planner asked");
        let graph = lower(&plan).unwrap();
        drop((frame, plan));
        let tasks = graph.len();
        let error = executor.submit(graph).wait().unwrap_err();
        let words = format!("leaf `t`, partition 1: future \"bad\" of engine local {verb}: the engine's own words");
        assert_eq!(error.to_string(), words);
        let states: Vec<_> = error.report.tasks.iter().map(|event| event.state).collect();
        assert_eq!((states.len(), states.iter().filter(|found| **found == state).count()), (tasks, 1), "{states:?}");
        assert!(states.contains(&TaskState::UpstreamFailed), "{states:?}");
        drop(error);
        release::drain();
        assert_eq!(released.load(Ordering::SeqCst), 1, "law L2");
    }
}
