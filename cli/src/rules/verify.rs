//! `leafhold rules verify`.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use leafhold::explain::{VerificationText, findings, verification_json};
use leafhold::rules::{Rule, RuleSet};
use leafhold::verify::{Bounds, verify_all, verify_native};

use super::files::{borrowed, broken, read};
use crate::args::{Format, VerifyArgs};
use crate::error::CliError;
use crate::output::Screen;

/// Looks for counterexamples to rules, and for guards that nothing needs.
pub fn verify(args: &VerifyArgs) -> Result<(), CliError> {
    let (set, rules) = chosen(args)?;
    let bounds = Bounds { cases: args.cases.get(), seed: args.seed };
    let progress = Progress::new(rules.len());
    let mut results =
        verify_all(&rules, &bounds, args.threads.get(), &|verification| progress.done(&verification.rule));
    if args.names.is_empty() && args.paths.is_empty() {
        results.extend(verify_native(&set));
    }
    progress.end();
    let wrong = results.iter().filter(|result| !findings(result).is_empty()).count();
    let verdict = format!("{wrong} of {} rules cannot be shown to be right", rules.len());
    match (args.format(), wrong) {
        (Format::Text, 0) => Screen::Stdout.say(VerificationText::new(&set, &results)),
        (Format::Text, _) => Err(CliError::new(format!("{verdict}\n{}", VerificationText::new(&set, &results)))),
        // A program reads the findings, whatever they are.
        (Format::Json, wrong) => {
            Screen::Stdout.say(verification_json(&set, &bounds, &results))?;
            if wrong == 0 { Ok(()) } else { Err(CliError::new(verdict)) }
        }
    }
}

/// The rules of the paths, or those that ship; only some of them with `--rule`.
pub fn chosen(args: &VerifyArgs) -> Result<(Arc<RuleSet>, Vec<Arc<Rule>>), CliError> {
    let set = match args.paths.as_slice() {
        [] => RuleSet::builtin(),
        paths => Arc::new(RuleSet::parse(&borrowed(&read(paths)?)).map_err(broken)?),
    };
    // The rule set knows which name is near.
    set.without(&args.names).map_err(CliError::usage)?;
    let wanted = |rule: &&Arc<Rule>| args.names.is_empty() || args.names.iter().any(|name| name == rule.name());
    let rules = set.rules().iter().filter(wanted).cloned().collect();
    Ok((set, rules))
}

/// A line on standard error, where that is a terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// For so many rules.
    pub fn new(rules: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(rules as u64), ProgressDrawTarget::stderr());
        match ProgressStyle::with_template("{bar:30} {pos}/{len} rules  {elapsed}  {wide_msg}") {
            Ok(style) => Progress(bar.with_style(style)),
            Err(_) => Progress(bar),
        }
    }

    /// One more is done.
    pub fn done(&self, rule: &str) {
        self.0.set_message(rule.to_owned());
        self.0.inc(1);
    }

    /// Away with the line.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}
