//! The interner: `Token -> Weak<Node>`, in shards.
//!
//! * I1: simultaneously live nodes with equal tokens are pointer-equal, from any number of threads.
//! * I2: the interner keeps nothing alive; the entry of a dropped node is removed at once.
//! * I3: a dying node is never resurrected: a lookup that races with the last drop makes a fresh one.
//! * I4: nothing recurses on depth.
//!
//! Two rules keep this free of deadlocks: nothing is dropped under a shard's lock, and an entry is
//! removed only when it still points to the very node that dies.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use super::{Expr, Node};
use crate::token::Token;

const SHARDS: usize = 64;

type Shard = Mutex<HashMap<Token, Weak<Node>>>;

static INTERNER: LazyLock<Vec<Shard>> = LazyLock::new(|| (0..SHARDS).map(|_| Shard::default()).collect());

fn shard(token: Token) -> &'static Shard {
    &INTERNER[token.low_u64() as usize % SHARDS]
}

/// The live node of this token, or the one that `make` makes.
pub(super) fn intern(token: Token, make: impl FnOnce(Token) -> Node) -> Expr {
    if let Some(node) = shard(token).lock().get(&token).and_then(Weak::upgrade) {
        return Expr(node);
    }
    // Made outside the lock: should another thread win the race, ours is dropped after unlocking.
    let fresh = Arc::new(make(token));
    let mut nodes = shard(token).lock();
    let winner = nodes.get(&token).and_then(Weak::upgrade);
    match winner {
        Some(node) => {
            drop(nodes);
            Expr(node)
        }
        None => {
            nodes.insert(token, Arc::downgrade(&fresh));
            Expr(fresh)
        }
    }
}

/// Removes the entry of a dying node, unless a fresh node has taken its place.
pub(super) fn forget(token: Token, node: *const Node) {
    let mut nodes = shard(token).lock();
    if nodes.get(&token).is_some_and(|entry| std::ptr::eq(entry.as_ptr(), node)) {
        nodes.remove(&token);
    }
}

/// How many nodes are alive in this process.
pub fn interned_nodes() -> usize {
    INTERNER.iter().map(|shard| shard.lock().len()).sum()
}
