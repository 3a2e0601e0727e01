//! `leafhold rules mutate`.

use leafhold::explain::{MutationText, mutation_json};
use leafhold::verify::{Bounds, mutate as mutate_rules};

use super::verify::{Progress, chosen};
use crate::args::{Format, VerifyArgs};
use crate::error::CliError;
use crate::output::Screen;

/// Changes rules a little, and tells which changes verification does not notice.
pub fn mutate(args: &VerifyArgs) -> Result<(), CliError> {
    let (_, rules) = chosen(args)?;
    let bounds = Bounds { cases: args.cases.get(), seed: args.seed };
    let progress = Progress::new(rules.len());
    let mutants = mutate_rules(&rules, &bounds, args.threads.get(), &|rule| progress.done(rule));
    progress.end();
    match args.format() {
        Format::Text => Screen::Stdout.say(MutationText(&mutants)),
        Format::Json => Screen::Stdout.say(mutation_json(&bounds, &mutants)),
    }
}
