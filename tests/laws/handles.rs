//! The laws L1 to L3 at the level of leaves and expressions.
//!
//! Each probe counts for itself; what reads the counts of the process takes turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::expr::{Expr, ExprError, Frame, JoinKind, col, lit, sum};
use leafhold::leaf::{
    DelayedError, EngineId, FromDelayed, FutureError, FutureHandle, FutureStatus, InstanceId, Leaf, PartitionData,
    RemoteFuture, handle_counts, release, spawn, value,
};
use leafhold::token::Token;
use parking_lot::{Mutex, MutexGuard};

/// What an engine sees of one piece of data.
#[derive(Default)]
struct Engine {
    released: AtomicUsize,
    dropped: AtomicUsize,
    released_on: Mutex<Option<String>>,
    /// Taken by a release: the engine's own lock.
    lock: Mutex<()>,
}

impl Engine {
    /// Releases so far, once all that were asked for are through.
    fn releases(&self) -> usize {
        release::drain();
        self.released.load(Ordering::SeqCst)
    }
}

/// One raw reference to data of that engine.
struct Probe {
    engine: Arc<Engine>,
    key: &'static str,
    name: &'static str,
    instance: Option<u64>,
    panics: bool,
}

impl Probe {
    fn new(key: &'static str, instance: Option<u64>) -> (Probe, Arc<Engine>) {
        let engine = Arc::new(Engine::default());
        (Probe { engine: engine.clone(), key, name: "probe", instance, panics: false }, engine)
    }

    /// A second raw reference to the same data.
    fn again(&self) -> Probe {
        Probe { engine: self.engine.clone(), ..*self }
    }
}

impl RemoteFuture for Probe {
    fn key(&self) -> &str {
        self.key
    }

    fn status(&self) -> FutureStatus {
        FutureStatus::Finished { rows: Some(1), bytes: None }
    }

    fn engine(&self) -> EngineId {
        EngineId(self.name.into())
    }

    fn instance(&self) -> Option<InstanceId> {
        self.instance.map(InstanceId)
    }

    fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
        done();
    }

    fn data(&self) -> Result<PartitionData, FutureError> {
        Ok(Arc::new(vec![batch()]))
    }

    fn release(&self) {
        let _lock = self.engine.lock.lock();
        self.engine.released.fetch_add(1, Ordering::SeqCst);
        *self.engine.released_on.lock() = std::thread::current().name().map(str::to_owned);
        assert!(!self.panics, "an engine's bug");
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.engine.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap()
}

fn schema() -> SchemaRef {
    batch().schema()
}

fn frame(handles: impl Into<Arc<[FutureHandle]>>) -> Frame {
    Frame::from_delayed("t", schema(), handles).unwrap()
}

fn token(handle: &FutureHandle) -> Token {
    frame(vec![handle.clone()]).token()
}

// ---- L1: never dropped early ---------------------------------------------------------------

#[test]
fn law_l1_an_expression_keeps_its_futures_when_the_caller_lets_go() {
    let (probe, engine) = Probe::new("k", None);
    let handle = FutureHandle::new(probe);
    let expr = frame(vec![handle.clone()]).expr().clone();
    drop(handle);
    assert_eq!(engine.releases(), 0);
    // What the expression holds is still the data.
    let leaf = match expr.op() {
        leafhold::expr::Op::Leaf(leaf) => leaf.clone(),
        _ => panic!("a leaf is a leaf"),
    };
    assert_eq!(leaf.futures()[0].data().unwrap()[0].num_rows(), 1);
    drop(expr);
    assert_eq!(engine.releases(), 0, "the leaf is enough");
    drop(leaf);
    assert_eq!(engine.releases(), 1);
}

#[test]
fn law_l1_every_operator_above_a_leaf_keeps_it() {
    let (probe, engine) = Probe::new("k", None);
    let other = Frame::from_batches("u", schema(), vec![batch()]).unwrap().project([("b", col("a"))]).unwrap();
    let built = frame(vec![FutureHandle::new(probe)])
        .filter(col("a").gt(lit(0i64)))
        .unwrap()
        .join(&other, JoinKind::Semi, [col("a").eq(col("b"))])
        .unwrap()
        .aggregate([], [("total", sum(col("a")))])
        .unwrap()
        .sort([col("total").asc()])
        .unwrap()
        .limit(0, 1)
        .distinct();
    let both = built.clone().union(&built).unwrap();
    let expr = both.expr().clone();
    drop((built, both, other));
    assert_eq!(engine.releases(), 0);
    drop(expr);
    assert_eq!(engine.releases(), 1);
}

#[test]
fn law_l1_an_inner_expression_keeps_what_it_needs_when_the_outer_one_goes() {
    let (one, kept) = Probe::new("one", None);
    let (two, gone) = Probe::new("two", None);
    let inner = frame(vec![FutureHandle::new(one)]);
    let outer = inner.clone().union(&frame(vec![FutureHandle::new(two)])).unwrap();
    drop(outer);
    assert_eq!((kept.releases(), gone.releases()), (0, 1));
    drop(inner);
    assert_eq!(kept.releases(), 1);
}

#[test]
fn law_l1_a_second_raw_reference_that_goes_releases_nothing() {
    let (probe, engine) = Probe::new("k", Some(1001));
    let first = FutureHandle::new(probe.again());
    let second = FutureHandle::new(probe.again());
    drop(second);
    assert_eq!(engine.releases(), 0);
    assert_eq!(engine.dropped.load(Ordering::SeqCst), 1, "the second raw reference has been let go");
    drop(first);
    assert_eq!(engine.releases(), 1);
}

// ---- L2: never leaked ----------------------------------------------------------------------

#[test]
fn law_l2_release_is_asked_for_exactly_once_by_the_last_of_many_threads() {
    for _ in 0..50 {
        let (probe, engine) = Probe::new("k", Some(2001));
        let expr = frame(vec![FutureHandle::new(probe)]).distinct().expr().clone();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let expr = expr.clone();
                scope.spawn(move || drop(expr));
            }
            drop(expr);
        });
        assert_eq!(engine.releases(), 1);
        assert_eq!(engine.dropped.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn law_l2_every_partition_is_released_once() {
    let (handles, engines): (Vec<_>, Vec<_>) =
        (0..4).map(|_| Probe::new("part", None)).map(|(probe, engine)| (FutureHandle::new(probe), engine)).unzip();
    let frame = frame(handles);
    assert!(engines.iter().all(|engine| engine.releases() == 0));
    drop(frame);
    assert!(engines.iter().all(|engine| engine.releases() == 1));
}

#[test]
fn law_l2_an_expression_that_cannot_be_built_lets_go() {
    let (probe, engine) = Probe::new("k", None);
    let twice =
        Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("a", DataType::Int64, true)]));
    let error = Frame::from_delayed("t", twice, vec![FutureHandle::new(probe)]).err().unwrap();
    assert!(matches!(error, ExprError::DuplicateColumn { .. }));
    assert_eq!(engine.releases(), 1);

    let (probe, engine) = Probe::new("k", None);
    let (mut foreign, other) = Probe::new("k", None);
    foreign.name = "elsewhere";
    let handles = vec![FutureHandle::new(probe), FutureHandle::new(foreign)];
    let error = FromDelayed::new("t", schema(), handles).unwrap_err();
    assert!(matches!(error, DelayedError::MixedEngines { .. }), "{error}");
    assert_eq!((engine.releases(), other.releases()), (1, 1));

    let (probe, engine) = Probe::new("k", None);
    let frame = frame(vec![FutureHandle::new(probe)]);
    assert!(frame.filter(col("missing")).is_err());
    assert_eq!(engine.releases(), 1);
}

#[test]
fn law_l2_release_runs_on_its_own_thread_and_under_no_lock_of_the_caller() {
    let (probe, engine) = Probe::new("k", None);
    let frame = frame(vec![FutureHandle::new(probe)]);
    {
        // The engine's release takes this lock: on our stack it would wait for us for ever.
        let _lock = engine.lock.lock();
        drop(frame);
    }
    assert_eq!(engine.releases(), 1);
    assert_eq!(engine.released_on.lock().as_deref(), Some("leafhold-release"));
}

#[test]
fn law_l2_a_release_that_panics_reaches_nobody() {
    let (mut bad, broken) = Probe::new("bad", None);
    bad.panics = true;
    let (good, fine) = Probe::new("good", None);
    drop(FutureHandle::new(bad));
    drop(FutureHandle::new(good));
    assert_eq!((broken.releases(), fine.releases()), (1, 1));
    assert_eq!(broken.dropped.load(Ordering::SeqCst), 1);
}

/// The counts of the process return to what they were. Other tests of this file count, too, under
/// `cargo test`; so this one runs them in a process of its own.
#[test]
fn law_l2_the_counts_of_the_process_return() {
    const CHILD: &str = "LEAFHOLD_TEST_COUNTS";
    if std::env::var_os(CHILD).is_none() {
        let test = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "handles::law_l2_the_counts_of_the_process_return"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&test.stdout);
        // A name that no test has is no failure.
        assert!(test.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    release::drain();
    let before = handle_counts();
    assert_eq!(before.live(), 0);
    let frame = frame(vec![value("a", vec![batch()]), spawn("b", batch)]);
    let again = frame.clone().distinct();
    assert_eq!(handle_counts().created, before.created + 2);
    drop(frame);
    release::drain();
    assert_eq!(handle_counts().live(), 2);
    drop(again);
    release::drain();
    assert_eq!(handle_counts().live(), 0);
    assert_eq!(handle_counts().released, before.released + 2);
}

// ---- L3: never confused --------------------------------------------------------------------

#[test]
fn law_l3_two_handles_of_one_live_instance_are_one_leaf() {
    let (probe, engine) = Probe::new("k", Some(3001));
    let (one, two) = (FutureHandle::new(probe.again()), FutureHandle::new(probe.again()));
    assert_eq!(one, two);
    assert_eq!(one.generation(), two.generation());
    let (left, right) = (frame(vec![one]), frame(vec![two]));
    assert!(left.expr().same(right.expr()), "so a plan may share it");
    drop((left, right));
    assert_eq!(engine.releases(), 1);
}

#[test]
fn law_l3_two_generations_of_one_key_never_share_a_token() {
    let mut seen: Vec<Token> = Vec::new();
    for _ in 0..20 {
        // Each time the last reference goes before the next comes: same key, same id, new data.
        let (probe, engine) = Probe::new("k", Some(3002));
        let handle = FutureHandle::new(probe);
        let token = token(&handle);
        assert!(!seen.contains(&token));
        seen.push(token);
        drop(handle);
        assert_eq!(engine.releases(), 1);
    }
}

#[test]
fn law_l3_a_generation_that_is_still_being_released_is_not_taken_for_the_next() {
    let (old, engine) = Probe::new("k", Some(3003));
    let handle = FutureHandle::new(old);
    let before = token(&handle);
    let lock = engine.lock.lock();
    drop(handle);
    // The release waits for the lock; meanwhile the key comes back.
    let (new, other) = Probe::new("k", Some(3003));
    let handle = FutureHandle::new(new);
    assert_ne!(token(&handle), before);
    drop(lock);
    assert_eq!((engine.releases(), other.releases()), (1, 0));
    let (third, _) = Probe::new("k", Some(3003));
    assert_eq!(FutureHandle::new(third), handle, "the old release has not made it forget the new instance");
}

#[test]
fn law_l3_without_an_instance_every_handle_is_its_own() {
    let (probe, _) = Probe::new("k", None);
    let (one, two) = (FutureHandle::new(probe.again()), FutureHandle::new(probe));
    assert_ne!(one, two);
    assert_ne!(token(&one), token(&two));
    assert_eq!(token(&one), token(&one.clone()), "a clone is the same instance");
}

#[test]
fn law_l3_the_instances_of_two_engines_are_two() {
    let (one, _) = Probe::new("k", Some(3004));
    let (mut two, _) = Probe::new("k", Some(3004));
    two.name = "elsewhere";
    let (one, two) = (FutureHandle::new(one), FutureHandle::new(two));
    assert_ne!(one, two);
    assert_ne!(token(&one), token(&two));
}

#[test]
fn law_l3_the_order_and_number_of_partitions_count() {
    let handles: Vec<_> = (0..2).map(|_| value("k", vec![batch()])).collect();
    let (a, b) = (handles[0].clone(), handles[1].clone());
    let tokens = [
        frame(vec![a.clone()]).token(),
        frame(vec![a.clone(), b.clone()]).token(),
        frame(vec![b.clone(), a.clone()]).token(),
        frame(vec![a.clone(), a, b]).token(),
    ];
    for (at, token) in tokens.iter().enumerate() {
        assert!(!tokens[at + 1..].contains(token));
    }
}

#[test]
fn law_l3_threads_that_meet_one_instance_agree() {
    let _turn = turn();
    for round in 0..50 {
        let (probe, engine) = Probe::new("k", Some(4000 + round));
        let handles: Vec<FutureHandle> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| FutureHandle::new(probe.again()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(handles.iter().all(|handle| *handle == handles[0]));
        drop(handles);
        assert_eq!(engine.releases(), 1);
    }
}

#[test]
fn law_l3_an_instance_that_dies_beside_the_next_one_takes_nothing_with_it() {
    let _turn = turn();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let (probe, _) = Probe::new("k", Some(3005));
                    let handle = FutureHandle::new(probe.again());
                    // As long as this one lives, whoever else has let go, another one is the same.
                    assert_eq!(FutureHandle::new(probe), handle);
                }
            });
        }
    });
}

/// One storm of threads at a time is enough.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
}

#[test]
fn a_leaf_needs_a_future() {
    let error = Frame::from_delayed("t", schema(), vec![]).err().unwrap();
    assert_eq!(error.to_string(), "t: from_delayed needs at least one future; for no rows, use a `Values` leaf");
}

#[test]
fn a_leaf_without_expressions_is_only_a_value() {
    let (probe, engine) = Probe::new("k", None);
    let leaf = Leaf::FromDelayed(FromDelayed::new("t", schema(), vec![FutureHandle::new(probe)]).unwrap());
    let expr = Expr::leaf(leaf.clone()).unwrap();
    assert_eq!(expr, Expr::leaf(leaf.clone()).unwrap());
    drop((expr, leaf));
    assert_eq!(engine.releases(), 1);
}
