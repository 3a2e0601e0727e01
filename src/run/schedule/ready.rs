use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Tasks that can be submitted, larger priority first; of equal ones the first.
#[derive(Default)]
pub(super) struct ReadyQueue {
    /// Those that read no task: they only make more rows.
    sources: Queue,
    others: Queue,
}

/// A task with its priority: the largest is the first.
type Key = (i64, Reverse<u32>);

/// A priority queue for tasks most of which come in the order in which they go, or go at once: these take constant time.
#[derive(Default)]
struct Queue {
    /// From the largest down.
    sorted: VecDeque<Key>,
    /// What came out of order.
    heap: BinaryHeap<Key>,
}

impl Queue {
    fn push(&mut self, key: Key) {
        if self.sorted.back().is_none_or(|last| key < *last) {
            self.sorted.push_back(key);
        } else if self.sorted.front().is_some_and(|first| key > *first) {
            self.sorted.push_front(key);
        } else {
            self.heap.push(key);
        }
    }

    fn peek(&self) -> Option<&Key> {
        self.sorted.front().max(self.heap.peek())
    }

    fn pop(&mut self) -> Option<Key> {
        if self.heap.peek() > self.sorted.front() { self.heap.pop() } else { self.sorted.pop_front() }
    }

    fn len(&self) -> usize {
        self.sorted.len() + self.heap.len()
    }

    fn clear(&mut self) {
        self.sorted.clear();
        self.heap.clear();
    }
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
        let queue = if reads_tasks { &mut self.others } else { &mut self.sources };
        queue.push((priority, Reverse(task as u32)));
    }

    /// The task to submit next. Without room in memory, what reads rows goes before what only makes some; and that waits
    /// while somebody is at work.
    pub(super) fn pop(&mut self, pressure: Pressure) -> Option<usize> {
        let queue = match pressure {
            Pressure::None if self.sources.peek() > self.others.peek() => &mut self.sources,
            Pressure::Idle if self.others.len() == 0 => &mut self.sources,
            _ => &mut self.others,
        };
        queue.pop().map(|(_, Reverse(task))| task as usize)
    }

    /// How many could be submitted.
    pub(super) fn len(&self, pressure: Pressure) -> usize {
        match pressure {
            Pressure::None => self.others.len() + self.sources.len(),
            Pressure::Idle => self.others.len().max(usize::from(self.sources.len() > 0)),
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tasks_go_by_priority_however_they_came(steps in prop::collection::vec(prop::option::of(-9..9i64), 0..200)) {
            let (mut queue, mut expected) = (Queue::default(), BinaryHeap::new());
            for (task, step) in (0..).zip(steps) {
                match step {
                    Some(priority) => {
                        queue.push((priority, Reverse(task)));
                        expected.push((priority, Reverse(task)));
                    }
                    None => prop_assert_eq!(queue.pop(), expected.pop()),
                }
                prop_assert_eq!((queue.peek(), queue.len()), (expected.peek(), expected.len()));
            }
        }
    }

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
