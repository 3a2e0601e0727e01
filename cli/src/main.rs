//! The command line of Leafhold: plan queries, run them, and look at what happened.

mod args;
mod argument;
mod data;
mod diff;
mod error;
mod explain;
mod file;
mod interrupt;
mod output;
mod place;
mod plan;
mod progress;
mod query;
mod report;
mod rules;
mod run;
mod size;
mod why;
mod worker;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use error::CliError;

/// Parsers and planners recurse on queries, some of which are long. Only what is used of a stack takes memory.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    let main = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK);
    match main.spawn(command).map(|thread| thread.join()) {
        Ok(Ok(code)) => code,
        // It has said why.
        Ok(Err(_panic)) => ExitCode::from(101),
        Err(_no_thread) => command(),
    }
}

fn command() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Why(args) => why::why(&args),
        Command::WhyNot(args) => why::why_not(&args),
        Command::Rules(command) => rules::rules(&command),
        Command::Worker => worker::worker(),
    };
    match outcome {
        // A reader that has seen enough, such as `head`, is no failure.
        Ok(()) | Err(CliError::BrokenPipe) => ExitCode::SUCCESS,
        Err(CliError::Failed(message)) => {
            let _ = writeln!(std::io::stderr(), "error: {message}");
            ExitCode::FAILURE
        }
        Err(CliError::Usage(message)) => {
            let _ = writeln!(std::io::stderr(), "error: {message}\n\nFor more information, try '--help'.");
            ExitCode::from(2)
        }
    }
}
