use crate::run::TaskState;

/// What follows from a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// A task can be submitted.
    Ready {
        /// Which task.
        task: usize,
    },
    /// An attempt does not count; another one may follow. The task is ready again.
    Again {
        /// Which task.
        task: usize,
        /// The attempt that does not count.
        attempt: u32,
    },
    /// The terminal event of a task.
    Ended {
        /// Which task.
        task: usize,
        /// How it ended.
        state: TaskState,
        /// Who says so.
        side: Side,
        /// The last attempt, from 1; 0 for what was never submitted.
        attempt: u32,
    },
    /// The last reader of something has ended: it is to be let go.
    Release(Resource),
    /// Whoever runs an attempt should stop at the next batch.
    Stop,
    /// Every task has ended.
    Over,
}

/// Who knows of a terminal event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who ran the task: its envelope says so, and has the times.
    Worker,
    /// The driver: nobody ran the task, or whoever did is gone.
    Driver,
}

/// Something that tasks read, and that is let go with its last reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// What a task gives through one of its ports.
    Port {
        /// The task.
        task: usize,
        /// Which of its ports.
        port: usize,
    },
    /// What a future gives.
    Future(usize),
}
