//! A process and all that it starts, which end together.

use std::io::{self, Read};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use process_wrap::std::{ChildWrapper, CommandWrap};

/// How often somebody looks whether a process has ended.
pub const TICK: Duration = Duration::from_millis(10);

/// The same number on every Unix.
#[cfg(unix)]
const SIGTERM: i32 = 15;

/// What came of one command.
pub struct Group(Box<dyn ChildWrapper>);

impl Group {
    /// Starts a command in a group of its own: a signal of the terminal's does not reach it.
    pub fn start(command: Command) -> io::Result<Group> {
        let mut command = CommandWrap::from(command);
        #[cfg(unix)]
        command.wrap(process_wrap::std::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::std::JobObject);
        command.spawn().map(Group)
    }

    /// What it says, as far as that was to be piped.
    pub fn outputs(&mut self) -> (Option<impl Read + Send + use<>>, Option<impl Read + Send + use<>>) {
        (self.0.stdout().take(), self.0.stderr().take())
    }

    /// How the command ended, if it has.
    pub fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Asks all of it to end, so that test runners end the groups of their tests; and kills what is there after so long.
    pub fn end(&mut self, grace: Duration) {
        #[cfg(unix)]
        let asked = self.0.signal(SIGTERM).is_ok();
        #[cfg(not(unix))]
        let asked = false;
        let until = Instant::now() + grace;
        while asked && Instant::now() < until && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(TICK);
        }
        // Also when the command itself has ended: others of the group may not have heard. Where nobody is left, this fails.
        let _ = self.0.start_kill();
        let _ = self.0.wait();
    }
}
