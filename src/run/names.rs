//! What outputs are called, and by whom: the table of collisions.
//!
//! A name is no identity, so nothing can go wrong when two computations have the same one; but whoever
//! looks at keys deserves to be told. Entries know futures by their generation, and runs weakly: they keep nothing alive.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use super::RunWarning;
use super::persist::PersistRun;
use crate::expr::{Difference, Outline};
use crate::leaf::{
    FutureHandle, FutureStatus, Generation, HashPartitioning, LocalFuture, Origin, Promise, live_future,
};

/// What is computed, and into how many partitions exchanges put it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) outline: Outline,
    pub(super) partitions: usize,
}

impl Spec {
    fn difference(&self, other: &Spec) -> Difference {
        self.outline.difference(&other.outline).unwrap_or_else(|| {
            let say = |spec: &Spec| format!("{} partitions", spec.partitions);
            Difference { path: "the planner".to_owned(), here: say(self), there: say(other) }
        })
    }
}

/// How outputs are made. Another plan of the same computation may put other rows in each of them.
#[derive(Clone)]
pub(super) struct Making {
    pub(super) outputs: usize,
    /// How their rows lie.
    pub(super) hashed: Option<HashPartitioning>,
    /// What makes them again, if they can be.
    pub(super) origin: Option<Arc<dyn Origin>>,
}

struct Entry {
    spec: Spec,
    hashed: Option<HashPartitioning>,
    /// Whoever has a leaf over the outputs has it.
    origin: Option<Weak<dyn Origin>>,
    generations: Vec<Generation>,
    /// The futures keep it.
    run: Weak<PersistRun>,
}

impl Entry {
    /// The outputs and their run, unless one has died, and whether none gave no data. What could make them again may have
    /// gone before them. Nobody else may hold by now what this gives, whatever it says of it: it goes when nothing is locked.
    fn look(&self) -> Option<(Claim, bool)> {
        let handles: Vec<_> = self.generations.iter().map(|at| live_future(*at)).collect::<Option<_>>()?;
        let usable =
            |handle: &FutureHandle| matches!(handle.status(), FutureStatus::Pending | FutureStatus::Finished { .. });
        let run = self.run.upgrade()?;
        let origin = self.origin.as_ref().and_then(Weak::upgrade);
        let made = Making { outputs: handles.len(), hashed: self.hashed.clone(), origin };
        let is_usable = handles.iter().all(usable);
        Some((Claim { handles, made, run, promises: None, warning: None }, is_usable))
    }
}

#[derive(Default)]
struct Names {
    entries: HashMap<String, Vec<Entry>>,
    /// When there are more than these, it is time to look which are dead.
    crowded: usize,
}

/// So few need no tidying.
const FEW: usize = 256;

impl Names {
    /// Forgets what is dead, if there are twice as many names as were alive when it last did. What it looks at is handed out.
    fn tidy(&mut self, looked_at: &mut Vec<Claim>) {
        if self.entries.len() <= self.crowded.max(FEW) {
            return;
        }
        self.entries.retain(|_, entries| {
            entries.retain(|entry| {
                let Some((found, is_usable)) = entry.look() else { return false };
                looked_at.push(found);
                is_usable
            });
            !entries.is_empty()
        });
        self.crowded = 2 * self.entries.len();
    }
}

static NAMES: LazyLock<Mutex<Names>> = LazyLock::new(Mutex::default);

/// The outputs of a computation.
pub(super) struct Claim {
    pub(super) handles: Vec<FutureHandle>,
    pub(super) made: Making,
    pub(super) run: Arc<PersistRun>,
    /// What has to be kept; `None` when the same computation is alive already.
    pub(super) promises: Option<Vec<Promise>>,
    pub(super) warning: Option<RunWarning>,
}

/// Names the outputs of a computation; makes them, unless the same one is alive under that name.
pub(super) fn claim(name: &str, own: &str, spec: Spec, made: Making) -> Claim {
    // What is looked at may be held by nobody else by now, and goes, with an executor, when nothing is locked.
    let mut looked_at = Vec::new();
    let mut names = NAMES.lock();
    let entries = names.entries.entry(name.to_owned()).or_default();
    let mut others = None;
    let mut same = None;
    entries.retain(|entry| {
        let Some((found, is_usable)) = entry.look() else { return false };
        if is_usable && entry.spec != spec {
            others = others.take().or_else(|| Some(entry.spec.difference(&spec)));
        }
        // Who wants to be able to make it again needs what made it; who does not, wants that to go.
        let is_same = is_usable && entry.spec == spec && found.made.origin.is_some() == made.origin.is_some();
        looked_at.extend(if is_same { same.replace(found) } else { Some(found) });
        is_usable
    });
    if let Some(same) = same {
        return same;
    }
    let called = if others.is_some() { own } else { name };
    let run = Arc::new(PersistRun::default());
    let make = |at: usize| {
        let (future, promise) = LocalFuture::pending(format!("{called}-{at}"));
        promise.keep(run.clone());
        (FutureHandle::new(future), promise)
    };
    let (handles, promises): (Vec<_>, Vec<_>) = (0..made.outputs).map(make).unzip();
    let generations = handles.iter().map(FutureHandle::generation).collect();
    let (hashed, origin) = (made.hashed.clone(), made.origin.as_ref().map(Arc::downgrade));
    entries.push(Entry { spec, hashed, origin, generations, run: Arc::downgrade(&run) });
    names.tidy(&mut looked_at);
    let warning = others.map(|Difference { path, here, there }| {
        let (name, own) = (name.to_owned(), own.to_owned());
        RunWarning::KeyCollision { name, own, path, existing: here, requested: there }
    });
    Claim { handles, made, run, promises: Some(promises), warning }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Schema;

    use super::*;
    use crate::expr::Frame;
    use crate::leaf::{Fault, FutureError, Leaf, Values, release};

    #[derive(Debug)]
    struct Maker;

    impl Origin for Maker {
        fn recover(&self, _: usize, lost: &FutureHandle) -> Result<FutureHandle, FutureError> {
            Err(Fault::failed("it makes nothing").of(lost.key(), lost.engine().clone()))
        }
        fn futures(&self) -> Vec<FutureHandle> {
            Vec::new()
        }
    }

    fn claim_into(name: &str, partitions: usize, origin: Option<Arc<dyn Origin>>) -> Claim {
        let leaf = Leaf::Values(Values::new("values", Arc::new(Schema::empty()), Vec::new()));
        let outline = Outline::of(Frame::from_leaf(leaf).unwrap().expr());
        claim(name, "own", Spec { outline, partitions }, Making { outputs: 1, hashed: None, origin })
    }

    fn claim_one(name: &str) -> Claim {
        claim_into(name, 1, None)
    }

    #[test]
    fn a_name_is_that_of_futures_that_outlive_what_could_make_them_again() {
        let maker = || Some(Arc::new(Maker) as Arc<dyn Origin>);
        let Claim { handles, made, promises, .. } = claim_into("outlived", 1, maker());
        drop(made);
        let other = claim_into("outlived", 2, maker());
        assert!(matches!(other.warning, Some(RunWarning::KeyCollision { .. })), "{:?}", other.warning);
        assert_eq!((handles[0].key(), other.handles[0].key()), ("outlived-0", "own-0"));
        // Who wants to be able to make them again needs others; who does not, has them.
        assert!(claim_into("outlived", 1, maker()).promises.is_some());
        assert_eq!(claim_into("outlived", 1, None).handles, handles);
        drop(promises);
    }

    #[test]
    fn names_of_the_dead_are_forgotten_though_nobody_asks_for_them_again() {
        let kept = claim_one("of-the-living");
        for at in 0..10 * FEW {
            drop(claim_one(&format!("of-the-dead-{at}")));
        }
        release::drain();
        let count = NAMES.lock().entries.len();
        assert!(count <= 2 * FEW, "{count} names, of which one is alive");
        let again = claim_one("of-the-living");
        assert!(again.promises.is_none() && Arc::ptr_eq(&again.run, &kept.run), "who is alive is found");
    }

    #[test]
    fn what_made_lost_data_goes_when_the_table_is_not_locked() {
        let Claim { handles, made, run, promises, .. } = claim_into("lost", 1, Some(Arc::new(Maker)));
        let origin = made.origin.as_ref().map(Arc::downgrade).unwrap();
        let generations = handles.iter().map(FutureHandle::generation).collect();
        let leaf = Leaf::Values(Values::new("values", Arc::new(Schema::empty()), Vec::new()));
        let spec = Spec { outline: Outline::of(Frame::from_leaf(leaf).unwrap().expr()), partitions: 1 };
        let entry = Entry { spec, hashed: None, origin: Some(origin.clone()), generations, run: Arc::downgrade(&run) };
        drop(promises);
        let found = entry.look();
        // Meanwhile the last leaf over it goes.
        drop(made);
        assert!(origin.upgrade().is_some(), "whoever looked at it drops it");
        assert!(found.is_some_and(|(_, is_usable)| !is_usable), "and makes it anew");
        assert!(origin.upgrade().is_none());
    }

    #[test]
    fn a_name_keeps_no_report() {
        let Claim { handles, run, promises, .. } = claim_one("reported");
        promises.into_iter().flatten().for_each(|promise| promise.fulfil(Vec::new()));
        let known = Arc::downgrade(&run);
        drop(run);
        let again = claim_one("reported");
        assert!(again.promises.is_none() && Arc::downgrade(&again.run).ptr_eq(&known), "the futures keep their run");
        drop((handles, again));
        release::drain();
        assert!(known.upgrade().is_none(), "nobody asks for it any more");
    }
}
