//! What CI runs, in order.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::readme;

/// One step: a cargo command.
pub struct Step {
    /// What it is, for people.
    pub name: String,
    /// The words after `cargo`.
    pub args: Vec<String>,
    /// Variables that it needs.
    pub env: Vec<(&'static str, &'static str)>,
}

impl Step {
    fn new(name: impl Into<String>, args: &str) -> Step {
        Step { name: name.into(), args: args.split_whitespace().map(str::to_owned).collect(), env: Vec::new() }
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Step {
        self.env.push((name, value));
        self
    }
}

/// All steps; with `quick`, those of the planner alone.
///
/// What depends on DataFusion is built in release throughout: it is built once, and its tests run real data.
pub fn steps(root: &Path, quick: bool) -> Result<Vec<Step>, String> {
    let mut steps = vec![
        Step::new("format", "fmt --all --check"),
        Step::new("lints of the planner", "clippy -p leafhold -p xtask --all-targets -- -D warnings"),
        match has_nextest() {
            true => Step::new("tests of the planner", "nextest run -p leafhold -p xtask"),
            false => Step::new("tests of the planner", "test -p leafhold -p xtask --lib --bins --tests"),
        },
        Step::new("documented examples of the planner", "test --doc -p leafhold"),
        Step::new("documentation of the planner", "doc --no-deps -p leafhold").env("RUSTDOCFLAGS", "-D warnings"),
    ];
    steps.extend(examples(root, "examples", "-p leafhold")?);
    if quick {
        return Ok(steps);
    }
    let engine = "-p leafhold-datafusion -p leafhold-cli -p leafhold-bench";
    steps.extend([
        Step::new(
            "lints of engine, command line and bench",
            &format!("clippy --release {engine} --all-targets -- -D warnings"),
        ),
        Step::new("tests of engine, command line and bench", &format!("test --release --no-fail-fast {engine}")),
        Step::new("documentation of the engine", "doc --release --no-deps -p leafhold-datafusion")
            .env("RUSTDOCFLAGS", "-D warnings"),
        Step::new("check of the rules that ship", "run --release -p leafhold-cli -- rules check"),
    ]);
    steps.extend(examples(root, "engines/datafusion/examples", "--release -p leafhold-datafusion")?);
    let path = root.join("README.md");
    let markdown = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    steps.extend(readme::commands(&markdown).into_iter().map(|words| Step {
        name: format!("README: {}", words.join(" ")),
        args: words[1..].to_vec(),
        env: Vec::new(),
    }));
    Ok(steps)
}

/// The example programs of a folder, by name.
fn examples(root: &Path, folder: &str, package: &str) -> Result<Vec<Step>, String> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(fail)? {
        let file = entry.map_err(fail)?.path();
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        names.extend(name.filter(|_| file.extension().is_some_and(|extension| extension == "rs")));
    }
    names.sort();
    let step = |name: &String| Step::new(format!("example {name}"), &format!("run {package} --example {name}"));
    Ok(names.iter().map(step).collect())
}

/// The faster test runner, where somebody has installed it.
fn has_nextest() -> bool {
    let mut command = Command::new(crate::run::cargo());
    command.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
