use std::borrow::Cow;
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
/// assert!(events.iter().all(|event| event.state.has_rows()));
/// assert_eq!(events, TaskEvents::default());
/// ```
#[derive(Clone)]
pub struct TaskEvents(Form);

#[derive(Clone)]
enum Form {
    /// As a run recorded them; and whole, once somebody has looked.
    Recorded(Records, OnceLock<Vec<TaskEvent>>),
    /// As somebody made them.
    Whole(Vec<TaskEvent>),
}

impl TaskEvents {
    pub(in crate::run) fn recorded(records: Records) -> Self {
        TaskEvents(Form::Recorded(records, OnceLock::new()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Recorded(records, _) => records.len(),
            Form::Whole(events) => events.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events, whole.
    pub fn into_vec(self) -> Vec<TaskEvent> {
        match self.0 {
            Form::Recorded(records, whole) => whole.into_inner().unwrap_or_else(|| records.events()),
            Form::Whole(events) => events,
        }
    }

    /// Adds the event of the next task.
    pub fn push(&mut self, event: TaskEvent) {
        self.whole_mut().push(event);
    }

    pub(super) fn records(&self) -> Cow<'_, Records> {
        match &self.0 {
            Form::Recorded(records, _) => Cow::Borrowed(records),
            Form::Whole(events) => Cow::Owned(Records::of(events)),
        }
    }

    /// How each task ended.
    pub(super) fn states(&self) -> impl Iterator<Item = TaskState> {
        (0..self.len()).map(|task| match &self.0 {
            Form::Recorded(records, _) => records.recorded(task).record.state,
            Form::Whole(events) => events[task].state,
        })
    }

    /// From here on they are what somebody makes of them.
    fn whole_mut(&mut self) -> &mut Vec<TaskEvent> {
        if matches!(self.0, Form::Recorded(..)) {
            self.0 = Form::Whole(std::mem::take(self).into_vec());
        }
        match &mut self.0 {
            Form::Whole(events) => events,
            Form::Recorded(..) => unreachable!("they were made whole"),
        }
    }
}

impl Default for TaskEvents {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<TaskEvent>> for TaskEvents {
    fn from(events: Vec<TaskEvent>) -> Self {
        TaskEvents(Form::Whole(events))
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
        match &self.0 {
            Form::Recorded(records, whole) => whole.get_or_init(|| records.events()),
            Form::Whole(events) => events,
        }
    }
}

impl DerefMut for TaskEvents {
    fn deref_mut(&mut self) -> &mut [TaskEvent] {
        self.whole_mut()
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
