use std::time::Duration;

use crate::run::TaskEvent;

/// A run has at most about so many points in time at which tasks are counted.
const POINTS: u32 = 2_000;

/// How many tasks ran, and how many waited for a worker, over time.
pub(super) fn counters(events: &[TaskEvent], wall: Duration) -> Vec<(Duration, usize, usize)> {
    let mut changes: Vec<(Duration, isize, isize)> = Vec::new();
    for event in events {
        if let Some(started) = event.started {
            let ready = event.ready.unwrap_or(started).min(started);
            changes.push((ready, 0, 1));
            changes.push((started, 1, -1));
            changes.push((event.ended.max(started), -1, 0));
        }
    }
    changes.sort_unstable();
    let step = wall / POINTS;
    let (mut running, mut queued) = (0isize, 0isize);
    let mut points: Vec<(Duration, usize, usize)> = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        running += change.1;
        queued += change.2;
        let last = changes.get(at + 1).is_none_or(|next| next.0 != change.0);
        let far = points.last().is_none_or(|point| point.0 + step <= change.0) || at + 1 == changes.len();
        if last && far {
            points.push((change.0, running.max(0) as usize, queued.max(0) as usize));
        }
    }
    points
}
