//! The search for a counterexample to one rule.

use super::bounds::Bounds;
use super::claims::{RELAXED, matters};
use super::compare::{Outcome, Pair};
use super::counterexample::{Counterexample, VerifyError};
use super::coverage::Coverage;
use super::dice::Dice;
use super::fill::{Domain, Filling};
use super::physical;
use super::shrink::{shrink, simpler};
use super::trials::{shaped, written};
use crate::expr::Semantics;
use crate::rules::{Phase, Replaced, Rule};
use crate::term::text::print_line;
use crate::term::{TermId, Terms};

/// Exhaustive fillings of one generated shape: those of more are sampled.
const CASES_PER_SHAPE: usize = 400;

/// Samples of one generated shape.
const SAMPLES_PER_SHAPE: usize = 30;

/// Where a rule changes the result.
struct Refuted {
    filling: Filling,
    semantics: Semantics,
}

/// Looks for terms and tables on which a rule changes the result, and counts what was compared. Where it does the same
/// as `known`, a rule that holds, there is nothing to look for.
///
/// # Errors
/// The smallest counterexample that was found, or why nothing could be compared.
pub(super) fn search(
    rule: &Rule,
    known: Option<&Rule>,
    bounds: &Bounds,
    coverage: &mut Coverage,
) -> Result<(), VerifyError> {
    if rule.phase() == Phase::Implement {
        return physical::search(rule, known, bounds, coverage);
    }
    let mut dice = Dice::of(&("fillings", rule.name(), bounds.seed));
    written(rule, |terms, root| {
        let most = if *terms.semantics() == RELAXED { bounds.cases / 8 } else { bounds.cases / 16 };
        for replaced in news(rule, known, terms, root) {
            let roots = [replaced.before, replaced.after];
            if matters(terms, roots) {
                coverage.shapes += 1;
                attempt(rule, terms, roots, (most, 4 * SAMPLES_PER_SHAPE), &mut dice, coverage)?;
            }
        }
        Ok(())
    })?;
    shaped(rule, bounds, coverage, |mut shape, coverage| {
        let found = news(rule, known, &mut shape.terms, shape.root);
        // Below the root the pattern fits by chance: that place is the root of another shape.
        for replaced in found.into_iter().filter(|replaced| replaced.path.is_empty()).take(2) {
            coverage.shapes += 1;
            let effort = (CASES_PER_SHAPE, SAMPLES_PER_SHAPE);
            attempt(rule, &mut shape.terms, [replaced.before, replaced.after], effort, &mut dice, coverage)?;
        }
        Ok(())
    })
}

/// What a rule makes of a term, and the known one does not.
fn news(rule: &Rule, known: Option<&Rule>, terms: &mut Terms, root: TermId) -> Vec<Replaced> {
    let mut found = rule.replacements(terms, root);
    if let Some(known) = known.filter(|_| !found.is_empty()) {
        let known = known.replacements(terms, root);
        found.retain(|new| !known.iter().any(|old| (&old.path, old.after) == (&new.path, new.after)));
    }
    found
}

/// Compares a term and what the rule makes of it.
fn attempt(
    rule: &Rule,
    terms: &mut Terms,
    [before, after]: [TermId; 2],
    effort: (usize, usize),
    dice: &mut Dice,
    coverage: &mut Coverage,
) -> Result<(), VerifyError> {
    let pair = Pair::of_rule(rule, terms, before, after);
    let Some(refuted) = refute(&pair, effort, dice, coverage)
        .map_err(|error| VerifyError::unknown(rule.name(), print_line(terms, before), &error))?
    else {
        return Ok(());
    };
    let mut roots = (before, after);
    let Refuted { mut filling, semantics } = refuted;
    // Simpler terms that the rule still gets wrong over these tables; then smaller tables, and again.
    for _ in 0..8 {
        filling = shrink(&Pair::of_rule(rule, terms, roots.0, roots.1), filling, &semantics);
        let candidates = simpler(terms, roots.0);
        let next = candidates.into_iter().find_map(|candidate| {
            let found = rule.replacements(terms, candidate).into_iter().filter(|replaced| replaced.path.is_empty());
            found.map(|replaced| (replaced.before, replaced.after)).find(|(before, after)| {
                let pair = Pair::of_rule(rule, terms, *before, *after);
                pair.compare(&filling, &semantics).refutes()
            })
        });
        match next {
            Some(next) => roots = next,
            None => break,
        }
    }
    let pair = Pair::of_rule(rule, terms, roots.0, roots.1);
    let filling = shrink(&pair, filling, &semantics);
    Err(VerifyError::Unsound(Box::new(Counterexample::new(rule.name(), &pair, &filling, &semantics))))
}

/// The first filling over which two terms differ.
fn refute(
    pair: &Pair<'_>,
    (most, samples): (usize, usize),
    dice: &mut Dice,
    coverage: &mut Coverage,
) -> Result<Option<Refuted>, crate::term::interpret::EvalError> {
    let domain = Domain::of(pair.terms, [pair.before, pair.after]);
    let semantics = *pair.terms.semantics();
    let compare = |filling: Filling, coverage: &mut Coverage| {
        coverage.compared_under(&semantics);
        match pair.compare(&filling, &semantics) {
            Outcome::Same => {}
            Outcome::Skipped => coverage.skipped += 1,
            Outcome::Unknown(error) => return Err(error),
            Outcome::Different | Outcome::OtherDistribution => return Ok(Some(Refuted { filling, semantics })),
        }
        Ok(None)
    };
    let (fillings, rows) = domain.all(most);
    for filling in fillings {
        coverage.exhaustive += 1;
        if let Some(refuted) = compare(filling, coverage)? {
            return Ok(Some(refuted));
        }
    }
    coverage.tried_all(rows, domain.width());
    for _ in 0..samples {
        coverage.samples += 1;
        if let Some(refuted) = compare(domain.sample(dice), coverage)? {
            return Ok(Some(refuted));
        }
    }
    Ok(None)
}

/// Compares two terms of one query over so many fillings, as [`super::same_results`] does.
pub(super) fn compare_terms(what: &str, pair: &Pair<'_>, samples: usize) -> Result<Coverage, VerifyError> {
    let mut dice = Dice::of(&what);
    let mut coverage = Coverage { shapes: 1, ..Coverage::default() };
    match refute(pair, (samples / 2, samples.div_ceil(2)), &mut dice, &mut coverage) {
        Ok(None) => Ok(coverage),
        Ok(Some(Refuted { filling, semantics })) => {
            let filling = shrink(pair, filling, &semantics);
            Err(VerifyError::Unsound(Box::new(Counterexample::new(what, pair, &filling, &semantics))))
        }
        Err(error) => Err(VerifyError::unknown(what, print_line(pair.terms, pair.before), &error)),
    }
}
