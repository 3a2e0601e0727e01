//! What CI runs, in order.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::step::{Program, Step, cargo};
use crate::{chromium, python, readme};

/// How long a step may take that builds DataFusion, in release.
pub const BUILDS_DATAFUSION: Duration = Duration::from_secs(2 * 60 * 60);

/// Which steps are wanted.
#[derive(Clone, Copy)]
pub struct Scope {
    /// The planner alone: nothing that needs DataFusion.
    pub quick: bool,
    /// The Python package, too.
    pub python: bool,
    /// Report pages in a browser, too.
    pub browser: bool,
}

/// All steps of a scope.
///
/// What depends on DataFusion is built in release throughout: it is built once, and its tests run real data.
pub fn steps(root: &Path, scope: Scope) -> Result<Vec<Step>, String> {
    // The example `otel` asks for that feature of the planner: with it throughout, the planner is built once.
    let mut steps = vec![
        Step::cargo("format", "fmt --all --check"),
        Step::cargo(
            "lints of the planner",
            "clippy -p leafhold -p leafhold-derive -p golden-plans -p otel -p xtask --all-targets -- -D warnings",
        ),
        planner_tests(has_nextest()),
        Step::cargo("documented examples of the planner", "test --doc -p leafhold --features otel"),
        Step::cargo("documentation of the planner", "doc --no-deps -p leafhold --features otel")
            .env("RUSTDOCFLAGS", "-D warnings"),
    ];
    steps.extend(examples(root, "examples", "-p leafhold --features otel")?);
    steps.push(Step::cargo("example otel", "run -p otel"));
    if scope.quick {
        return Ok(steps);
    }
    if scope.browser {
        steps.extend(chromium::steps());
    }
    let engine = "-p leafhold-datafusion -p leafhold-cli -p leafhold-bench";
    steps.extend([
        Step::cargo(
            "lints of engine, command line, bench and Python package",
            &format!("clippy --release {engine} -p leafhold-python --all-targets -- -D warnings"),
        )
        // As maturin builds it.
        .env("PYO3_BUILD_EXTENSION_MODULE", "1")
        .within(BUILDS_DATAFUSION),
        Step::cargo("tests of engine, command line and bench", &format!("test --release --no-fail-fast {engine}"))
            .within(BUILDS_DATAFUSION),
        Step::cargo("documentation of the engine", "doc --release --no-deps -p leafhold-datafusion")
            .env("RUSTDOCFLAGS", "-D warnings"),
        Step::cargo("check of the rules that ship", "run --release -p leafhold-cli -- rules check"),
        Step::cargo(
            "layout of the rules that ship",
            "run --release -p leafhold-cli -- rules fmt --check planner-rules",
        ),
        Step::cargo("verification of the rules that ship", "run --release -p leafhold-cli -- rules verify"),
        Step::cargo(
            "golden plans by the command line",
            "run --release -p leafhold-cli -- rules test tests/golden/rules tests/golden/guards engines/datafusion/tests/golden/tpch",
        ),
    ]);
    steps.extend(examples(root, "engines/datafusion/examples", "--release -p leafhold-datafusion")?);
    let path = root.join("README.md");
    let markdown = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let step = |words: Vec<String>| {
        let args = words[1..].iter().map(String::as_str);
        Step::new(format!("README: {}", words.join(" ")), Program::Cargo, args)
    };
    steps.extend(readme::commands(&markdown).into_iter().map(step));
    if scope.python {
        steps.extend(python::steps(root));
    }
    Ok(steps)
}

/// The tests of the planner. Their name says when they check less than they could; it comes again in the summary.
fn planner_tests(nextest: bool) -> Step {
    match nextest {
        true => Step::cargo(
            "tests of the planner",
            "nextest run -p leafhold -p leafhold-derive -p golden-plans -p otel -p xtask",
        ),
        false => Step::cargo(
            "tests of the planner, WITHOUT NEXTEST: threads and open files that runs leave are NOT CHECKED \
             (`cargo install cargo-nextest`)",
            "test -p leafhold -p leafhold-derive -p golden-plans -p otel -p xtask --lib --bins --tests",
        ),
    }
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
    let step = |name: &String| Step::cargo(format!("example {name}"), &format!("run {package} --example {name}"));
    Ok(names.iter().map(step).collect())
}

/// The faster test runner, where somebody has installed it.
fn has_nextest() -> bool {
    let mut command = Command::new(cargo());
    command.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::planner_tests;

    #[test]
    fn tests_without_nextest_say_what_they_do_not_check() {
        let (with, without) = (planner_tests(true), planner_tests(false));
        assert!(with.text().contains("nextest run") && with.name == "tests of the planner");
        assert!(
            without.text().contains(" test -p leafhold ") && without.name.contains("NOT CHECKED"),
            "{}",
            without.name
        );
    }
}
