//! A step: one command, and how to start it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// What a step starts.
pub enum Program {
    /// The cargo that runs us.
    Cargo,
    /// Some other program.
    Path(PathBuf),
    /// Nothing: the step fails, and says why.
    Missing(String),
}

/// How long a step may take.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// One step: a command that has to succeed.
pub struct Step {
    /// What it is, for people.
    pub name: String,
    /// How long it may take.
    pub limit: Duration,
    program: Program,
    args: Vec<String>,
    env: Vec<(&'static str, OsString)>,
}

impl Step {
    /// `cargo` with some words.
    pub fn cargo(name: impl Into<String>, args: &str) -> Step {
        Step::new(name, Program::Cargo, args.split_whitespace())
    }

    /// A command.
    pub fn new<'a>(name: impl Into<String>, program: Program, args: impl IntoIterator<Item = &'a str>) -> Step {
        let args = args.into_iter().map(str::to_owned).collect();
        Step { name: name.into(), limit: LIMIT, program, args, env: Vec::new() }
    }

    /// The same step with a limit of its own.
    pub fn within(mut self, limit: Duration) -> Step {
        self.limit = limit;
        self
    }

    /// The same step with a variable.
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Step {
        self.env.push((name, value.into()));
        self
    }

    /// The command.
    ///
    /// # Errors
    /// What is missing.
    pub fn command(&self) -> Result<Command, String> {
        let mut command = match &self.program {
            Program::Cargo => Command::new(cargo()),
            Program::Path(path) => Command::new(path),
            Program::Missing(reason) => return Err(reason.clone()),
        };
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// The command as people would type it.
    pub fn text(&self) -> String {
        let program = match &self.program {
            Program::Cargo => "cargo".to_owned(),
            Program::Path(path) => path.display().to_string(),
            Program::Missing(_) => return "nothing to run".to_owned(),
        };
        format!("{program} {}", self.args.join(" "))
    }
}

/// The cargo that runs us.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::{Program, Step};

    #[test]
    fn a_step_without_a_program_says_what_is_missing() {
        let step = Step::new("Python", Program::Missing("no Python 3.10".to_owned()), []);
        assert_eq!(step.command().err().as_deref(), Some("no Python 3.10"));
    }

    #[test]
    fn a_step_is_shown_as_one_would_type_it() {
        assert_eq!(Step::cargo("format", "fmt --all").text(), "cargo fmt --all");
    }
}
