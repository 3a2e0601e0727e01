//! `leafhold rules`, and the rules of a run.

mod check;
mod explain;
mod files;
mod fmt;
mod guards;
mod list;
mod mutate;
mod stats;
mod test;
mod verify;

use std::path::Path;
use std::sync::Arc;

use leafhold::rules::{Registry, RuleSet};

use crate::args::{RulesCommand, SettingArgs};
use crate::error::CliError;
use files::{borrowed, broken, read};

/// Lists, shows or checks rules.
pub fn rules(command: &RulesCommand) -> Result<(), CliError> {
    match command {
        RulesCommand::List => list::list(),
        RulesCommand::Show { name } => list::show(name),
        RulesCommand::Check { paths } => check::check(paths),
        RulesCommand::Fmt { paths, check } => fmt::fmt(paths, *check),
        RulesCommand::Verify(args) => verify::verify(args),
        RulesCommand::Mutate(args) => mutate::mutate(args),
        RulesCommand::Explain { code } => explain::explain(code.as_deref()),
        RulesCommand::Guards { word, json } => guards::guards(word.as_deref(), *json),
        RulesCommand::Test(args) => test::test(args),
        RulesCommand::Stats(args) => stats::stats(args),
    }
}

/// The rules that ship and those of `--rules`, without those of `--disable-rule`.
pub fn selected(args: &SettingArgs) -> Result<Arc<RuleSet>, CliError> {
    let mut rules = known(args)?;
    if !args.disabled.is_empty() {
        rules = Arc::new(rules.without(&args.disabled).map_err(CliError::usage)?);
    }
    Ok(rules)
}

/// The rules that ship and those of `--rules`.
pub fn known(args: &SettingArgs) -> Result<Arc<RuleSet>, CliError> {
    with_folder(RuleSet::builtin(), args.rules.as_deref())
}

/// These rules and those of a folder.
pub fn with_folder(rules: Arc<RuleSet>, folder: Option<&Path>) -> Result<Arc<RuleSet>, CliError> {
    let Some(folder) = folder else { return Ok(rules) };
    let files = read(&[folder.to_owned()])?;
    rules.with_more(&borrowed(&files), &Registry::core()).map(Arc::new).map_err(broken)
}
