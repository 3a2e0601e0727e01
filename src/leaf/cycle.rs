//! Futures that wait for themselves.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::{EngineId, FutureHandle, FutureValue, LocalFuture, RemoteFuture, registry};

/// Notes which futures a value holds. To be called before [`keys_of_cycle`], and once the value can be seen:
/// of two futures that close a circle at the same time, the later one finds it.
pub(super) fn note_inside(futures: &[FutureHandle]) {
    futures.iter().for_each(|handle| handle.0.inside.store(true, Ordering::SeqCst));
}

enum Step {
    Enter(FutureHandle),
    Leave,
}

/// The keys of a circle through a future of this process, from its own key to its own key, among what is
/// finished so far. Other engines' values are not asked for: that may be far away.
pub(super) fn keys_of_cycle(start: &LocalFuture) -> Option<Vec<String>> {
    let id = start.instance();
    // Most futures are in nobody's value: then there is nothing to search.
    let instance = registry::live_instance(start.engine(), id?)?;
    if !instance.inside.load(Ordering::SeqCst) {
        return None;
    }
    let mut path = vec![start.key().to_owned()];
    let mut seen = HashSet::new();
    let mut open = inside(&start.value().ok()?);
    while let Some(step) = open.pop() {
        let handle = match step {
            Step::Leave => {
                path.pop();
                continue;
            }
            Step::Enter(handle) => handle,
        };
        if *handle.engine() != EngineId::local() {
            continue;
        }
        if handle.0.id == id {
            path.push(handle.key().to_owned());
            return Some(path);
        }
        if seen.insert(handle.generation())
            && let Ok(value) = handle.value()
        {
            path.push(handle.key().to_owned());
            open.push(Step::Leave);
            open.extend(inside(&value));
        }
    }
    None
}

fn inside(value: &FutureValue) -> Vec<Step> {
    value.futures().into_iter().rev().cloned().map(Step::Enter).collect()
}
