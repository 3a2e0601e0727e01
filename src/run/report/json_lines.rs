use std::io::{self, Write};

use serde::Deserialize;
use serde_json::Value;

use super::shares::{SHARE, write_shares};
use super::{RunReport, TaskEvent, TaskEvents};

/// The version of the format that is written, and the only one that is read.
const VERSION: u64 = 1;

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportReadError {
    /// A line is no JSON, or not what stands in that place.
    #[error("line {line} of the report: {source}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What was wrong.
        source: serde_json::Error,
    },
    /// The first line is no header.
    #[error("line 1 of the report has no \"leafhold_report\": it is no report of a run as JSON lines")]
    Header,
    /// Another version wrote it.
    #[error(
        "the report has version {found}, and this version of Leafhold reads version {VERSION}: use the one that wrote it"
    )]
    Version {
        /// The version in the header.
        found: Value,
    },
    /// Events are missing, or too many, or not in the order of their tasks.
    #[error(
        "the report has {found} where the event of task {expected} of {tasks} should stand: it is cut, or put together"
    )]
    Tasks {
        /// How many tasks the header says.
        tasks: usize,
        /// Which one should come.
        expected: usize,
        /// What came.
        found: String,
    },
}

impl RunReport {
    /// Writes the report as JSON lines: the run in the first line, then one event a line, by task. `out` needs no buffer,
    /// and the text is never in memory as a whole.
    ///
    /// # Errors
    /// What `out` says; a part of the report may have been written.
    pub fn write_json_lines(&self, mut out: impl Write) -> io::Result<()> {
        let run = RunReport {
            tasks: TaskEvents::default(),
            stages: self.stages.clone(),
            flows: self.flows.clone(),
            node_rows: self.node_rows.clone(),
            warnings: self.warnings.clone(),
            critical_path: self.critical_path.clone(),
            ..*self
        };
        let mut header = format!("{{\"leafhold_report\":{VERSION},\"tasks\":{}", self.tasks.len());
        if let Ok(Value::Object(fields)) = serde_json::to_value(&run) {
            for (name, value) in fields.iter().filter(|(name, _)| *name != "tasks") {
                header.push_str(&format!(",\"{name}\":{value}"));
            }
        }
        header.push_str("}\n");
        out.write_all(header.as_bytes())?;
        write_shares(self.tasks.chunks(SHARE), out, |events, text| {
            for event in events {
                // Strings and numbers alone, into memory: this cannot fail.
                let _ = serde_json::to_writer(&mut *text, event);
                text.push(b'\n');
            }
        })
    }

    /// What [`write_json_lines`](RunReport::write_json_lines) writes, as text.
    ///
    /// ```
    /// use leafhold::run::RunReport;
    ///
    /// let text = RunReport::default().to_json_lines();
    /// assert!(text.starts_with("{\"leafhold_report\":1,\"tasks\":0,"));
    /// assert_eq!(RunReport::from_json_lines(&text)?, RunReport::default());
    /// # Ok::<_, leafhold::run::report::ReportReadError>(())
    /// ```
    pub fn to_json_lines(&self) -> String {
        // So much is what most tasks need.
        let mut text = Vec::with_capacity(256 * (self.tasks.len() + 1));
        // Memory takes whatever is written, and JSON is UTF-8.
        let _ = self.write_json_lines(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Reads what [`to_json_lines`](RunReport::to_json_lines) wrote. Blank lines are skipped.
    ///
    /// # Errors
    /// What is no report, one of another version, or one that does not have exactly one event per task.
    pub fn from_json_lines(text: &str) -> Result<RunReport, ReportReadError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (at, first) = lines.next().ok_or(ReportReadError::Header)?;
        let of_line = |at: usize| move |source| ReportReadError::Line { line: at + 1, source };
        let mut header: Value = serde_json::from_str(first).map_err(of_line(at))?;
        let fields = header.as_object_mut().ok_or(ReportReadError::Header)?;
        match fields.remove("leafhold_report").ok_or(ReportReadError::Header)? {
            Value::Number(found) if found.as_u64() == Some(VERSION) => {}
            found => return Err(ReportReadError::Version { found }),
        }
        let tasks = fields.insert("tasks".to_owned(), Value::Array(Vec::new())).unwrap_or_default();
        let tasks = usize::deserialize(tasks).map_err(of_line(at))?;
        let mut report: RunReport = serde_json::from_value(header).map_err(of_line(at))?;
        for (at, line) in lines {
            let event: TaskEvent = serde_json::from_str(line).map_err(of_line(at))?;
            let expected = report.tasks.len();
            if event.task != expected || expected == tasks {
                return Err(ReportReadError::Tasks { tasks, expected, found: format!("task {}", event.task) });
            }
            report.tasks.push(event);
        }
        match report.tasks.len() {
            found if found == tasks => Ok(report),
            expected => Err(ReportReadError::Tasks { tasks, expected, found: "its end".to_owned() }),
        }
    }
}
