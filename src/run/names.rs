//! What outputs are called, and by whom: the table of collisions.
//!
//! A name is no identity, so nothing can go wrong when two computations have the same one; but whoever
//! looks at keys deserves to be told. Entries know futures by their generation: they keep nothing alive.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use super::RunWarning;
use super::persist::PersistRun;
use crate::expr::{Difference, Outline};
use crate::leaf::{FutureHandle, FutureStatus, Generation, LocalFuture, Promise, live_future};

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

struct Entry {
    spec: Spec,
    recoverable: bool,
    generations: Vec<Generation>,
    run: Arc<PersistRun>,
}

impl Entry {
    /// The futures, unless one has died or gave no data.
    fn alive(&self) -> Option<Vec<FutureHandle>> {
        let handles: Vec<_> = self.generations.iter().map(|at| live_future(*at)).collect::<Option<_>>()?;
        let usable =
            |handle: &FutureHandle| matches!(handle.status(), FutureStatus::Pending | FutureStatus::Finished { .. });
        handles.iter().all(usable).then_some(handles)
    }
}

static NAMES: LazyLock<Mutex<HashMap<String, Vec<Entry>>>> = LazyLock::new(Mutex::default);

/// The outputs of a computation.
pub(super) struct Claim {
    pub(super) handles: Vec<FutureHandle>,
    pub(super) run: Arc<PersistRun>,
    /// What has to be kept; `None` when the same computation is alive already.
    pub(super) promises: Option<Vec<Promise>>,
    pub(super) warning: Option<RunWarning>,
}

/// Names the outputs of a computation; makes them, unless the same one is alive under that name.
pub(super) fn claim(name: &str, own: &str, spec: Spec, recoverable: bool, outputs: usize) -> Claim {
    let mut names = NAMES.lock();
    let entries = names.entry(name.to_owned()).or_default();
    let mut others = None;
    let mut same = None;
    entries.retain(|entry| {
        let Some(handles) = entry.alive() else { return false };
        // Who wants to be able to make it again needs what made it; who does not, wants that to go.
        match entry.spec == spec {
            true if entry.recoverable == recoverable => same = Some((handles, entry.run.clone())),
            true => {}
            false => others = others.take().or_else(|| Some(entry.spec.difference(&spec))),
        }
        true
    });
    if let Some((handles, run)) = same {
        return Claim { handles, run, promises: None, warning: None };
    }
    let called = if others.is_some() { own } else { name };
    let make = |at: usize| {
        let (future, promise) = LocalFuture::pending(format!("{called}-{at}"));
        (FutureHandle::new(future), promise)
    };
    let (handles, promises): (Vec<_>, Vec<_>) = (0..outputs).map(make).unzip();
    let run = Arc::new(PersistRun::default());
    let generations = handles.iter().map(FutureHandle::generation).collect();
    entries.push(Entry { spec, recoverable, generations, run: run.clone() });
    names.retain(|_, entries| !entries.is_empty());
    let warning = others.map(|Difference { path, here, there }| {
        let (name, own) = (name.to_owned(), own.to_owned());
        RunWarning::KeyCollision { name, own, path, existing: here, requested: there }
    });
    Claim { handles, run, promises: Some(promises), warning }
}
