//! `leafhold rules check`.

use std::path::PathBuf;

use leafhold::rules::RuleSet;
use leafhold::verify::lint::lint;

use super::files::{borrowed, broken, read};
use crate::error::CliError;
use crate::output::Screen;

/// Loads rules, runs their examples, and looks for lints.
pub fn check(paths: &[PathBuf]) -> Result<(), CliError> {
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
        let wrong = counted(failures.len(), "example");
        return Err(CliError::new(format!("{wrong} of rules do not hold\n{}", failures.join("\n"))));
    }
    let findings = lint(&rules);
    if let Some(first) = findings.first() {
        let texts: Vec<String> = findings.iter().map(|finding| format!("{finding}\n")).collect();
        return Err(CliError::new(format!(
            "these rules do not go together\n{}\n{}; `leafhold rules explain {}` says more",
            texts.join("\n"),
            counted(findings.len(), "lint"),
            first.lint.code()
        )));
    }
    Screen::Stdout.say(format!(
        "{} in {}: {} and {} hold, no lint",
        counted(rules.rules().len(), "rule"),
        counted(files.len(), "file"),
        counted(examples, "example"),
        counted(nots, "counterexample")
    ))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
