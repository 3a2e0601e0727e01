use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::{RunReport, TaskEvent, TaskState};

impl RunReport {
    /// The report as a table by stage, with totals and the critical path.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let total: Duration = self.tasks.iter().map(TaskEvent::duration).sum();
        let _ = writeln!(
            text,
            "{} tasks ({}) in {} on {} workers; {} of work, peak {} in {} ports",
            self.tasks.len(),
            states(self.tasks.iter()),
            time(self.wall),
            self.workers,
            time(total),
            bytes(self.peak_bytes),
            self.peak_ports,
        );
        let mut rows = vec![HEADER.map(str::to_owned)];
        let mut stages: BTreeMap<usize, Vec<&TaskEvent>> = BTreeMap::new();
        self.tasks.iter().for_each(|event| stages.entry(event.stage).or_default().push(event));
        rows.extend(stages.iter().map(|(stage, events)| stage_row(*stage, events)));
        write_table(&mut text, &rows);
        if !self.critical_path.is_empty() {
            let steps = self.critical_path.iter().filter_map(|task| self.tasks.get(*task));
            let length: Duration = steps.clone().map(TaskEvent::duration).sum();
            let _ = writeln!(text, "critical path: {} of work", time(length));
            for event in steps {
                let started = event.started.unwrap_or(event.ended);
                let _ = writeln!(
                    text,
                    "  at {:>9}  {:>9}  stage {} partition {}: {}",
                    time(started),
                    time(event.duration()),
                    event.stage,
                    event.partition,
                    event.label
                );
            }
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "warning: {warning}");
        }
        for event in self.tasks.iter().filter(|event| event.error.is_some()) {
            if let Some(error) = &event.error {
                let _ = writeln!(text, "{}: {}", event.state.name(), error.message);
            }
        }
        text
    }
}

const HEADER: [&str; 9] = ["stage", "tasks", "states", "time", "slowest", "skew", "rows", "bytes", "what"];

fn stage_row(stage: usize, events: &[&TaskEvent]) -> [String; 9] {
    let total: Duration = events.iter().map(|event| event.duration()).sum();
    let slowest = events.iter().map(|event| event.duration()).max().unwrap_or_default();
    let mean = total.as_secs_f64() / events.len() as f64;
    [
        stage.to_string(),
        events.len().to_string(),
        states(events.iter().copied()),
        time(total),
        time(slowest),
        // How much longer the slowest task ran than the mean: 1.0 is even.
        if mean > 0.0 { format!("{:.1}", slowest.as_secs_f64() / mean) } else { "-".to_owned() },
        events.iter().map(|event| event.rows).sum::<u64>().to_string(),
        bytes(events.iter().map(|event| event.bytes_out).sum()),
        events[0].label.to_string(),
    ]
}

fn states<'a>(events: impl Iterator<Item = &'a TaskEvent>) -> String {
    let mut counts = [0; TaskState::ALL.len()];
    for event in events {
        counts[TaskState::ALL.iter().position(|state| *state == event.state).unwrap_or_default()] += 1;
    }
    let named = TaskState::ALL.iter().zip(counts).filter(|(_, count)| *count > 0);
    named.map(|(state, count)| format!("{count} {}", state.name())).collect::<Vec<_>>().join(", ")
}

fn write_table(text: &mut String, rows: &[[String; 9]]) {
    let mut widths = [0; 9];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(at, (cell, width))| match at {
            // Words to the left, numbers to the right.
            2 => format!("{cell:<width$}"),
            8 => cell.clone(),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn time(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds >= 10.0 => format!("{seconds:.1} s"),
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 0.001 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{:.0} us", seconds * 1e6),
    }
}

fn bytes(count: u64) -> String {
    match count as f64 {
        count if count >= 1e9 => format!("{:.1} GB", count / 1e9),
        count if count >= 1e6 => format!("{:.1} MB", count / 1e6),
        count if count >= 1e3 => format!("{:.1} kB", count / 1e3),
        count => format!("{count:.0} B"),
    }
}
