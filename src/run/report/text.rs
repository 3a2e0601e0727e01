use std::fmt::Write;
use std::time::Duration;

use super::RunReport;
use super::observed::amount;
use super::recorded_event::RecordedEvent;
use super::table::{Column, plain, table};
use super::units::{bytes, time};

/// How many lines a list may have before its middle is left out.
const LIST: usize = 20;

impl RunReport {
    /// The report for people: totals, a table by stage, what work-side observers said, the critical path, warnings, and
    /// what went wrong: every distinct error with its remote trace, those of attempts that did not count, too. Long lists are cut, and say so. Linear in the tasks.
    ///
    /// *Queued* is the time that tasks waited for a worker with everything there, *skew* how much longer the slowest
    /// task of a stage ran than the mean one, *uncounted* how long attempts ran that did not count. Columns that say nothing in this run are left out.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let total = self.summary();
        let _ = write!(
            text,
            "{} tasks ({}) in {} on {} workers; {} of work",
            total.tasks,
            total.states_text(),
            time(self.wall),
            self.workers,
            time(total.work),
        );
        if total.uncounted > Duration::ZERO {
            let _ = write!(text, ", {} in attempts that did not count", time(total.uncounted));
        }
        if let (Some(peak), Some(ports)) = (self.peak_bytes, self.peak_ports) {
            let _ = write!(text, ", peak {} in {ports} ports", bytes(peak));
            if self.peak_result_bytes > 0 {
                let _ = write!(text, ", of which {} are the result", bytes(self.peak_result_bytes));
                text.push_str(" and count towards no limit");
            }
        }
        text.push('\n');
        if self.spilled_bytes > 0 {
            let _ = writeln!(text, "{} went to files: the memory limit", bytes(self.spilled_bytes));
        }
        self.write_stages(&mut text);
        self.write_observed(&mut text);
        self.write_critical_path(&mut text);
        for warning in &self.warnings {
            let _ = writeln!(text, "warning: {}", plain(&warning.to_string()));
        }
        write_list(&mut text, self.failures().into_iter());
        text
    }

    fn write_stages(&self, text: &mut String) {
        let mut columns = [
            Column::right("stage"),
            Column::right("tasks"),
            Column::left("states"),
            Column::right("time"),
            Column::right("slowest"),
            Column::right("skew"),
            Column::right("queued"),
            Column::right("transfer").optional(),
            Column::right("retries").optional(),
            Column::right("uncounted").optional(),
            Column::right("rows"),
            Column::right("bytes"),
            Column::right("memory").optional(),
            Column::right("exec mem").optional(),
            Column::right("spilled").optional(),
            Column::left("what"),
        ];
        for (stage, (label, summary)) in self.summaries() {
            let some = |is: bool, text: String| if is { text } else { "-".to_owned() };
            let cells = [
                stage.to_string(),
                summary.tasks.to_string(),
                summary.states_text(),
                time(summary.work),
                time(summary.slowest),
                summary.skew().map_or_else(|| "-".to_owned(), |skew| format!("{skew:.1}")),
                time(summary.queued),
                some(summary.transfer > Duration::ZERO, time(summary.transfer)),
                some(summary.retries > 0, summary.retries.to_string()),
                some(summary.uncounted > Duration::ZERO, time(summary.uncounted)),
                summary.rows.to_string(),
                bytes(summary.bytes),
                summary.peak_memory.map_or_else(|| "-".to_owned(), bytes),
                summary.peak_execution_memory.map_or_else(|| "-".to_owned(), bytes),
                some(summary.spilled_bytes > 0, bytes(summary.spilled_bytes)),
                plain(&label),
            ];
            columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
        text.push_str(&table(&columns));
    }

    /// What was observed where tasks ran, by field and stage.
    fn write_observed(&self, text: &mut String) {
        let mut columns = [
            Column::left("observed"),
            Column::right("stage"),
            Column::right("tasks"),
            Column::right("total").optional(),
            Column::right("largest").optional(),
            Column::left("first").optional(),
        ];
        for ((path, stage), summary) in self.field_summaries() {
            let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |number| amount(&path, number));
            let first = summary.first.as_deref().map_or_else(|| "-".to_owned(), |first| cut(&plain(first)));
            let cells = [
                cut(&plain(&path)),
                stage.to_string(),
                summary.tasks.to_string(),
                number(summary.numbers.map(|(total, _)| total)),
                number(summary.numbers.map(|(_, largest)| largest)),
                first,
            ];
            columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
        let lines = table(&columns);
        // The head alone says nothing.
        if lines.lines().nth(1).is_some() {
            let lines: Vec<String> = lines.lines().map(|line| format!("{line}\n")).collect();
            write_list(text, lines.into_iter());
        }
    }

    fn write_critical_path(&self, text: &mut String) {
        let records = self.tasks.records();
        let path = self.critical_path.iter().filter(|task| **task < records.len());
        let steps: Vec<RecordedEvent<'_>> = path.map(|task| records.recorded(*task)).collect();
        if steps.is_empty() {
            return;
        }
        let sum = |of: fn(&RecordedEvent<'_>) -> Duration| {
            steps.iter().fold(Duration::ZERO, |sum, event| sum.saturating_add(of(event)))
        };
        let work = sum(|event| event.record.duration());
        let queued = sum(|event| event.record.queued());
        let transfer = sum(|event| event.transfer());
        let uncounted = sum(|event| event.uncounted());
        let _ = write!(text, "critical path: {} of work, {} queued", time(work), time(queued));
        if transfer > Duration::ZERO {
            let _ = write!(text, ", {} of moving rows", time(transfer));
        }
        if uncounted > Duration::ZERO {
            let _ = write!(text, ", {} in attempts that did not count", time(uncounted));
        }
        text.push('\n');
        let lines = steps.iter().map(|event| {
            let record = event.record;
            let started = record.started().unwrap_or(record.ended());
            let (stage, partition, label) = (event.stage(), event.partition(), plain(event.label));
            let (started, took) = (time(started), time(record.duration()));
            let before = match event.uncounted() {
                Duration::ZERO => String::new(),
                uncounted => format!(", after {} in attempts that did not count", time(uncounted)),
            };
            format!("  at {started:>9}  {took:>9}  stage {stage} partition {partition}: {label}{before}\n")
        });
        write_list(text, lines);
    }
}

/// Writes the first and the last of many.
fn write_list(text: &mut String, items: impl ExactSizeIterator<Item = String>) {
    let count = items.len();
    for (at, item) in items.enumerate() {
        match count > LIST && (LIST / 2..count - LIST / 2).contains(&at) {
            false => text.push_str(&item),
            true if at == LIST / 2 => {
                let _ = writeln!(text, "  .. {} more ..", count - LIST);
            }
            true => {}
        }
    }
}

/// A text that is not longer than a cell should be.
fn cut(text: &str) -> String {
    const LENGTH: usize = 60;
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
