use std::cmp::Reverse;

use super::records::Records;

/// The task among these that ran, and ended last; of several the first.
pub(super) fn latest(records: &Records, tasks: impl Iterator<Item = usize>) -> Option<usize> {
    let ran = tasks.filter_map(|task| Some((records.get(task)?.ran_until()?, Reverse(task))));
    ran.max().map(|(_, Reverse(task))| task)
}

/// From the task that ended last, back to what each waited for longest; first to last.
///
/// `producers` gives what a task reads.
pub(super) fn critical_path<I: Iterator<Item = usize>>(
    records: &Records,
    producers: impl Fn(usize) -> I,
) -> Vec<usize> {
    let mut path: Vec<usize> = latest(records, 0..records.len()).into_iter().collect();
    // A graph has no circles, but reports also come from elsewhere.
    while path.len() < records.len()
        && let Some(before) = path.last().and_then(|task| latest(records, producers(*task)))
    {
        path.push(before);
    }
    path.reverse();
    path
}
