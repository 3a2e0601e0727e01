use std::path::{Path, PathBuf};

use super::check::check;
use super::{Failure, GoldenError, GoldenFile, GoldenPlan, Item, Level, Summary};

/// Set to `1`, golden files are rewritten instead of failed.
const UPDATE_VARIABLE: &str = "LEAFHOLD_UPDATE";

/// How a query is to be planned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How far to go. A planner that knows no stages or single rules answers with an error.
    pub level: Level,
    /// Rules to disable, by name.
    pub disabled: Vec<String>,
    /// 0 for the plan itself. At others the planner should vary what must not matter, such as the number
    /// of threads and the order in which rules are given: the plan must be the same.
    pub repetition: usize,
}

/// Runs golden files.
#[derive(Clone, Debug)]
pub struct Runner {
    update: bool,
    repetitions: usize,
}

impl Default for Runner {
    fn default() -> Self {
        Runner::new()
    }
}

impl Runner {
    /// Checks, and plans every case twice more.
    pub fn new() -> Self {
        Runner { update: false, repetitions: 2 }
    }

    /// The same, but rewrites the files when `LEAFHOLD_UPDATE=1` is set.
    pub fn from_env() -> Self {
        Runner::new().update(std::env::var_os(UPDATE_VARIABLE).is_some_and(|value| value == "1"))
    }

    /// Whether to rewrite the files.
    pub fn update(mut self, update: bool) -> Self {
        self.update = update;
        self
    }

    /// How many times more every case is planned.
    pub fn repetitions(mut self, repetitions: usize) -> Self {
        self.repetitions = repetitions;
        self
    }

    /// Runs one file, or all `.golden` files of a folder in the order of their names, with a planner of
    /// the caller's.
    ///
    /// # Errors
    /// [`GoldenError`]: a file that cannot be read, written or parsed, nothing to check, or every failure of
    /// every case. Updating mends what is recorded; an expectation that does not hold fails all the same.
    pub fn run(
        &self,
        path: &Path,
        mut planner: impl FnMut(&str, &Options) -> Result<GoldenPlan, String>,
    ) -> Result<Summary, GoldenError> {
        let files = golden_files(path)?;
        if files.is_empty() {
            return Err(GoldenError::Vacuous { path: path.to_owned(), message: "there is no .golden file in here" });
        }
        let mut summary = Summary { files: files.len(), updated: self.update, ..Summary::default() };
        let mut failures = Vec::new();
        for path in &files {
            let io = |source| GoldenError::Io { path: path.clone(), source };
            let text = std::fs::read_to_string(path).map_err(io)?;
            let mut file = GoldenFile::parse(path, &text)?;
            for item in &mut file.items {
                let Item::Case(case) = item else { continue };
                summary.cases += 1;
                let checked = check(case, self.repetitions, &mut planner);
                let mut messages = checked.broken;
                let sound = messages.is_empty();
                if let Some(change) = checked.change {
                    *summary.causes.entry(change.cause).or_default() += 1;
                    match self.update && sound {
                        true => case.recorded = checked.plan,
                        false => messages.push(change.detail),
                    }
                }
                failures.extend(messages.into_iter().map(|message| Failure {
                    file: path.clone(),
                    line: case.line,
                    message,
                }));
            }
            let rewritten = file.to_string();
            if self.update && rewritten != text {
                replace(path, &rewritten).map_err(io)?;
            }
        }
        match failures.is_empty() {
            true => Ok(summary),
            false => Err(GoldenError::Failed { failures, summary }),
        }
    }
}

fn golden_files(path: &Path) -> Result<Vec<PathBuf>, GoldenError> {
    let io = |source| GoldenError::Io { path: path.to_owned(), source };
    if !path.metadata().map_err(io)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(io)?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(io)?;
    let mut files: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "golden")).collect();
    files.sort();
    Ok(files)
}

/// Replaces a file as a whole: whoever reads it sees the old text or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("golden.new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, path)
}
