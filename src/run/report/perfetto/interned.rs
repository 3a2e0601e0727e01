use rustc_hash::FxHashMap;

use super::annotations::Name;
use super::fields::{interned, interned_data};
use super::proto::Proto;
use crate::run::RunReport;

/// The categories of events, which are interned by their places here, from 1.
const CATEGORIES: [&str; 10] =
    ["ok", "cached", "skipped", "failed", "lost", "upstream-failed", "cancelled", "retried", "given-up", "run"];

/// Texts that the packets of a trace refer to by numbers.
pub(super) struct Interned<'a> {
    /// From 1, in the order of the stages.
    names: FxHashMap<&'a str, u64>,
}

impl<'a> Interned<'a> {
    /// Of what most tasks of a report are called: as their stages are.
    pub(super) fn of(report: &'a RunReport) -> Self {
        let mut names = FxHashMap::default();
        for name in report.stages.iter().map(|stage| &*stage.label).filter(|label| !label.is_empty()) {
            let next = names.len() as u64 + 1;
            names.entry(name).or_insert(next);
        }
        Interned { names }
    }

    /// The number of an event's name, if it has one.
    pub(super) fn name(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(super) fn write(&self, data: &mut Proto<'_>) {
        let mut put = |field, number, text: &str| {
            data.message(field, |entry| _ = entry.uint(interned::IID, number).text(interned::NAME, text));
        };
        (1..).zip(CATEGORIES).for_each(|(number, text)| put(interned_data::EVENT_CATEGORIES, number, text));
        let mut names: Vec<(u64, &str)> = self.names.iter().map(|(text, number)| (*number, *text)).collect();
        names.sort_unstable();
        names.iter().for_each(|(number, text)| put(interned_data::EVENT_NAMES, *number, text));
        let annotations = Name::ALL.iter();
        annotations.for_each(|(name, text)| put(interned_data::DEBUG_ANNOTATION_NAMES, *name as u64, text));
    }
}

/// The number of a category.
pub(super) fn category(category: &str) -> u64 {
    let place = CATEGORIES.iter().position(|known| *known == category);
    place.map_or(0, |place| place as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::TaskState;

    #[test]
    fn every_state_is_a_category() {
        assert!(TaskState::ALL.iter().all(|state| category(state.name()) > 0));
    }

    #[test]
    fn names_of_annotations_stand_at_their_numbers() {
        assert!((1..).zip(Name::ALL).all(|(number, (name, _))| name as u64 == number));
    }
}
