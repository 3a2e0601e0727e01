//! The steps of the Python package: an environment of its own in `.venv`, the wheel in it, and its tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{Program, Step};
use crate::steps::BUILDS_DATAFUSION;

/// The oldest Python that the package supports.
const OLDEST: (u32, u32) = (3, 10);

/// Where the package is.
const PACKAGE: &str = "engines/python";

/// All steps, or one that fails and says what is missing.
pub fn steps(root: &Path) -> Vec<Step> {
    let python = match find() {
        Ok(python) => python,
        Err(reason) => return vec![Step::new("Python", Program::Missing(reason), [])],
    };
    let venv = root.join(".venv");
    let bin = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let inside = || Program::Path(bin.join("python"));
    let requirements = format!("{PACKAGE}/requirements.txt");
    // pip builds the wheel with maturin, in release and in cargo's own target folder.
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let wheel = ["--no-build-isolation", "--no-deps", "--force-reinstall"];
    let package = format!("./{PACKAGE}");
    let path = std::env::join_paths(
        std::iter::once(bin.clone()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    vec![
        Step::new("Python environment", Program::Path(python), ["-m", "venv", ".venv"]),
        Step::new("Python packages", inside(), install.into_iter().chain(["-r", requirements.as_str()])),
        Step::new("Python wheel", inside(), install.into_iter().chain(wheel).chain([package.as_str()]))
            .env("PATH", path.unwrap_or_default())
            .within(BUILDS_DATAFUSION),
        Step::new("tests of the Python package", inside(), ["-m", "pytest", PACKAGE]),
    ]
}

/// A Python that is new enough.
fn find() -> Result<PathBuf, String> {
    let mut found = Vec::new();
    for name in ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"] {
        match version(name) {
            Some(version) if version >= OLDEST => return Ok(name.into()),
            Some((major, minor)) => found.push(format!("{name} is {major}.{minor}")),
            None => {}
        }
    }
    let found = if found.is_empty() { "none was found".to_owned() } else { found.join(", ") };
    let (major, minor) = OLDEST;
    Err(format!(
        "the Python package needs Python {major}.{minor} or newer in PATH, and {found}; install one, or leave its steps \
         out with `cargo xtask test --no-python`"
    ))
}

fn version(python: &str) -> Option<(u32, u32)> {
    let print = "import sys; print(sys.version_info.major, sys.version_info.minor)";
    let output = Command::new(python).args(["-c", print]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    parse(std::str::from_utf8(&output.stdout).ok()?)
}

fn parse(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, parse};

    #[test]
    fn versions_are_numbers_and_not_text() {
        assert_eq!(parse("3 10\n"), Some((3, 10)));
        assert!(parse("3 9").is_some_and(|version| version < OLDEST));
        assert_eq!(parse("Python was not found"), None);
    }
}
