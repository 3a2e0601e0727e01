//! Development tasks: `cargo xtask test` runs everything that CI runs.

mod chromium;
mod group;
mod mutants;
mod python;
mod readme;
mod run;
mod step;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;

use steps::Scope;

const USAGE: &str = "\
usage: cargo xtask test [--quick] [--no-python] [--no-browser]
       cargo xtask mutants [NAME..]

  test               format, lints, tests, documentation, rules, examples, the commands of README.md, and the
                     Python package in an environment of its own, `.venv`
  test --no-python   the same without the Python package
  test --no-browser  the same without report pages in Chromium
  test --quick       the planner itself alone: no DataFusion to build
  mutants            breaks laws on purpose, and runs the tests that must fail then (tests/mutants.toml)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let scope = match args.as_slice() {
        ["test", flags @ ..] if flags.iter().all(|flag| ["--quick", "--no-python", "--no-browser"].contains(flag)) => {
            let without = |flag: &str| !flags.contains(&flag);
            Scope { quick: !without("--quick"), python: without("--no-python"), browser: without("--no-browser") }
        }
        ["mutants", names @ ..] => return mutants::run(&root(), names),
        ["--help" | "-h" | "help"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match steps::steps(&root(), scope) {
        Ok(steps) => run::run(&root(), steps),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace: cargo says where this package lies.
fn root() -> PathBuf {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => PathBuf::from(package).join(".."),
        None => PathBuf::from("."),
    }
}
