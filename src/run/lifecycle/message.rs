/// What the driver has learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// The data of a future are there.
    Resolved {
        /// Which future.
        future: usize,
    },
    /// A future will never give data (law L5), or no more: whoever works on an attempt has read it.
    FutureFailed {
        /// Which future.
        future: usize,
        /// Whether its data are gone, rather than in error.
        lost: bool,
    },
    /// The rows of a task that has given them are gone, and nobody makes them again. Whoever works on an attempt has read
    /// them.
    RowsGone {
        /// Which task.
        task: usize,
        /// Whether they were lost for good, rather than that making them again raised an error.
        lost: bool,
    },
    /// Who was given an attempt has begun.
    Started {
        /// Which task.
        task: usize,
        /// Which attempt.
        attempt: u32,
    },
    /// Who ran an attempt sent its envelope.
    Answered {
        /// Which task.
        task: usize,
        /// Which attempt.
        attempt: u32,
        /// What is in it.
        answer: Answer,
    },
    /// Who ran an attempt is gone, or the driver gives it up.
    Lost {
        /// Which task.
        task: usize,
        /// Which attempt.
        attempt: u32,
    },
    /// The rows of a task that nobody works on are there already.
    Cached {
        /// Which task.
        task: usize,
    },
    /// Nobody needs the rows of a task that nobody works on: a limit has enough.
    Unneeded {
        /// Which task.
        task: usize,
    },
    /// Nothing more is to start.
    Cancel,
}

/// How an attempt went, by whoever ran it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It gave its rows.
    Ok,
    /// It raised an error.
    Failed {
        /// Whether another attempt may go better.
        retry: bool,
    },
    /// It stopped between two batches, because it was asked to.
    Cancelled,
}

/// Why a message counted for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Ignored {
    /// There is no such task or future.
    #[error("there is no such task or future")]
    Unknown,
    /// The task has ended, or the future has been heard of.
    #[error("it has come to its end before")]
    Ended,
    /// It speaks of an attempt that is not the current one: that was answered or given up.
    #[error("that attempt was answered or given up before")]
    Late,
    /// It does not fit the task's phase: it is worked on, or nobody works on it.
    #[error("the task is not in a phase for this")]
    Phase,
    /// Nothing starts any more.
    #[error("the run is stopping")]
    Stopping,
}
