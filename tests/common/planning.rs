//! Law L5 for data that go while a plan is made of them, on any executor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use leafhold::expr::{Frame, col};
use leafhold::leaf::{
    EngineId, FromDelayed, FutureError, FutureErrorKind, FutureHandle, FutureStatus, InstanceId, Leaf, LocalFuture,
    PartitionData, RemoteFuture, release,
};
use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::Planner;
use leafhold::run::{Run, TaskState};

use crate::plans::{batch, numbers, two_columns};
use crate::scene::Heard;
use crate::upstream::{Readers, assert_upstream_failed};

/// Data that are there until somebody asks: the first answer is their size, and from then on they are gone, or stay.
struct Going {
    future: LocalFuture,
    /// How they go, if they do.
    kind: Option<FutureErrorKind>,
    asked: Arc<AtomicUsize>,
    released: Arc<AtomicUsize>,
}

impl RemoteFuture for Going {
    fn key(&self) -> &str {
        self.future.key()
    }
    fn status(&self) -> FutureStatus {
        match (self.asked.fetch_add(1, Ordering::SeqCst), self.kind) {
            (0, _) | (_, None) => self.future.status(),
            (_, Some(FutureErrorKind::Failed)) => FutureStatus::Failed,
            (_, Some(FutureErrorKind::Cancelled)) => FutureStatus::Cancelled,
            (_, Some(FutureErrorKind::Lost)) => FutureStatus::Lost,
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
        match (self.asked.load(Ordering::SeqCst), self.kind) {
            (0, _) | (_, None) => self.future.data(),
            (_, Some(kind)) => Err(FutureError {
                key: self.key().to_owned(),
                engine: self.engine(),
                kind,
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
pub fn data_that_go_while_they_are_planned(submit: &dyn Fn(TaskGraph, Arc<Heard>) -> Run) {
    let ends = [
        (FutureErrorKind::Failed, "failed", TaskState::Failed),
        (FutureErrorKind::Cancelled, "was cancelled", TaskState::Failed),
        (FutureErrorKind::Lost, "was lost", TaskState::Lost),
    ];
    for (kind, verb, state) in ends {
        let asked = Arc::new(AtomicUsize::new(0));
        let (good_released, bad_released) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let future =
            |key: &str, rows: std::ops::Range<i64>, kind: Option<FutureErrorKind>, released: &Arc<AtomicUsize>| {
                let (future, promise) = LocalFuture::pending(key);
                promise.fulfil(vec![batch(&numbers(rows))]);
                let asked = if kind.is_some() { asked.clone() } else { Arc::default() };
                FutureHandle::new(Going { future, kind, asked, released: released.clone() })
            };
        let handles = vec![future("good", 0..2, None, &good_released), future("bad", 2..4, Some(kind), &bad_released)];
        let leaf = Leaf::FromDelayed(FromDelayed::new("t", two_columns(), handles).unwrap());
        let frame = Frame::from_leaf(leaf).unwrap().sort([col("a").asc()]).unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 0, "it is there when planning begins");
        let plan = Planner::new(frame.functions().clone()).plan(frame.expr()).unwrap();
        assert!(asked.load(Ordering::SeqCst) > 0, "it went while the planner asked");
        let graph = lower(&plan).unwrap();
        drop((frame, plan));
        let (tasks, readers) = (graph.len(), Readers::of(&graph));
        let heard = Arc::new(Heard::default());
        let error = submit(graph, heard.clone()).wait().unwrap_err();
        let words = format!("leaf `t`, partition 1: future \"bad\" of engine local {verb}: the engine's own words");
        assert_eq!(error.to_string(), words);
        let each_once: Vec<usize> = (0..tasks).collect();
        assert_eq!(error.report.tasks.iter().map(|event| event.task).collect::<Vec<_>>(), each_once, "law T1");
        heard.assert_each_once(tasks);
        let own: Vec<_> = error.report.tasks.iter().filter(|event| event.state == state).collect();
        let [own] = own.as_slice() else { panic!("{:?}", error.report.tasks) };
        assert!(own.partition == 1 && own.started.is_none() && own.attempt == 0, "{own:?}");
        assert!(error.report.count(TaskState::UpstreamFailed) > 0, "{:?}", error.report.tasks);
        assert_upstream_failed(&error.report, &readers);
        release::drain();
        let released = (good_released.load(Ordering::SeqCst), bad_released.load(Ordering::SeqCst));
        assert_eq!(released, (1, 1), "law L2");
    }
}
