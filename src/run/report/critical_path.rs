use std::cmp::Reverse;

use super::TaskEvent;

/// The task among these that ran, and ended last; of several the first.
pub(super) fn latest(events: &[TaskEvent], tasks: impl Iterator<Item = usize>) -> Option<usize> {
    let ran = tasks.filter(|task| events.get(*task).is_some_and(|event| event.started.is_some()));
    ran.max_by_key(|task| (events[*task].ended, Reverse(*task)))
}

/// From the task that ended last, back to what each waited for longest; first to last.
///
/// `producers` gives what a task reads. Events stand in the order of their tasks.
pub fn critical_path<I: Iterator<Item = usize>>(events: &[TaskEvent], producers: impl Fn(usize) -> I) -> Vec<usize> {
    let mut path: Vec<usize> = latest(events, 0..events.len()).into_iter().collect();
    // A graph has no circles, but reports also come from elsewhere.
    while path.len() < events.len()
        && let Some(before) = path.last().and_then(|task| latest(events, producers(*task)))
    {
        path.push(before);
    }
    path.reverse();
    path
}
