//! Laws I1 to I3 of the interner, model-checked: its weak table, compiled over the types of `shuttle`, runs
//! under every schedule of two threads (depth-first, exhaustively) and under ten thousand schedules each of
//! three threads at random and by probabilistic concurrency testing (PCT).
//!
//! Shuttle models locks and atomics, but its `Arc` and `Weak` are the standard library's. `sync` below wraps
//! them with a scheduling point before every operation that other threads can tell: clone, downgrade,
//! upgrade, drop, take. Each of these is one atomic step of the real thing, too, so schedules between them
//! are all there are. The last drop runs the entry's own drop after its step, as the real one does.
//!
//! Each test asserts a floor for the number of schedules and prints it (`--nocapture`).
//!
//! Where the toolchain has Miri, the real thing runs under it as well:
//! `cargo +nightly miri test -p leafhold --test interner -- --skip million`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use exploring::{Work, exhaustively, threads, widely};
use smallvec::{SmallVec, smallvec};
use sync::{Arc, Token};
use weak_table::{Entry, Pending, WeakTable};

#[path = "common/exploring.rs"]
mod exploring;
#[path = "common/model_sync.rs"]
mod model_sync;
#[path = "../src/expr/weak_table.rs"]
mod weak_table;

/// What the table under test is made of.
mod sync {
    pub use leafhold::token::Token;

    pub use super::model_sync::{Arc, Mutex, Weak};
}

/// A table, and how many of its nodes are alive: what a node's futures would be.
#[derive(Clone)]
struct World(std::sync::Arc<(WeakTable<Node>, AtomicUsize)>);

struct Node {
    token: Token,
    inputs: SmallVec<[Arc<Node>; 2]>,
    dismantled: bool,
    world: World,
}

impl Entry for Node {
    fn token(&self) -> Token {
        self.token
    }

    fn take_inputs(&mut self, to: &mut Pending<Node>) -> bool {
        if std::mem::replace(&mut self.dismantled, true) {
            return false;
        }
        std::mem::take(&mut self.inputs).into_iter().for_each(|input| to.push(input));
        true
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let world = self.world.clone();
        world.0.0.dismantle(self);
        world.0.1.fetch_sub(1, Ordering::SeqCst);
    }
}

impl World {
    fn new() -> Self {
        World(std::sync::Arc::new((WeakTable::new(), AtomicUsize::new(0))))
    }

    fn intern(&self, token: Token, inputs: SmallVec<[Arc<Node>; 2]>) -> Arc<Node> {
        let node = self.0.0.intern(token, || {
            self.0.1.fetch_add(1, Ordering::SeqCst);
            Node { token, inputs, dismantled: false, world: self.clone() }
        });
        assert!(node.token == token);
        assert!(!node.dismantled, "a dying node came back (I3)");
        node
    }

    /// A leaf. All leaves have the same first eight bytes, so they meet in the table.
    fn leaf(&self, number: u8) -> Arc<Node> {
        self.intern(token(number), smallvec![])
    }

    /// A node over a leaf.
    fn parent(&self, number: u8) -> Arc<Node> {
        let parent = self.intern(token(100 + number), smallvec![self.leaf(number)]);
        assert_eq!(parent.inputs.len(), 1, "a node that lost its inputs came back (I3)");
        assert!(parent.inputs[0].token == token(number));
        parent
    }

    fn live(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn slots(&self) -> usize {
        self.0.0.len()
    }
}

fn token(number: u8) -> Token {
    let mut bytes = [7; 32];
    bytes[31] = number;
    Token::from_bytes(bytes)
}

#[test]
fn law_i1_live_nodes_of_equal_tokens_are_one_node() {
    fn race(count: usize) {
        let world = World::new();
        let work: Vec<Work<World, Arc<Node>>> =
            (0..count).map(|_| Box::new(|world: World| world.leaf(1)) as _).collect();
        let nodes = threads(&world, work);
        assert!(nodes.iter().all(|node| Arc::ptr_eq(node, &nodes[0])), "two live nodes of one token (I1)");
        assert_eq!(world.live(), 1);
    }
    exhaustively("I1", 50, || race(2));
    widely("I1", || race(3));
}

#[test]
fn law_i1_holds_while_others_come_and_go() {
    fn race(count: usize) {
        let world = World::new();
        let work: Vec<Work<World, Arc<Node>>> = (0..count)
            .map(|_| {
                let work = |world: World| {
                    drop(world.leaf(1));
                    let node = world.leaf(1);
                    assert!(Arc::ptr_eq(&node, &world.leaf(1)), "two live nodes of one token (I1)");
                    node
                };
                Box::new(work) as _
            })
            .collect();
        let nodes = threads(&world, work);
        assert!(nodes.iter().all(|node| Arc::ptr_eq(node, &nodes[0])), "two live nodes of one token (I1)");
    }
    widely("I1", || race(3));
}

#[test]
fn law_i2_the_table_keeps_nothing_alive() {
    fn race(count: usize) {
        let world = World::new();
        let parent = world.parent(1);
        let work: Vec<Work<World, ()>> = (0..count)
            .map(|_| {
                let parent = parent.clone();
                Box::new(move |_: World| drop(parent)) as _
            })
            .collect();
        drop(parent);
        threads(&world, work);
        assert_eq!(world.live(), 0, "a node outlived its last reference (I2)");
        assert_eq!(world.slots(), 0, "a slot outlived its node (I2)");
    }
    exhaustively("I2", 10, || race(2));
    widely("I2", || race(3));
}

#[test]
fn law_i2_holds_when_makers_race_with_droppers() {
    fn race() {
        let world = World::new();
        let (parent, other) = (world.parent(1), world.leaf(1));
        threads::<_, ()>(
            &world,
            vec![
                Box::new(|_| drop(parent)),
                Box::new(|world| drop((world.parent(1), other))),
                Box::new(|world| drop(world.leaf(1))),
            ],
        );
        assert_eq!((world.live(), world.slots()), (0, 0), "something was left behind (I2)");
    }
    widely("I2", race);
}

#[test]
fn law_i2_no_entry_is_dropped_under_a_lock() {
    // Leaf 2 is looked up in the shard of leaf 1, while the last reference to leaf 1 goes: were the lookup's
    // own reference to the stranger let go under the lock, its drop would wait for that lock for ever.
    fn race() {
        let world = World::new();
        let stranger = world.leaf(1);
        threads::<_, ()>(&world, vec![Box::new(|_| drop(stranger)), Box::new(|world| drop(world.leaf(2)))]);
        assert_eq!((world.live(), world.slots()), (0, 0));
    }
    exhaustively("I2", 50, race);
}

#[test]
fn law_i3_a_lookup_beside_the_last_drop_gets_a_fresh_node() {
    /// `again` makes the node that dies, or finds it.
    fn race(count: usize, again: fn(&World) -> Arc<Node>) {
        let world = World::new();
        let dying = again(&world);
        let mut work: Vec<Work<World, Option<Arc<Node>>>> = vec![Box::new(|_| {
            drop(dying);
            None
        })];
        for _ in 0..count {
            work.push(Box::new(move |world| Some(again(&world))));
        }
        let nodes: Vec<_> = threads(&world, work).into_iter().flatten().collect();
        assert!(nodes.iter().all(|node| Arc::ptr_eq(node, &nodes[0])));
        // The end of the dying one has taken nothing away from its successor.
        assert!(Arc::ptr_eq(&nodes[0], &again(&world)), "the slot of a live node is gone (I3)");
        let nodes = 1 + nodes[0].inputs.len();
        assert_eq!((world.live(), world.slots()), (nodes, nodes), "the node and its leaf, and no trace of others");
    }
    exhaustively("I3", 100, || race(1, |world| world.leaf(1)));
    exhaustively("I3", 1_000, || race(1, |world| world.parent(1)));
    widely("I3", || race(2, |world| world.parent(1)));
}

#[test]
fn law_i4_a_chain_that_two_threads_let_go_is_taken_apart_once() {
    fn race() {
        let world = World::new();
        let mut chain = world.leaf(0);
        for number in 1..4 {
            chain = world.intern(token(number), smallvec![chain]);
        }
        let middle = chain.inputs[0].clone();
        threads::<_, ()>(&world, vec![Box::new(|_| drop(chain)), Box::new(|_| drop(middle))]);
        assert_eq!((world.live(), world.slots()), (0, 0));
    }
    exhaustively("I4", 100, race);
}

#[test]
fn the_tokens_of_this_test_differ_in_their_last_byte_alone() {
    let tokens: BTreeSet<Token> = (0..=255).map(token).collect();
    assert_eq!(tokens.len(), 256);
    assert!(tokens.iter().all(|token| token.low_u64() == u64::from_le_bytes([7; 8])));
}
