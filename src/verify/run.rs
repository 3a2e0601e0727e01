use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::bounds::Bounds;
use super::soundness::{Verification, verify};
use crate::rules::Rule;

/// Verifies rules on so many threads; the results are in the order of the rules and do not depend on the
/// number of threads. `done` hears of each rule as it ends, in whatever order.
pub fn verify_all(
    rules: &[Arc<Rule>],
    bounds: &Bounds,
    threads: usize,
    done: &(dyn Fn(&Verification) + Sync),
) -> Vec<Verification> {
    in_parallel(rules, threads, |rule| {
        let verification = verify(rule, bounds);
        done(&verification);
        verification
    })
}

/// Does something with each item, on so many threads; results in the order of the items.
pub(super) fn in_parallel<T: Sync, R: Send>(items: &[T], threads: usize, run: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let result = run(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}
