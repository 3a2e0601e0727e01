//! A progress bar on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use leafhold::run::{Observer, RunReport, Submitted, TaskEvent};

/// Shows how many tasks of a run are done.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar that appears when a run begins. Where standard error is no terminal, nothing is drawn.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        match ProgressStyle::with_template("{bar:30} {pos}/{len} tasks  {elapsed}  {wide_msg}") {
            Ok(style) => Progress(bar.with_style(style)),
            Err(_) => Progress(bar),
        }
    }
}

impl Observer for Progress {
    fn on_submit(&self, submitted: &Submitted) {
        self.0.set_length(submitted.tasks as u64);
    }

    fn on_event(&self, event: &TaskEvent) {
        self.0.set_message(event.label.to_string());
        self.0.inc(1);
    }

    fn on_finish(&self, _report: &RunReport) {
        self.0.finish_and_clear();
    }
}
