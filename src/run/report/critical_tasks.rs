use super::RunReport;

impl RunReport {
    /// For each task, whether it is on the critical path.
    pub(super) fn critical_tasks(&self) -> Vec<bool> {
        let mut critical = vec![false; self.tasks.len()];
        self.critical_path.iter().filter(|task| **task < self.tasks.len()).for_each(|task| critical[*task] = true);
        critical
    }
}
