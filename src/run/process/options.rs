use std::time::Duration;

/// How a driver treats its worker processes. Every wait has an end.
#[derive(Clone, Debug)]
pub struct ProcessOptions {
    /// A worker that says nothing for so long while it should run a task is taken for dead: 10 s. It says
    /// something ten times as often.
    pub silence: Duration,
    /// How long a process may take to introduce itself: 30 s.
    pub start: Duration,
    /// How long a task may take to stop when it is cancelled, before its process is killed: 5 s.
    pub stop: Duration,
    /// How driver and worker talk.
    pub transport: Transport,
}

impl Default for ProcessOptions {
    fn default() -> Self {
        ProcessOptions {
            silence: Duration::from_secs(10),
            start: Duration::from_secs(30),
            stop: Duration::from_secs(5),
            transport: Transport::default(),
        }
    }
}

/// How driver and worker talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// A pair of connected Unix sockets, of which the worker gets one as its standard input. It has no name
    /// in the file system: nobody else can connect, and nothing is left behind.
    #[cfg(unix)]
    #[cfg_attr(unix, default)]
    Socket,
    /// Standard input and output of the worker, where there are no such sockets. A worker that stops
    /// reading while it is sent a task is then noticed only when it dies.
    #[cfg_attr(not(unix), default)]
    Pipes,
}
