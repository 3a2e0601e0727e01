use crate::run::RunReport;
use crate::run::report::records::Records;

/// Which arrows have an end at which task. They have numbers from 1.
pub(super) struct ArrowEnds {
    /// Where the arrows of each task begin in the list of all; one more than there are tasks, or nothing.
    begins: Vec<u32>,
    arrows: Vec<u32>,
}

impl ArrowEnds {
    /// Where the arrows of a report leave, and where they arrive.
    pub(super) fn of(report: &RunReport, records: &Records) -> (Self, Self) {
        let started = |task: u32| records.get(task as usize)?.started();
        let arrows = (1..).zip(&report.flows.pairs).filter(|(_, (producer, consumer))| {
            // Time alone tells Perfetto which end is which.
            matches!((started(*producer), started(*consumer)), (Some(from), Some(to)) if from < to)
        });
        let leaving = arrows.clone().map(|(arrow, (producer, _))| (*producer, arrow));
        let arriving = arrows.map(|(arrow, (_, consumer))| (*consumer, arrow));
        (ArrowEnds::new(report.tasks.len(), leaving), ArrowEnds::new(report.tasks.len(), arriving))
    }

    /// Sorts arrows, given with the task of their end, by task.
    fn new(tasks: usize, ends: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let count = ends.clone().count();
        if count == 0 {
            return ArrowEnds { begins: Vec::new(), arrows: Vec::new() };
        }
        let mut begins = vec![0; tasks + 1];
        ends.clone().for_each(|(task, _)| begins[task as usize] += 1);
        let mut before = 0;
        for begin in &mut begins {
            before += *begin;
            *begin = before;
        }
        // Each is where the arrows of its task end; from there, they are filled in backwards.
        let mut arrows = vec![0; count];
        for (task, arrow) in ends {
            let at = &mut begins[task as usize];
            *at -= 1;
            arrows[*at as usize] = arrow;
        }
        ArrowEnds { begins, arrows }
    }

    /// The arrows of a task.
    #[inline]
    pub(super) fn at(&self, task: usize) -> &[u32] {
        match self.begins.get(task..task + 2) {
            Some(begins) => &self.arrows[begins[0] as usize..begins[1] as usize],
            None => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_task_has_its_arrows(ends in prop::collection::vec((0..9u32, 0..99u32), 0..40)) {
            let sorted = ArrowEnds::new(9, ends.iter().copied());
            for task in 0..9 {
                let mut arrows = sorted.at(task).to_vec();
                arrows.reverse();
                let of_task = ends.iter().filter(|(of, _)| *of as usize == task);
                prop_assert_eq!(arrows, of_task.map(|(_, arrow)| *arrow).collect::<Vec<_>>());
            }
        }
    }
}
