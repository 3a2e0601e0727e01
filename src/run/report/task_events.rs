use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::records::Records;
use super::{TaskEvent, TaskState};

/// The events of a run, one per planned task, by task: a list of [`TaskEvent`].
///
/// A run records 64 bytes of most tasks. They become events of a few hundred bytes when somebody first looks at one of
/// them, in linear time; what a report says of all its tasks, and its traces, do without.
///
/// ```
/// use leafhold::run::report::TaskEvents;
///
/// let events = TaskEvents::from(Vec::new());
/// assert!(events.iter().all(|event| event.state.is_well()));
/// assert_eq!(events, TaskEvents::default());
/// ```
#[derive(Clone, Default)]
pub struct TaskEvents {
    /// As a run recorded them, or as follows from whole ones once somebody asks. Of two that are set, both say the same.
    records: OnceLock<Records>,
    /// Whole, as somebody made them, or as follows from records.
    whole: OnceLock<Vec<TaskEvent>>,
}

impl TaskEvents {
    pub(in crate::run) fn recorded(records: Records) -> Self {
        TaskEvents { records: records.into(), whole: OnceLock::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.get().map_or_else(|| self.whole.get().map_or(0, Vec::len), Records::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events, whole.
    pub fn into_vec(self) -> Vec<TaskEvent> {
        let TaskEvents { records, whole } = self;
        whole.into_inner().unwrap_or_else(|| records.into_inner().unwrap_or_default().events())
    }

    /// Adds the event of the next task.
    pub fn push(&mut self, event: TaskEvent) {
        let mut events = std::mem::take(self).into_vec();
        events.push(event);
        *self = events.into();
    }

    pub(super) fn records(&self) -> &Records {
        self.records.get_or_init(|| Records::of(self.whole.get().map_or(&[], Vec::as_slice)))
    }

    /// How each task ended.
    pub(super) fn states(&self) -> impl Iterator<Item = TaskState> {
        self.records().iter().map(|record| record.state)
    }
}

impl From<Vec<TaskEvent>> for TaskEvents {
    fn from(events: Vec<TaskEvent>) -> Self {
        TaskEvents { records: OnceLock::new(), whole: events.into() }
    }
}

impl FromIterator<TaskEvent> for TaskEvents {
    fn from_iter<I: IntoIterator<Item = TaskEvent>>(events: I) -> Self {
        Vec::from_iter(events).into()
    }
}

impl Deref for TaskEvents {
    type Target = [TaskEvent];

    fn deref(&self) -> &[TaskEvent] {
        self.whole.get_or_init(|| self.records.get().map_or_else(Vec::new, Records::events))
    }
}

impl DerefMut for TaskEvents {
    fn deref_mut(&mut self) -> &mut [TaskEvent] {
        *self = std::mem::take(self).into_vec().into();
        self.whole.get_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}

impl<'a> IntoIterator for &'a TaskEvents {
    type Item = &'a TaskEvent;
    type IntoIter = std::slice::Iter<'a, TaskEvent>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut TaskEvents {
    type Item = &'a mut TaskEvent;
    type IntoIter = std::slice::IterMut<'a, TaskEvent>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl IntoIterator for TaskEvents {
    type Item = TaskEvent;
    type IntoIter = std::vec::IntoIter<TaskEvent>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl PartialEq for TaskEvents {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for TaskEvents {}

impl fmt::Debug for TaskEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for TaskEvents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TaskEvents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(TaskEvents::from)
    }
}
