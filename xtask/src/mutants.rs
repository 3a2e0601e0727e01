//! Breaks laws on purpose: `tests/mutants.toml` names, for each law, a place in the source, what to write
//! there instead, and the test that must fail then. A test that does not fail tests nothing.

use std::collections::btree_map::{BTreeMap, Entry};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::step::cargo;

/// One change that breaks a law.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    /// What is broken, in kebab-case.
    name: String,
    /// The law: `L1`.
    law: String,
    /// The file, from the root.
    file: String,
    /// What stands there, exactly once.
    find: String,
    /// What stands there instead.
    replace: String,
    /// The package whose test it is.
    package: String,
    /// The test program.
    test: String,
    /// The test, by its full name.
    filter: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutants {
    mutant: Vec<Mutant>,
}

/// An unbroken test has so long.
const UNBROKEN: Duration = Duration::from_secs(300);

/// A test that waits for what a mutant never does is stopped after so long, and three times what it took unbroken;
/// that counts as a failure of the test, as it should.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs the mutants of these names, or all of them.
pub fn run(root: &Path, names: &[&str]) -> ExitCode {
    match try_run(root, names) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All mutants, as they stand in `tests/mutants.toml`.
fn all(root: &Path) -> Result<Vec<Mutant>, String> {
    let path = root.join("tests/mutants.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let all: Mutants = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(all.mutant)
}

fn try_run(root: &Path, names: &[&str]) -> Result<bool, String> {
    let all = all(root)?;
    for name in names {
        if !all.iter().any(|mutant| mutant.name == *name) {
            return Err(format!("there is no mutant `{name}`; tests/mutants.toml lists them"));
        }
    }
    let chosen: Vec<_> =
        all.iter().filter(|mutant| names.is_empty() || names.contains(&mutant.name.as_str())).collect();
    let workshop = Workshop::new(root)?;
    let start = Instant::now();

    // Unbroken, every test passes: otherwise its failure would say nothing.
    let mut sound = BTreeMap::new();
    for mutant in &chosen {
        let place = (mutant.package.as_str(), mutant.test.as_str(), mutant.filter.as_str());
        if let Entry::Vacant(entry) = sound.entry(place) {
            println!("==> unbroken: {} {}", mutant.test, mutant.filter);
            entry.insert(workshop.test(mutant, UNBROKEN)?);
        }
    }
    let mut rows = Vec::new();
    for mutant in &chosen {
        println!("==> {} ({}): {}", mutant.name, mutant.law, mutant.file);
        let begin = Instant::now();
        let place = (mutant.package.as_str(), mutant.test.as_str(), mutant.filter.as_str());
        let patience = match sound[&place] {
            Outcome::Passed(took) => PATIENCE + took * 3,
            _ => PATIENCE,
        };
        let original = workshop.apply(mutant)?;
        let outcome = workshop.test(mutant, patience);
        workshop.restore(mutant, &original)?;
        let outcome = outcome?;
        let verdict = match (&sound[&place], &outcome) {
            (Outcome::Passed(_), Outcome::Failed) => Ok("caught"),
            (Outcome::Passed(_), Outcome::Stuck) => Ok("caught: it waits for ever"),
            (Outcome::Passed(_), Outcome::Passed(_)) => Err("NOT CAUGHT"),
            (Outcome::Passed(_), Outcome::Broken(_)) => Err("does not build"),
            _ => Err("the test fails unbroken"),
        };
        if let Outcome::Broken(output) = &outcome {
            eprintln!("{output}");
        }
        rows.push((mutant, verdict, begin.elapsed().as_secs_f64()));
    }
    println!("\n==> mutants");
    for (mutant, verdict, seconds) in &rows {
        let verdict = verdict.unwrap_or_else(|problem| problem);
        println!("{:<4} {:<34} {seconds:6.1} s  {verdict:<26} {}", mutant.law, mutant.name, mutant.filter);
    }
    let caught = rows.iter().filter(|(_, verdict, _)| verdict.is_ok()).count();
    println!("==> {caught} of {} mutants caught, in {:.1} s", rows.len(), start.elapsed().as_secs_f64());
    Ok(caught == rows.len())
}

enum Outcome {
    Passed(Duration),
    Failed,
    Stuck,
    Broken(String),
}

/// A copy of the workspace, and a target folder that all mutants share.
struct Workshop {
    copy: PathBuf,
    target: PathBuf,
}

impl Workshop {
    fn new(root: &Path) -> Result<Workshop, String> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let home = target.join("mutants");
        let workshop = Workshop { copy: home.join("workspace"), target: home.join("target") };
        copy_changed(root, &workshop.copy, true)?;
        Ok(workshop)
    }

    /// Breaks the copy; gives the file as it was.
    fn apply(&self, mutant: &Mutant) -> Result<String, String> {
        let path = self.copy.join(&mutant.file);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", mutant.file))?;
        match text.matches(&mutant.find).count() {
            1 => {}
            found => {
                return Err(format!(
                    "mutant `{}`: what it looks for is {found} times in {}, instead of once",
                    mutant.name, mutant.file
                ));
            }
        }
        write(&path, &text.replacen(&mutant.find, &mutant.replace, 1))?;
        Ok(text)
    }

    fn restore(&self, mutant: &Mutant, original: &str) -> Result<(), String> {
        write(&self.copy.join(&mutant.file), original)
    }

    fn test(&self, mutant: &Mutant, patience: Duration) -> Result<Outcome, String> {
        // What depends on DataFusion is built in release, as by `cargo xtask test`.
        let profile = if mutant.package == "leafhold-datafusion" { "release" } else { "dev" };
        let build = Command::new(cargo())
            .args(["test", "--no-run", "--profile", profile, "--package", &mutant.package, "--test", &mutant.test])
            .current_dir(&self.copy)
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cargo does not start: {error}"))?;
        let told = String::from_utf8_lossy(&build.stderr);
        if !build.status.success() {
            return Ok(Outcome::Broken(told.into_owned()));
        }
        // "  Executable tests/laws/main.rs (target/debug/deps/laws-0123456789abcdef)"
        let line = told.lines().find_map(|line| line.trim().strip_prefix("Executable "));
        let program = line.and_then(|line| line.split_once('(')?.1.strip_suffix(')'));
        let program = program.ok_or_else(|| format!("cargo does not say which program is the test:\n{told}"))?;
        // The output says whether the test is there at all; a mutant's is of no interest.
        let log = self.target.join("mutant.log");
        let file = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut child = Command::new(self.copy.join(program))
            .args(["--exact", &mutant.filter])
            .current_dir(&self.copy)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{program} does not start: {error}"))?;
        let begin = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None if begin.elapsed() > patience => {
                    child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
                    return Ok(Outcome::Stuck);
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        if status.success() {
            let output = fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
            return match output.contains("1 passed") {
                true => Ok(Outcome::Passed(begin.elapsed())),
                false => Err(format!("mutant `{}`: {} has no test `{}`", mutant.name, mutant.test, mutant.filter)),
            };
        }
        Ok(Outcome::Failed)
    }
}

/// Copies what has changed, so that cargo builds no more than that, and removes what is gone.
fn copy_changed(from: &Path, to: &Path, top: bool) -> Result<(), String> {
    let fail = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(to).map_err(|error| fail(to, error))?;
    let mut names = std::collections::BTreeSet::new();
    for entry in fs::read_dir(from).map_err(|error| fail(from, error))? {
        let path = entry.map_err(|error| fail(from, error))?.path();
        let Some(name) = path.file_name().map(ToOwned::to_owned) else { continue };
        if top && [".git", "target", ".venv"].iter().any(|left_out| name == *left_out) {
            continue;
        }
        let copy = to.join(&name);
        names.insert(name);
        if path.is_dir() {
            copy_changed(&path, &copy, false)?;
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| fail(&path, error))?;
        if fs::read(&copy).ok().as_deref() != Some(&bytes) {
            fs::write(&copy, bytes).map_err(|error| fail(&copy, error))?;
        }
    }
    for entry in fs::read_dir(to).map_err(|error| fail(to, error))? {
        let path = entry.map_err(|error| fail(to, error))?.path();
        if path.file_name().is_some_and(|name| !names.contains(name)) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| fail(&path, error))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The Rust sources of a test program: `tests/NAME.rs`, or all in `tests/NAME`.
    fn sources(package: &Path, test: &str) -> Vec<String> {
        let program = package.join("tests").join(format!("{test}.rs"));
        let (mut paths, mut sources) =
            (vec![package.join("tests").join(test)], Vec::from_iter(fs::read_to_string(program)));
        while let Some(path) = paths.pop() {
            if let Ok(entries) = fs::read_dir(&path) {
                paths.extend(entries.map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(fs::read_to_string(&path).unwrap());
            }
        }
        sources
    }

    #[test]
    fn every_mutant_changes_one_place_and_names_a_test_that_there_is() {
        let root = crate::root();
        let mutants = all(&root).unwrap();
        let mut wrong = Vec::new();
        let names: BTreeSet<_> = mutants.iter().map(|mutant| &mutant.name).collect();
        assert_eq!(names.len(), mutants.len(), "a name is given once");
        for mutant in &mutants {
            let mut say = |problem: String| wrong.push(format!("{}: {problem}", mutant.name));
            match fs::read_to_string(root.join(&mutant.file)) {
                Ok(text) => match text.matches(&mutant.find).count() {
                    1 => {}
                    found => say(format!("what it looks for is {found} times in {}", mutant.file)),
                },
                Err(error) => say(format!("{}: {error}", mutant.file)),
            }
            if mutant.find == mutant.replace {
                say("it changes nothing".to_owned());
            }
            let package = match mutant.package.as_str() {
                "leafhold" => root.clone(),
                package => root.join("engines").join(package.trim_start_matches("leafhold-")),
            };
            let test = format!("fn {}(", mutant.filter.rsplit("::").next().unwrap_or_default());
            if !sources(&package, &mutant.test).iter().any(|source| source.contains(&test)) {
                say(format!("the test program `{}` has no `{}`", mutant.test, mutant.filter));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn the_laws_of_the_architecture_name_all_mutants() {
        let root = crate::root();
        let mut by_law: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for mutant in all(&root).unwrap() {
            by_law.entry(mutant.law).or_default().insert(mutant.name);
        }
        let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
        let (_, table) = architecture.split_once("\n| law | says | tests | mutants |\n|---|---|---|---|\n").unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let told: BTreeMap<String, BTreeSet<String>> = rows
            .map(|row| {
                let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
                assert_eq!(cells.len(), 4, "{row}");
                (cells[0].to_owned(), cells[3].split(", ").map(|name| name.trim_matches('`').to_owned()).collect())
            })
            .collect();
        assert_eq!(told, by_law);
    }
}
