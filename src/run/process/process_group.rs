use std::process::{Child, ChildStderr, ExitStatus};

/// A process that was started as the first of a group, and whatever it has started in there: they end together.
pub(super) struct ProcessGroup {
    leader: Child,
    ended: bool,
}

impl ProcessGroup {
    pub(super) fn of(leader: Child) -> Self {
        ProcessGroup { leader, ended: false }
    }

    /// The operating system's number of the process.
    pub(super) fn id(&self) -> u32 {
        self.leader.id()
    }

    pub(super) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.leader.stderr.take()
    }

    /// Whether the process has ended by itself. It is not reaped for that: until it is, nobody else has its number, nor
    /// that of its group.
    #[cfg(unix)]
    pub(super) fn has_left(&mut self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // Who cannot be asked is reaped already.
        self.ended || waitid(WaitId::Pid(Pid::from_child(&self.leader)), look).map_or(true, |status| status.is_some())
    }

    /// Whether the process has ended by itself.
    #[cfg(not(unix))]
    pub(super) fn has_left(&mut self) -> bool {
        self.leader.try_wait().map_or(true, |status| status.is_some())
    }

    /// Kills what is left of them, and reaps the process. Says how that has ended.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        if !self.ended {
            self.ended = true;
            self.kill();
        }
        self.leader.wait().ok()
    }

    fn kill(&mut self) {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process_group};

            let _ = kill_process_group(Pid::from_child(&self.leader), Signal::KILL);
        }
        // Should it have gone to another group.
        let _ = self.leader.kill();
    }
}
