use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{By, Call, Mismatch, MismatchFound, NativeStep, RefusedMatch, Relation, RuleTrace, Step};
use crate::optimize::extract::Goals;
use crate::optimize::graph::ClassId;
use crate::optimize::observer::{Observer, Place};
use crate::rules::{Bindings, Cause, Found, Given, Phase, Refusal, Rule, RuleObserver, Value};
use crate::term::{RelNode, RelOp, TermId, Terms};

/// A proposal of an implementation rule.
#[derive(Clone, Debug)]
pub(in crate::optimize) struct Proposal {
    pub rule: Arc<Rule>,
    pub class: ClassId,
    /// The e-nodes that the rule matched, the root first.
    pub matched: Vec<RelNode<ClassId>>,
}

/// Two ids of one class, and the step that found it; `None` until the enumerator is done with a join-set.
#[derive(Clone, Copy, Debug)]
pub(in crate::optimize) struct Union {
    pub one: ClassId,
    pub other: ClassId,
    pub step: Option<usize>,
}

/// Records a run.
#[derive(Default)]
pub(in crate::optimize) struct Recorder {
    pub steps: Vec<Step>,
    pub rules: IndexMap<Arc<str>, RuleTrace, FxBuildHasher>,
    pub proposals: Vec<Proposal>,
    pub unions: Vec<Union>,
    pub goals: Goals,
    pub rows: Vec<f64>,
    pub best: Vec<Option<(f64, usize)>>,
    pub root_goal: Option<usize>,
    pub root_class: Option<ClassId>,
    /// The last normal-form step of a node, so that none is recorded twice.
    rebuilt: HashMap<RelNode<TermId>, TermId, FxBuildHasher>,
    current: Current,
}

/// The rule that is being tried.
#[derive(Default)]
struct Current {
    rule: Option<(Arc<Rule>, usize, Place, Instant)>,
    /// The nodes of every match since [`Observer::matching`].
    matches: Vec<Vec<RelNode<Place>>>,
    /// The match that is being applied.
    at: usize,
    clause: usize,
    calls: Vec<Call>,
}

impl Recorder {
    fn trace(&mut self) -> Option<&mut RuleTrace> {
        let (_, at, ..) = self.current.rule.as_ref()?;
        self.rules.get_index_mut(*at).map(|(_, trace)| trace)
    }

    fn matched_classes(&self) -> Vec<RelNode<ClassId>> {
        let class = |place: &Place| match place {
            Place::Class(class) => Some(*class),
            Place::Term(_) => None,
        };
        let nodes = self.current.matches.get(self.current.at).map_or(&[][..], Vec::as_slice);
        nodes.iter().map(|node| RelNode::new(node.op, node.inputs.iter().filter_map(class))).collect()
    }

    /// A step of the rule that is being tried, which thereby fires.
    fn fire(
        &mut self,
        phase: Phase,
        before: Relation,
        after: Relation,
        values: Vec<Value<Place>>,
        nodes: Range<usize>,
    ) {
        let Some((rule, at, ..)) = &self.current.rule else { return };
        if let Some((_, trace)) = self.rules.get_index_mut(*at) {
            trace.fired += 1;
            trace.nodes += nodes.len() as u64;
        }
        let (by, calls) = (By::Rule(rule.clone()), std::mem::take(&mut self.current.calls));
        self.steps.push(Step { phase, by, before, after, values, calls, nodes });
    }

    fn native(&mut self, by: NativeStep, before: Relation, after: Relation) {
        let phase = Phase::Normalize;
        let (by, values, calls) = (By::Native(by), Vec::new(), Vec::new());
        self.steps.push(Step { phase, by, before, after, values, calls, nodes: 0..0 });
    }
}

fn placed<I: Into<Place> + Copy>(value: &Value<I>) -> Value<Place> {
    value.map(|id| (*id).into())
}

fn placed_all<I: Into<Place> + Copy>(bindings: &Bindings<I>) -> Vec<Value<Place>> {
    bindings.values().iter().map(placed).collect()
}

fn placed_node<I: Into<Place> + Copy>(node: &RelNode<I>) -> RelNode<Place> {
    RelNode::new(node.op, node.inputs.iter().map(|input| (*input).into()))
}

impl<I: Into<Place> + Copy> RuleObserver<I> for Recorder {
    fn mismatched(&mut self, step: usize, cause: Cause, found: Found<'_, I>) {
        let Some((_, at, place, _)) = &self.current.rule else { return };
        let Some((_, trace)) = self.rules.get_index_mut(*at) else { return };
        if trace.nearest.as_ref().is_some_and(|nearest| (nearest.step, nearest.cause) >= (step, cause)) {
            return;
        }
        let found = match found {
            Found::Node(node) => MismatchFound::Node(placed_node(node)),
            Found::Rel(rel) => MismatchFound::Rel(rel.into()),
            Found::Conjunct(scalar) => MismatchFound::Conjunct(scalar),
            Found::Nothing => MismatchFound::Nothing,
        };
        trace.nearest = Some(Mismatch { place: *place, step, cause, found });
    }

    fn matched(&mut self, nodes: &[&RelNode<I>]) {
        self.current.matches.push(nodes.iter().map(|node| placed_node(node)).collect());
        if let Some(trace) = self.trace() {
            trace.matched += 1;
        }
    }

    fn clause(&mut self, at: usize) {
        self.current.clause = at;
    }

    fn called(&mut self, function: &'static str, args: &[Value<I>], gives: Option<&Given>) {
        let (clause, args) = (self.current.clause, args.iter().map(placed).collect());
        self.current.calls.push(Call { clause, function, args, gives: gives.cloned() });
    }
}

impl Observer for Recorder {
    const WATCHES: bool = true;

    fn matching(&mut self) {
        self.current.matches.clear();
    }

    fn trying<I: Into<Place>>(&mut self, rule: &Arc<Rule>, place: I) {
        self.resuming(rule, place);
        if let Some(trace) = self.trace() {
            trace.tried += 1;
        }
    }

    fn resuming<I: Into<Place>>(&mut self, rule: &Arc<Rule>, place: I) {
        let entry = self.rules.entry(rule.shared_name().clone());
        let at = entry.index();
        entry.or_default();
        self.current.rule = Some((rule.clone(), at, place.into(), Instant::now()));
    }

    fn tried(&mut self) {
        let Some((_, at, _, start)) = self.current.rule.take() else { return };
        if let Some((_, trace)) = self.rules.get_index_mut(at) {
            trace.time += start.elapsed();
        }
        self.current.calls.clear();
    }

    fn applying(&mut self, at: usize) {
        self.current.at = at;
        self.current.clause = 0;
        self.current.calls.clear();
    }

    fn refused<I: Into<Place> + Copy>(&mut self, bindings: &Bindings<I>, refusal: Refusal) {
        let Some((_, at, place, _)) = &self.current.rule else { return };
        let Some((_, trace)) = self.rules.get_index_mut(*at) else { return };
        let (place, calls) = (*place, &mut self.current.calls);
        let refused = trace
            .refusals
            .entry(refusal)
            .or_insert_with(|| (0, RefusedMatch { place, values: placed_all(bindings), calls: std::mem::take(calls) }));
        refused.0 += 1;
    }

    fn rewrote(&mut self, before: TermId, after: TermId, bindings: &Bindings<TermId>) {
        let (before, after) = (Relation::Term(before), Relation::Term(after));
        self.fire(Phase::Normalize, before, after, placed_all(bindings), 0..0);
    }

    fn rebuilt(&mut self, terms: &Terms, node: RelNode<TermId>, simplified: RelOp, after: TermId) {
        if self.rebuilt.insert(node.clone(), after) == Some(after) {
            return;
        }
        let simple = RelNode::new(simplified, node.inputs.iter().copied());
        if node.op != simplified {
            self.native(NativeStep::SimplifyScalars, Relation::Node(node), Relation::Node(simple.clone()));
        }
        if *terms.term(after) != simple {
            self.native(NativeStep::NormalForm, Relation::Node(simple), Relation::Term(after));
        }
    }

    fn stepped(&mut self, step: NativeStep, before: TermId, after: TermId) {
        self.native(step, Relation::Term(before), Relation::Term(after));
    }

    fn ordered_joins(&mut self, join_set: RelNode<ClassId>, class: ClassId, nodes: Range<usize>) {
        let (before, after) = (Relation::Matched { class, nodes: vec![join_set] }, Relation::Made(class));
        let (phase, by) = (Phase::Explore, By::Native(NativeStep::OrderJoins));
        self.unions
            .iter_mut()
            .filter(|union| union.step.is_none())
            .for_each(|union| union.step = Some(self.steps.len()));
        self.steps.push(Step { phase, by, before, after, values: Vec::new(), calls: Vec::new(), nodes });
    }

    fn built(&mut self, root: ClassId) {
        self.root_class = Some(root);
    }

    fn united(&mut self, one: ClassId, other: ClassId) {
        self.unions.push(Union { one, other, step: None });
    }

    fn explored(&mut self, class: ClassId, equal: ClassId, bindings: &Bindings<ClassId>, nodes: Range<usize>) {
        self.unions.push(Union { one: class, other: equal, step: Some(self.steps.len()) });
        let before = Relation::Matched { class, nodes: self.matched_classes() };
        self.fire(Phase::Explore, before, Relation::Made(equal), placed_all(bindings), nodes);
    }

    fn cut_off(&mut self, rule: &Arc<Rule>) {
        if let Some(trace) = self.rules.get_mut(rule.name()) {
            trace.cut_off += 1;
        }
    }

    fn proposed(&mut self, class: ClassId, _: &Bindings<ClassId>) {
        let Some((rule, ..)) = &self.current.rule else { return };
        let proposal = Proposal { rule: rule.clone(), class, matched: self.matched_classes() };
        self.proposals.push(proposal);
        if let Some(trace) = self.trace() {
            trace.fired += 1;
        }
    }

    fn extracted(&mut self, goals: &Goals, rows: Vec<f64>, best: &[Option<(f64, usize)>], root: usize) {
        (self.goals, self.rows, self.best, self.root_goal) = (goals.clone(), rows, best.to_vec(), Some(root));
    }
}
