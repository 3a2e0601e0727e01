//! Development tasks: `cargo xtask test` runs everything that CI runs.

mod mutants;
mod readme;
mod run;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask test [--quick]
       cargo xtask mutants [NAME..]

  test           format, lints, tests, documentation, rules, examples and the commands of README.md
  test --quick   the planner itself alone: no DataFusion to build
  mutants        breaks laws on purpose, and runs the tests that must fail then (tests/mutants.toml)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let quick = match args.as_slice() {
        ["test"] => false,
        ["test", "--quick"] => true,
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
    match steps::steps(&root(), quick) {
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
