//! Which of two ways of one cost is taken: the one of lesser shape, then the one that was written first.
//!
//! The order in which rules propose must not decide. Two ways are compared from the root down, each input by the
//! way that is chosen for it: at the first node that differs, by kind and then by content.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::cost::Movement;
use super::extract::{Choice, Goals, Way};
use crate::term::Terms;

/// The best cost of each goal that has one, and the place of its way.
pub type BestWays = [Option<(f64, usize)>];

/// Takes, for each goal, the way of least shape among those of least cost. `ties` are places of goals, ascending,
/// and of ways that cost as much as the best one did when they were met; inputs come first, except on a cycle.
pub fn settle(terms: &Terms, goals: &Goals, best: &mut BestWays, ties: &[(usize, usize)]) {
    for (goal, other) in ties {
        let Some((cost, chosen)) = best[*goal] else { continue };
        let ways = &goals[*goal];
        let Some(below) = total(&ways[*other], best).filter(|total| *total == cost) else { continue };
        // Where costs go down, no way leads back to itself.
        let descends = |way: &Way| way.inputs.iter().all(|input| best[*input].is_some_and(|(input, _)| input < below));
        if descends(&ways[*other])
            && descends(&ways[chosen])
            && compare(terms, goals, best, &ways[*other], &ways[chosen]).is_lt()
        {
            best[*goal] = Some((cost, *other));
        }
    }
}

/// What a way costs with the best ways to reach its inputs.
pub fn total(way: &Way, best: &BestWays) -> Option<f64> {
    way.inputs.iter().try_fold(way.cost, |sum, input| Some(sum + best[*input]?.0))
}

fn compare(terms: &Terms, goals: &Goals, best: &BestWays, a: &Way, b: &Way) -> Ordering {
    let pairs = |a: &Way, b: &Way| a.inputs.iter().copied().zip(b.inputs.iter().copied()).rev().collect::<Vec<_>>();
    let own = compare_nodes(terms, goals, a, b);
    if own.is_ne() {
        return own;
    }
    let mut seen = HashSet::new();
    let mut stack = pairs(a, b);
    while let Some((a, b)) = stack.pop() {
        // What stands below a pair is compared before anything that waits, so a pair that comes again is equal.
        if a == b || !seen.insert((a, b)) {
            continue;
        }
        let (Some((_, way_a)), Some((_, way_b))) = (best[a], best[b]) else { continue };
        let (a, b) = (&goals[a][way_a], &goals[b][way_b]);
        let nodes = compare_nodes(terms, goals, a, b);
        if nodes.is_ne() {
            return nodes;
        }
        stack.extend(pairs(a, b));
    }
    Ordering::Equal
}

/// Two ways by their own operators and by what these require.
fn compare_nodes(terms: &Terms, goals: &Goals, a: &Way, b: &Way) -> Ordering {
    let required = |way: &Way, at: usize| goals.get_index(way.inputs[at]).map(|((_, required), _)| *required);
    let operators = match (&a.choice, &b.choice) {
        (Choice::Compute(a), Choice::Compute(b)) => terms.compare_operators(a.op, b.op),
        (Choice::Compute(_), Choice::Move(_)) => Ordering::Less,
        (Choice::Move(_), Choice::Compute(_)) => Ordering::Greater,
        (Choice::Move(a), Choice::Move(b)) => rank(*a).cmp(&rank(*b)),
    };
    operators.then(a.inputs.len().cmp(&b.inputs.len())).then_with(|| {
        let inputs = (0..a.inputs.len()).map(|at| match (required(a, at), required(b, at)) {
            (Some(a), Some(b)) => terms.compare_required(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        inputs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    })
}

fn rank(movement: Movement) -> u8 {
    match movement {
        Movement::Gather => 0,
        Movement::Shuffle => 1,
        Movement::Broadcast => 2,
    }
}
