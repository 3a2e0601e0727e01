//! `leafhold rules`, and the rules of a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use leafhold::rules::{Registry, RuleSet};

use crate::args::{InputArgs, RulesCommand};
use crate::error::CliError;
use crate::output::Screen;

/// Lists, shows or checks rules.
pub fn rules(command: &RulesCommand) -> Result<(), CliError> {
    match command {
        RulesCommand::List => list(),
        RulesCommand::Show { name } => show(name),
        RulesCommand::Check { paths } => check(paths),
    }
}

/// The rules that ship and those of `--rules`, without those of `--disable-rule`.
pub fn selected(args: &InputArgs) -> Result<Arc<RuleSet>, CliError> {
    let mut rules = RuleSet::builtin();
    if let Some(folder) = &args.rules {
        let files = read(std::slice::from_ref(folder))?;
        rules = Arc::new(rules.with_more(&borrowed(&files), &Registry::core()).map_err(broken)?);
    }
    if !args.disabled.is_empty() {
        rules = Arc::new(rules.without(&args.disabled).map_err(CliError::of)?);
    }
    Ok(rules)
}

fn list() -> Result<(), CliError> {
    let rules = RuleSet::builtin();
    let width = rules.rules().iter().map(|rule| rule.name().len()).max().unwrap_or(0);
    let line = |rule: &Arc<leafhold::rules::Rule>| {
        format!("{:<width$}  {:<9}  {}:{}\n", rule.name(), rule.phase().name(), rule.file(), rule.line())
    };
    Screen::Stdout.say(rules.rules().iter().map(line).collect::<String>())
}

fn show(name: &str) -> Result<(), CliError> {
    let rules = RuleSet::builtin();
    let Some(rule) = rules.get(name) else {
        // The rule set knows which name is near.
        return Err(rules.without(&[name]).map_or_else(CliError::of, |_| CliError::new(format!("no rule `{name}`"))));
    };
    let law: String = rule.doc().lines().map(|line| format!(";; {line}").trim_end().to_owned() + "\n").collect();
    Screen::Stdout.say(format!("; {}:{}\n{law}{}", rule.file(), rule.line(), rule.source()))
}

fn check(paths: &[PathBuf]) -> Result<(), CliError> {
    let files = match paths {
        [] => RuleSet::builtin_files().iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        _ => read(paths)?,
    };
    let rules = RuleSet::parse(&borrowed(&files)).map_err(broken)?;
    let mut failures = Vec::new();
    let (mut examples, mut nots) = (0, 0);
    for rule in rules.rules() {
        examples += rule.examples().len();
        nots += rule.nots().len();
        let errors = rule.check_examples().into_iter();
        failures.extend(errors.map(|error| format!("{}:{}: {error}", rule.file(), rule.line())));
    }
    if !failures.is_empty() {
        return Err(CliError::new(format!(
            "{} rules do not do what they show\n{}",
            failures.len(),
            failures.join("\n")
        )));
    }
    let (rules, files) = (rules.rules().len(), files.len());
    Screen::Stdout.say(format!("{rules} rules in {files} files: {examples} examples and {nots} counterexamples hold"))
}

fn broken(errors: leafhold::rules::RuleErrors) -> CliError {
    CliError::new(format!("these rules do not load\n{errors}"))
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// Names and texts of rule files: each path a file, or a folder of `.rules` files, which are read in the order
/// of their names.
fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        let fail = |error: std::io::Error| CliError::new(format!("{}: {error}", path.display()));
        if !std::fs::metadata(path).map_err(fail)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(fail)?;
        let mut found = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(fail)?;
        found.retain(|file| file.extension().is_some_and(|extension| extension == "rules"));
        if found.is_empty() {
            return Err(CliError::new(format!("{}: there is no .rules file in this folder", path.display())));
        }
        found.sort();
        files.extend(found);
    }
    files.iter().map(|file| Ok((file.display().to_string(), text(file)?))).collect()
}

fn text(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file).map_err(|error| CliError::new(format!("{}: {error}", file.display())))
}
