//! Progress bars on standard error, where that is a terminal: one of the run, and one of each stage under way.

use std::collections::BTreeMap;
use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use leafhold::run::{Observer, RunReport, Submitted, TaskEvent};

/// The most stages that are shown at a time.
const SHOWN: usize = 6;

/// Shows how many tasks of a run are done, and of each stage that is under way.
pub struct Progress {
    bars: MultiProgress,
    run: ProgressBar,
    stages: Mutex<BTreeMap<usize, StageBar>>,
}

struct StageBar {
    label: String,
    tasks: u64,
    done: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Bars that appear when a run begins. Where standard error is no terminal, nothing is drawn.
    pub fn new() -> Self {
        Progress::on(ProgressDrawTarget::stderr())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let run = bars.add(styled(ProgressBar::new(0), "{bar:30} {pos}/{len} tasks  {elapsed}  {wide_msg}"));
        Progress { bars, run, stages: Mutex::default() }
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Counts the end of a task. Returns the stage's bar when it has just come to its end.
fn count(stages: &mut BTreeMap<usize, StageBar>, stage: usize, bars: &MultiProgress) -> Option<ProgressBar> {
    let shown = stages.values().filter(|stage| stage.bar.is_some()).count();
    let of = stages.get_mut(&stage)?;
    of.done += 1;
    if of.done >= of.tasks {
        return of.bar.take();
    }
    if of.bar.is_none() && shown < SHOWN {
        let bar = styled(ProgressBar::new(of.tasks), "{bar:30.dim} {pos}/{len} {wide_msg}");
        bar.set_message(format!("stage {stage}: {}", of.label));
        of.bar = Some(bars.add(bar));
    }
    if let Some(bar) = &of.bar {
        bar.set_position(of.done);
    }
    None
}

impl Observer for Progress {
    fn on_submit(&self, submitted: &Submitted) {
        self.run.set_length(submitted.tasks as u64);
        let stage = |stage: &leafhold::run::report::Stage| {
            let label = stage.label.chars().filter(|at| !at.is_control()).collect();
            (stage.stage, StageBar { label, tasks: stage.tasks as u64, done: 0, bar: None })
        };
        if let Ok(mut stages) = self.stages.lock() {
            *stages = submitted.stages.iter().map(stage).collect();
            self.run.set_message(format!("0/{} stages", stages.len()));
        }
    }

    fn on_event(&self, event: &TaskEvent) {
        self.run.inc(1);
        if self.run.is_hidden() {
            return;
        }
        let Ok(mut stages) = self.stages.lock() else { return };
        let ended = count(&mut stages, event.stage, &self.bars);
        if stages.get(&event.stage).is_some_and(|stage| stage.done == stage.tasks) {
            let done = stages.values().filter(|stage| stage.done >= stage.tasks).count();
            self.run.set_message(format!("{done}/{} stages", stages.len()));
        }
        if let Some(bar) = ended {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn on_finish(&self, _report: &RunReport) {
        let bars = self.stages.lock().map(|mut stages| std::mem::take(&mut *stages)).unwrap_or_default();
        bars.into_values().filter_map(|stage| stage.bar).for_each(|bar| bar.finish_and_clear());
        self.run.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;
    use leafhold::run::report::Stage;
    use serde_json::json;

    use super::*;

    /// The end of a task.
    fn end(stage: usize, partition: usize) -> TaskEvent {
        let event = json!({
            "task": 10 * stage + partition, "stage": stage, "partition": partition, "label": "", "state": "ok",
            "attempt": 1, "submitted_us": 0, "started_us": 0, "ended_us": 1, "rows": 0, "bytes_in": 0, "bytes_out": 0,
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_terminal_shows_the_run_and_its_stages_until_it_is_over() {
        let terminal = InMemoryTerm::new(10, 80);
        let progress = Progress::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        let stage = |stage, label: &str, tasks| Stage { stage, label: label.into(), tasks, nodes: Vec::new() };
        let stages = vec![stage(0, "read\u{1b} sales", 2), stage(1, "sort", 1)];
        progress.on_submit(&Submitted { tasks: 3, stages });
        let lines = || terminal.contents().lines().map(str::to_owned).collect::<Vec<_>>();
        // The bar, how many of how many, the time, and the rest.
        let has = |line: &str, words: &[&str]| words.iter().all(|word| line.contains(word));
        assert!(matches!(&lines()[..], [run] if has(run, &[" 0/3 tasks ", "0/2 stages"])), "{:#?}", lines());
        progress.on_event(&end(0, 0));
        assert!(
            matches!(&lines()[..], [run, stage]
                if has(run, &[" 1/3 tasks ", "0/2 stages"]) && has(stage, &[" 1/2 ", "stage 0: read sales"])),
            "{:#?}",
            lines(),
        );
        progress.on_event(&end(0, 1));
        assert!(matches!(&lines()[..], [run] if has(run, &[" 2/3 tasks ", "1/2 stages"])), "{:#?}", lines());
        progress.on_event(&end(1, 0));
        assert!(matches!(&lines()[..], [run] if has(run, &[" 3/3 tasks ", "2/2 stages"])), "{:#?}", lines());
        progress.on_finish(&RunReport::default());
        assert_eq!(terminal.contents(), "", "what follows has the terminal for itself");
    }

    #[test]
    fn stages_under_way_have_bars_and_no_others() {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let stage = |tasks| StageBar { label: String::new(), tasks, done: 0, bar: None };
        let mut stages: BTreeMap<usize, StageBar> =
            (0..10).map(|at| (at, stage(if at == 0 { 1 } else { 3 }))).collect();
        let shown = |stages: &BTreeMap<usize, StageBar>| {
            stages.iter().filter(|(_, stage)| stage.bar.is_some()).map(|(at, _)| *at).collect::<Vec<_>>()
        };
        assert!(count(&mut stages, 0, &bars).is_none(), "a stage of one task comes and goes at once");
        assert_eq!(shown(&stages), [0; 0]);
        (1..10).for_each(|at| drop(count(&mut stages, at, &bars)));
        assert_eq!(shown(&stages), [1, 2, 3, 4, 5, 6]);
        assert!(count(&mut stages, 2, &bars).is_none());
        assert!(count(&mut stages, 2, &bars).is_some(), "its bar can go");
        assert!(count(&mut stages, 7, &bars).is_none());
        assert_eq!(shown(&stages), [1, 3, 4, 5, 6, 7]);
        assert!(count(&mut stages, 99, &bars).is_none(), "nobody planned it");
    }
}
