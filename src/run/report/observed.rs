//! What work-side observers say, field by field.

use std::collections::BTreeMap;

use serde_json::Value;

use super::RunReport;
use super::units::{bytes, time};
use crate::run::work::Observed;

/// The fields of what was observed, with their paths: an object is taken apart once (`cpu.time_us`), anything else is one
/// field under the observer's name.
pub(super) fn fields(observed: &Observed) -> impl Iterator<Item = (String, &Value)> {
    observed.iter().flat_map(|(name, said)| {
        let parts = said.as_object().into_iter().flatten().map(move |(key, value)| (format!("{name}.{key}"), value));
        let whole = (!said.is_object()).then(|| (name.to_string(), said));
        parts.chain(whole)
    })
}

/// A number for people: what its name says is a time or a size is written as such.
pub(super) fn amount(path: &str, number: f64) -> String {
    match () {
        () if number < 0.0 => number.to_string(),
        () if path.ends_with("_us") => time(std::time::Duration::try_from_secs_f64(number / 1e6).unwrap_or_default()),
        () if path.ends_with("_bytes") => bytes(number as u64),
        () => format!("{}", (number * 1e3).round() / 1e3),
    }
}

/// What one field amounts to over the tasks of a stage.
#[derive(Default)]
pub(super) struct FieldSummary {
    /// How many tasks have it.
    pub(super) tasks: usize,
    /// The sum, and the largest, of numbers.
    pub(super) numbers: Option<(f64, f64)>,
    /// The first value that is no number.
    pub(super) first: Option<String>,
}

impl FieldSummary {
    fn add(&mut self, value: &Value) {
        self.tasks += 1;
        match value.as_f64() {
            Some(number) => {
                let (total, largest) = self.numbers.get_or_insert((0.0, f64::NEG_INFINITY));
                *total += number;
                *largest = largest.max(number);
            }
            None if self.first.is_none() => {
                self.first = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
            None => {}
        }
    }
}

impl RunReport {
    /// What each observed field amounts to in each stage, by path and stage.
    pub(super) fn field_summaries(&self) -> BTreeMap<(String, usize), FieldSummary> {
        let mut summaries: BTreeMap<(String, usize), FieldSummary> = BTreeMap::new();
        for event in self.tasks.records().all_with_more() {
            for (path, value) in event.observed().into_iter().flat_map(fields) {
                summaries.entry((path, event.stage())).or_default().add(value);
            }
        }
        summaries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_unit_of_their_name() {
        let cases = [
            ("cpu.time_us", 1_500.0, "1.5 ms"),
            ("buffers_bytes", 2e6, "2.0 MB"),
            ("skew", 1.23456, "1.235"),
            ("cpu.time_us", -3.0, "-3"),
            ("cpu.time_us", 1e300, "0 us"),
        ];
        for (path, number, text) in cases {
            assert_eq!(amount(path, number), text);
        }
    }
}
