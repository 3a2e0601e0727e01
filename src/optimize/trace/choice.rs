//! What extraction chose from, at which cost; and what the plan would cost with what it did not choose.

use indexmap::IndexMap;

use super::{By, Trace};
use crate::optimize::cost::Movement;
use crate::optimize::extract::{self, Best, Extraction};
use crate::optimize::plan::Plan;
use crate::rules::Phase;
use crate::term::{AlternativeOp, Required};

/// A goal of extraction that the chosen plan has, and all ways to reach it.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What is required of the partitions.
    pub required: Required,
    /// The ways, cheapest first; those that cannot be completed are left out. The first is the chosen one.
    pub ways: Vec<Way>,
}

/// A way to reach a goal.
#[derive(Clone, Debug)]
pub struct Way {
    /// The operator, or the movement of rows.
    pub operator: Result<AlternativeOp, Movement>,
    /// What is required of its inputs.
    pub inputs: Vec<Required>,
    /// The rule that proposed it; `None` for a movement.
    pub rule: Option<String>,
    /// What it costs by itself.
    pub own_cost: f64,
    /// What it costs with the cheapest inputs.
    pub cost: f64,
}

impl Trace {
    /// The choices of the plan, users before their inputs; none where there is no plan.
    pub fn choices(&self) -> Vec<Choice> {
        let recorder = &self.recorder;
        let choices = self.chosen().into_iter().map(|(goal, chosen)| {
            let mut ways: Vec<(bool, Way)> = recorder.goals[goal]
                .iter()
                .enumerate()
                .filter_map(|(at, way)| Some((at != chosen, self.way(way)?)))
                .collect();
            ways.sort_by(|(a, one), (b, other)| a.cmp(b).then(one.cost.total_cmp(&other.cost)));
            let required = recorder.goals.get_index(goal).map_or(Required::Any, |((_, required), _)| *required);
            Choice { required, ways: ways.into_iter().map(|(_, way)| way).collect() }
        });
        choices.collect()
    }

    fn way(&self, way: &extract::Way) -> Option<Way> {
        let cost = way.inputs.iter().try_fold(way.cost, |sum, input| Some(sum + self.recorder.best[*input]?.0))?;
        let (operator, inputs, rule) = match &way.choice {
            extract::Choice::Move(movement) => (Err(*movement), Vec::new(), None),
            extract::Choice::Compute(candidate) => {
                let inputs = candidate.inputs.iter().map(|(_, required)| *required).collect();
                let proposal = self.recorder.proposals.get(candidate.proposal);
                (Ok(candidate.op), inputs, proposal.map(|proposal| proposal.rule.name().to_owned()))
            }
        };
        Some(Way { operator, inputs, rule, own_cost: way.cost, cost })
    }

    /// The cost of the chosen plan; `None` where there is none.
    pub fn cost(&self) -> Option<f64> {
        Some(self.recorder.best[self.recorder.root_goal?]?.0)
    }

    /// Whether the chosen plan rests on something that a rule did.
    pub fn is_in_plan(&self, rule: &str) -> bool {
        let by = |at: &usize| matches!(&self.steps()[*at].by, By::Rule(by) if by.name() == rule);
        let proposed = |(goal, way): (usize, usize)| self.is_of(&self.recorder.goals[goal][way], rule);
        self.path().iter().any(by) || self.chosen().into_iter().any(proposed)
    }

    /// The cost of the cheapest plan among those that have something a rule of `explore` or `implement` made, and
    /// that plan, unless it would be its own input. `None` where no plan has.
    pub fn cheapest_with(&self, rule: &str) -> Option<(f64, Option<Plan>)> {
        let recorder = &self.recorder;
        let root = recorder.root_goal?;
        // The cheapest way to reach each goal with the rule: by a way that is the rule's, or over one input that
        // is reached with it.
        let mut with: Vec<Option<(f64, usize, Option<usize>)>> = vec![None; recorder.goals.len()];
        loop {
            let mut better = false;
            for (goal, ways) in recorder.goals.values().enumerate() {
                for (at, way) in ways.iter().enumerate() {
                    let Some(below) =
                        way.inputs.iter().try_fold(way.cost, |sum, input| Some(sum + recorder.best[*input]?.0))
                    else {
                        continue;
                    };
                    let own = self.is_of(way, rule).then_some((below, None));
                    let over = way.inputs.iter().filter_map(|input| {
                        let through = with[*input]?.0 - recorder.best[*input]?.0;
                        Some((below + through, Some(*input)))
                    });
                    let least = own.into_iter().chain(over).min_by(|a, b| a.0.total_cmp(&b.0));
                    if let Some((cost, input)) =
                        least.filter(|(cost, _)| with[goal].is_none_or(|(known, ..)| *cost < known))
                    {
                        with[goal] = Some((cost, at, input));
                        better = true;
                    }
                }
            }
            if !better {
                break;
            }
        }
        let cost = with[root]?.0;
        let mut chosen: Vec<Option<usize>> = recorder.best.iter().map(|best| Some((*best)?.1)).collect();
        let mut next = Some(root);
        while let Some(goal) = next {
            let (_, way, input) = with[goal]?;
            chosen[goal] = Some(way);
            next = input;
        }
        if self.is_cyclic(root, &chosen) {
            return Some((cost, None));
        }
        let best = recorder.goals.iter().zip(chosen).enumerate().filter_map(|(at, ((goal, ways), way))| {
            let choice = ways[way?].choice.clone();
            let cost = with[at].map_or(recorder.best[at]?.0, |(cost, ..)| cost);
            Some((*goal, Best { choice, cost, rows: recorder.rows[at] }))
        });
        let best: IndexMap<_, _> = best.collect();
        let (root, _) = recorder.goals.get_index(root)?;
        Some((cost, Some(self.plan_of(&Extraction { root: *root, best }))))
    }

    /// Whether a choice of ways makes some goal its own input.
    fn is_cyclic(&self, root: usize, chosen: &[Option<usize>]) -> bool {
        let mut open = vec![false; chosen.len()];
        let mut done = vec![false; chosen.len()];
        let mut stack = vec![(root, false)];
        while let Some((goal, inputs_done)) = stack.pop() {
            if inputs_done {
                (open[goal], done[goal]) = (false, true);
            } else if open[goal] {
                return true;
            } else if !done[goal] {
                open[goal] = true;
                stack.push((goal, true));
                let inputs = chosen[goal].map_or(&[][..], |way| &self.recorder.goals[goal][way].inputs);
                stack.extend(inputs.iter().map(|input| (*input, false)));
            }
        }
        false
    }

    /// Whether a way is a rule's: proposed by it, or for an e-node that it made.
    fn is_of(&self, way: &extract::Way, rule: &str) -> bool {
        let extract::Choice::Compute(candidate) = &way.choice else { return false };
        let Some(proposal) = self.recorder.proposals.get(candidate.proposal) else { return false };
        if proposal.rule.phase() == Phase::Implement && proposal.rule.name() == rule {
            return true;
        }
        proposal.matched.iter().any(|node| self.maker(node).is_some_and(|maker| maker == rule))
    }
}
