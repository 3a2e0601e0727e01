//! What must hold of every run, however it ends.

#[cfg(unix)]
use leafhold::run::RunReport;

/// Asserts that every future was let go, by the one line that says so: `futures: N created, N released`. Tells how many.
#[track_caller]
pub fn assert_all_released(text: &str) -> u64 {
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("futures: ")).collect();
    let [line] = lines.as_slice() else { panic!("{lines:?} in {text}") };
    let numbers: Vec<u64> = line.split(|at: char| !at.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    let [created, released] = numbers.as_slice() else { panic!("{line:?}") };
    assert_eq!(created, released, "{line}");
    *created
}

/// The report in a file of JSON lines, in which every task that was planned has one event.
#[cfg(unix)]
#[track_caller]
pub fn report_of_each_task_once(path: &str) -> RunReport {
    let report = RunReport::from_json_lines(&std::fs::read_to_string(path).unwrap()).unwrap();
    let planned: usize = report.stages.iter().map(|stage| stage.tasks).sum();
    let each_once: Vec<usize> = (0..planned).collect();
    assert_eq!(report.tasks.iter().map(|event| event.task).collect::<Vec<_>>(), each_once);
    assert!(planned > 0);
    report
}
