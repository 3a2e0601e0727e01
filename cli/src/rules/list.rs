//! `leafhold rules list` and `show`.

use std::sync::Arc;

use leafhold::rules::{Rule, RuleSet};

use crate::error::CliError;
use crate::output::Screen;

/// All rules in canonical order.
pub fn list() -> Result<(), CliError> {
    let rules = RuleSet::builtin();
    let width = rules.rules().iter().map(|rule| rule.name().len()).max().unwrap_or(0);
    let line = |rule: &Arc<Rule>| {
        format!("{:<width$}  {:<9}  {}:{}\n", rule.name(), rule.phase().name(), rule.file(), rule.line())
    };
    Screen::Stdout.say(rules.rules().iter().map(line).collect::<String>())
}

/// One rule: why, what, examples.
pub fn show(name: &str) -> Result<(), CliError> {
    let rules = RuleSet::builtin();
    let Some(rule) = rules.get(name) else {
        // The rule set knows which name is near.
        return Err(CliError::usage(rules.unknown(name)));
    };
    let law: String = rule.doc().lines().map(|line| format!(";; {line}").trim_end().to_owned() + "\n").collect();
    Screen::Stdout.say(format!("; {}:{}\n{law}{}", rule.file(), rule.line(), rule.source()))
}
