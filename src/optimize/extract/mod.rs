//! Extraction: the cheapest tree per *(class, required partitioning)*.
//!
//! Requirements are demanded top-down from the root, and best choices are computed bottom-up. A
//! requirement that an alternative does not meet by itself is passed to the input whose partitions it keeps,
//! or met by an enforcer that moves the rows. Partitioning is a property of a choice, never of a class. Between
//! choices of one cost the shape decides (`ties`), never the order of rules.

mod delivered;

use std::collections::HashMap;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::{SmallVec, smallvec};

use self::delivered::Delivered;
use super::cost::{CostModel, Movement, Sizes};
use super::graph::{ClassId, Graph};
use super::hashed_leaves::HashedLeaves;
use super::observer::Observer;
use super::ties::{settle, total};
use crate::term::{AggregatePhase, Alternative, AlternativeInput, AlternativeOp, ColumnSet, Required};

/// A class of the e-graph, or an operator that stands between two classes: its place in the list of groups.
pub type GroupId = usize;

/// What the dynamic program chooses for: a group, and what is required of its partitions.
pub type Goal = (GroupId, Required);

/// One way to compute a group.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The operator.
    pub op: AlternativeOp,
    /// Its inputs, each with what the operator needs of it.
    pub inputs: SmallVec<[Goal; 2]>,
    /// The proposal that it is, or is part of, in the order in which rules made them.
    pub proposal: usize,
}

/// A group: its alternatives and estimated rows.
#[derive(Clone, Debug)]
struct Group {
    candidates: Vec<Candidate>,
    rows: f64,
    /// The columns that a class gives; empty for operators between classes, whose columns are theirs.
    outputs: ColumnSet,
}

/// How a goal is reached.
#[derive(Clone, Debug)]
pub enum Choice {
    /// By an operator over inputs with these goals.
    Compute(Candidate),
    /// By moving the rows of the group's cheapest choice.
    Move(Movement),
}

/// The best way to reach a goal.
#[derive(Clone, Debug)]
pub struct Best {
    /// How.
    pub choice: Choice,
    /// Estimated cost, inputs included.
    pub cost: f64,
    /// Estimated rows.
    pub rows: f64,
}

/// One way to reach a goal: what it costs by itself, and the goals that it needs.
#[derive(Clone, Debug)]
pub struct Way {
    /// How.
    pub choice: Choice,
    /// What it costs without its inputs.
    pub cost: f64,
    /// The needed goals, by their place in the order of goals.
    pub inputs: SmallVec<[usize; 2]>,
}

/// Goals, inputs first, with all ways to reach each.
pub type Goals = IndexMap<Goal, Vec<Way>, FxBuildHasher>;

impl Way {
    /// The goals that this way to reach `goal` needs.
    fn goals(&self, goal: Goal) -> SmallVec<[Goal; 2]> {
        match &self.choice {
            Choice::Compute(candidate) => candidate.inputs.clone(),
            Choice::Move(_) => smallvec![(goal.0, Required::Any)],
        }
    }
}

/// The chosen tree, as one best choice per goal.
#[derive(Debug)]
pub struct Extraction {
    /// The goal of the root.
    pub root: Goal,
    /// The choices; those that the root does not reach are there, too.
    pub best: IndexMap<Goal, Best>,
}

/// The groups of a graph, with alternatives that implementation rules proposed for its classes.
pub struct Extractor<'a> {
    graph: &'a Graph,
    cost: &'a dyn CostModel,
    partitions: f64,
    hashed: HashedLeaves,
    groups: Vec<Group>,
    of_class: HashMap<ClassId, GroupId, FxBuildHasher>,
}

impl<'a> Extractor<'a> {
    /// Takes the alternatives of every class.
    pub fn new(
        graph: &'a Graph,
        cost: &'a dyn CostModel,
        partitions: usize,
        hashed: HashedLeaves,
        alternatives: Vec<(ClassId, Vec<Alternative<ClassId>>)>,
    ) -> Self {
        let (partitions, groups, of_class) = (partitions as f64, Vec::new(), HashMap::default());
        let mut extractor = Extractor { graph, cost, partitions, hashed, groups, of_class };
        for (class, _) in &alternatives {
            let id = extractor.groups.len();
            extractor.of_class.insert(*class, id);
            let data = graph.data(*class);
            let outputs = data.facts.outputs.clone();
            extractor.groups.push(Group { candidates: Vec::new(), rows: data.rows, outputs });
        }
        let mut proposals = 0..;
        for (class, alternatives) in alternatives {
            let group = extractor.of_class[&class];
            for (alternative, proposal) in alternatives.into_iter().zip(&mut proposals) {
                let candidate = extractor.candidate(alternative, proposal);
                extractor.groups[group].candidates.push(candidate);
            }
        }
        extractor
    }

    fn candidate(&mut self, alternative: Alternative<ClassId>, proposal: usize) -> Candidate {
        let mut inputs = SmallVec::new();
        for (input, required) in alternative.inputs {
            let group = match input {
                AlternativeInput::Class(class) => self.of_class[&self.graph.find(class)],
                AlternativeInput::Inline(inline) => {
                    let candidate = self.candidate(*inline, proposal);
                    let rows = self.inline_rows(&candidate);
                    self.groups.push(Group { candidates: vec![candidate], rows, outputs: ColumnSet::new() });
                    self.groups.len() - 1
                }
            };
            inputs.push((group, required));
        }
        Candidate { op: alternative.op, inputs, proposal }
    }

    /// Rows of an operator that stands between two classes.
    fn inline_rows(&self, candidate: &Candidate) -> f64 {
        let input = candidate.inputs.first().map_or(0.0, |(group, _)| self.groups[*group].rows);
        match candidate.op {
            AlternativeOp::HashAggregate { spec, phase } => {
                let knowledge = &self.graph.egraph.analysis;
                let groups = knowledge.estimator.groups(knowledge.terms.aggregate(spec), input);
                let copies = if phase == AggregatePhase::Partial { self.partitions } else { 1.0 };
                (groups * copies).min(input.max(1.0))
            }
            AlternativeOp::Sort { fetch: Some(fetch), .. } => input.min(fetch as f64),
            AlternativeOp::Limit { fetch: Some(fetch), .. } => input.min(fetch as f64),
            _ => input,
        }
    }

    /// The best choice for the root and everything that it may need; `None` when the root has none.
    pub fn extract<O: Observer>(&self, root: ClassId, observer: &mut O) -> Option<Extraction> {
        let root = (*self.of_class.get(&self.graph.find(root))?, Required::Any);
        let goals = self.goals(root);
        // Inputs come before what uses them, so one pass suffices unless the graph has a cycle.
        let mut best: Vec<Option<(f64, usize)>> = vec![None; goals.len()];
        let cyclic =
            goals.values().enumerate().any(|(at, ways)| ways.iter().any(|way| way.inputs.iter().any(|i| *i >= at)));
        let mut ties = Vec::new();
        loop {
            let mut better = false;
            ties.clear();
            for (at, ways) in goals.values().enumerate() {
                for (which, way) in ways.iter().enumerate() {
                    let Some(cost) = total(way, &best) else { continue };
                    match best[at] {
                        Some((known, chosen)) if cost >= known => {
                            if cost == known && which != chosen {
                                ties.push((at, which));
                            }
                        }
                        _ => {
                            best[at] = Some((cost, which));
                            better = true;
                        }
                    }
                }
            }
            if !better || !cyclic {
                break;
            }
        }
        settle(self.graph.terms(), &goals, &mut best, &ties);
        if O::WATCHES
            && let Some(root) = goals.get_index_of(&root)
        {
            let rows = goals.keys().map(|(group, _)| self.groups[*group].rows).collect();
            observer.extracted(&goals, rows, &best, root);
        }
        let chosen = goals.into_iter().zip(best).filter_map(|((goal, mut ways), best)| {
            let (cost, which) = best?;
            Some((goal, Best { choice: ways.swap_remove(which).choice, cost, rows: self.groups[goal.0].rows }))
        });
        let best: IndexMap<Goal, Best> = chosen.collect();
        best.contains_key(&root).then_some(Extraction { root, best })
    }

    /// Every goal that the root may lead to, inputs first, with all ways to reach it.
    fn goals(&self, root: Goal) -> Goals {
        let mut opened: HashMap<Goal, Vec<Way>, FxBuildHasher> = HashMap::default();
        let mut order = Goals::default();
        let mut stack = vec![(root, false)];
        while let Some((goal, done)) = stack.pop() {
            if done {
                order.insert(goal, opened.insert(goal, Vec::new()).unwrap_or_default());
                continue;
            }
            if opened.contains_key(&goal) {
                continue;
            }
            let ways = self.ways(goal);
            stack.push((goal, true));
            stack.extend(
                ways.iter().rev().flat_map(|way| way.goals(goal).into_iter().rev()).map(|input| (input, false)),
            );
            opened.insert(goal, ways);
        }
        let resolved: Vec<Vec<SmallVec<[usize; 2]>>> = order
            .iter()
            .map(|(goal, ways)| {
                let index = |input: Goal| order.get_index_of(&input).unwrap_or(usize::MAX);
                ways.iter().map(|way| way.goals(*goal).into_iter().map(index).collect()).collect()
            })
            .collect();
        for (ways, resolved) in order.values_mut().zip(resolved) {
            ways.iter_mut().zip(resolved).for_each(|(way, inputs)| way.inputs = inputs);
        }
        order
    }

    /// All ways to reach a goal, each with its own cost.
    fn ways(&self, goal: Goal) -> Vec<Way> {
        let (group, required) = goal;
        let mut ways = Vec::new();
        for candidate in &self.groups[group].candidates {
            for variant in self.variants(candidate, required) {
                let cost = self.own_cost(&variant, self.groups[group].rows);
                ways.push(Way { choice: Choice::Compute(variant), cost, inputs: SmallVec::new() });
            }
        }
        let movement = match required {
            Required::Any => return ways,
            Required::Single => Movement::Gather,
            Required::Replicated => Movement::Broadcast,
            Required::Hashed(_) => Movement::Shuffle,
        };
        let cost = self.cost.movement(movement, self.groups[group].rows, self.partitions);
        ways.push(Way { choice: Choice::Move(movement), cost, inputs: SmallVec::new() });
        ways
    }

    fn own_cost(&self, candidate: &Candidate, output: f64) -> f64 {
        let rows: SmallVec<[f64; 4]> = candidate.inputs.iter().map(|(group, _)| self.groups[*group].rows).collect();
        let replicated: SmallVec<[bool; 4]> =
            candidate.inputs.iter().map(|(_, required)| *required == Required::Replicated).collect();
        let single = self.delivered(candidate) == Delivered::Single;
        let partitions = if single { 1.0 } else { self.partitions };
        self.cost.operator(candidate.op, Sizes { output, inputs: &rows, partitions, replicated: &replicated })
    }

    /// The ways in which a candidate meets a requirement by itself: as it is, with the requirement passed to
    /// the input whose partitions it keeps, or with everything in one partition.
    fn variants(&self, candidate: &Candidate, required: Required) -> SmallVec<[Candidate; 2]> {
        let mut variants: SmallVec<[Candidate; 2]> = smallvec![];
        if self.satisfies(candidate, required) {
            variants.push(candidate.clone());
        }
        if matches!(required, Required::Single | Required::Hashed(_)) {
            let free = candidate.inputs.iter().position(|(_, needs)| *needs == Required::Any);
            if let Some((at, passed)) = free.and_then(|at| Some((at, self.passed(candidate, at, required)?))) {
                let mut variant = candidate.clone();
                variant.inputs[at].1 = passed;
                if self.satisfies(&variant, required) {
                    variants.push(variant);
                }
            }
        }
        let hashed = |(_, needs): &Goal| matches!(needs, Required::Hashed(_));
        if matches!(required, Required::Any | Required::Single) && candidate.inputs.iter().any(hashed) {
            let mut variant = candidate.clone();
            variant.inputs.iter_mut().filter(|input| hashed(input)).for_each(|input| input.1 = Required::Single);
            variants.push(variant);
        }
        variants
    }
}
