//! The four promises of tokens.

use std::collections::HashMap;
use std::sync::Arc;

use leafhold::expr::{Frame, JoinKind, col, ensure_deterministic, lit};
use leafhold::leaf::{EngineId, FutureError, FutureHandle, FutureStatus, InstanceId, PartitionData, RemoteFuture};
use leafhold::token::{Determinism, encode, tokenize};

use crate::corpus::{corpus, from_another_process};
use crate::{batch, content, live};

/// A reference to data that an engine has under a key, as an instance.
struct Reference {
    key: &'static str,
    instance: Option<u64>,
}

impl RemoteFuture for Reference {
    fn key(&self) -> &str {
        self.key
    }

    fn status(&self) -> FutureStatus {
        FutureStatus::Finished { rows: Some(3), bytes: None }
    }

    fn engine(&self) -> EngineId {
        EngineId("promises".into())
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
}

fn over(key: &'static str, instance: Option<u64>) -> Frame {
    let handle = FutureHandle::new(Reference { key, instance });
    Frame::from_delayed("t", batch().schema(), vec![handle]).unwrap()
}

#[test]
fn promise_1_idempotent() {
    assert_eq!(corpus(), corpus());
    let frame = live(&["k"]).filter(col("a").gt(lit(1i64))).unwrap();
    let again = Frame::new(frame.expr().clone(), frame.functions().clone()).filter(col("a").lt(lit(9i64))).unwrap();
    let once_more = frame.filter(col("a").lt(lit(9i64))).unwrap();
    assert_eq!(again.token(), once_more.token(), "and so are expressions over one live future");
}

#[test]
fn promise_2_deterministic() {
    let ours = corpus();
    for threads in ["1", "3"] {
        assert_eq!(from_another_process("corpus", threads), ours, "with {threads} threads in another process");
    }
    for threads in [1, 2, 5] {
        let pool = rayon_core::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(corpus), ours, "with {threads} threads");
    }
    // After a round trip.
    let value = HashMap::from([("b".to_owned(), vec![Some(1u64), None]), ("a".to_owned(), vec![])]);
    let read: HashMap<String, Vec<Option<u64>>> =
        serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
    assert_eq!((tokenize(&read), encode(&read)), (tokenize(&value), encode(&value)));
}

#[test]
fn promise_3_honest() {
    let table = content();
    assert_eq!(table.expr().determinism(), Determinism::Content);
    let future = live(&["k"]).filter(col("a").gt(lit(1i64))).unwrap();
    assert_eq!(future.expr().determinism(), Determinism::Identity);
    let right = live(&["gen-0", "gen-1", "gen-2", "gen-7"]);
    let left = table.project([("b", col("a"))]).unwrap();
    let join = left.join(&right, JoinKind::Semi, []).unwrap();
    assert_eq!(join.expr().determinism(), Determinism::Identity, "because of what is below it");
    let error = ensure_deterministic(join.expr()).unwrap_err();
    let last = error.places.last().unwrap();
    assert_eq!(last.path, "join.right.from_delayed[3]");
    assert_eq!(last.why, "future \"gen-7\" has identity, not content");
}

#[test]
fn promise_4_futures_are_instances() {
    let first = over("k", Some(1));
    let token = first.token();
    assert_eq!(over("k", Some(1)).token(), token, "one live instance is one leaf");
    assert_ne!(over("k", Some(2)).token(), token, "a key is not an identity");
    assert_ne!(over("k", None).token(), over("k", None).token(), "without an instance, each is its own");
    drop(first);
    assert_ne!(over("k", Some(1)).token(), token, "an id that comes back means something new");
    // The first future of a process, twice: counters alone would collide.
    let tokens = [from_another_process("future", "1"), from_another_process("future", "1")];
    assert_eq!(tokens[0].len(), 64);
    assert_ne!(tokens[0], tokens[1], "no two processes share an instance");
    assert_eq!(over("k", Some(1)).expr().shape(), over("k", Some(2)).expr().shape(), "shapes forget who it was");
}
