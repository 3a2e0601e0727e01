use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Tasks that can be submitted, larger priority first; of equal ones the first.
#[derive(Default)]
pub(super) struct ReadyQueue {
    /// Those that read no task: they only make more rows.
    sources: BinaryHeap<(i64, Reverse<u32>)>,
    others: BinaryHeap<(i64, Reverse<u32>)>,
}

/// How memory stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressure {
    /// There is room.
    None,
    /// There is none, and somebody is at work who may make some.
    Busy,
    /// There is none, and nobody is at work.
    Idle,
}

impl ReadyQueue {
    pub(super) fn push(&mut self, task: usize, priority: i64, reads_tasks: bool) {
        let heap = if reads_tasks { &mut self.others } else { &mut self.sources };
        heap.push((priority, Reverse(task as u32)));
    }

    /// The task to submit next. Without room in memory, what reads rows goes before what only makes some; and that waits
    /// while somebody is at work.
    pub(super) fn pop(&mut self, pressure: Pressure) -> Option<usize> {
        let heap = match pressure {
            Pressure::None if self.sources.peek() > self.others.peek() => &mut self.sources,
            Pressure::Idle if self.others.is_empty() => &mut self.sources,
            _ => &mut self.others,
        };
        heap.pop().map(|(_, Reverse(task))| task as usize)
    }

    /// How many could be submitted.
    pub(super) fn len(&self, pressure: Pressure) -> usize {
        match pressure {
            Pressure::None => self.others.len() + self.sources.len(),
            Pressure::Idle => self.others.len().max(usize::from(!self.sources.is_empty())),
            Pressure::Busy => self.others.len(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.sources.clear();
        self.others.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_room_what_reads_goes_first_and_somebody_always_goes() {
        let mut ready = ReadyQueue::default();
        ready.push(0, 9, false);
        ready.push(1, 8, true);
        ready.push(2, 7, false);
        assert_eq!(ready.pop(Pressure::Busy), Some(1));
        assert_eq!(ready.pop(Pressure::Busy), None, "whoever works may make room");
        assert_eq!(ready.len(Pressure::Idle), 1);
        assert_eq!(ready.pop(Pressure::Idle), Some(0), "nobody else will");
        ready.push(3, 7, true);
        assert_eq!(ready.pop(Pressure::None), Some(2), "the first of equal ones");
        assert_eq!(ready.pop(Pressure::None), Some(3));
    }
}
