//! Which steps of exploration the chosen plan rests on.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::recorder::Proposal;
use super::{Relation, Trace};
use crate::optimize::extract;
use crate::optimize::graph::ClassId;
use crate::rules::Phase;
use crate::term::RelNode;

impl Trace {
    /// The steps that led to the chosen plan, by their place in [`Trace::steps`]: all of `normalize`, and those of
    /// `explore` that made an e-node or an equality that extraction used, or one that such a step matched.
    pub fn path(&self) -> Vec<usize> {
        let normalize = self.steps().iter().take_while(|step| step.phase == Phase::Normalize).count();
        (0..normalize).chain(Path::of(self).run()).collect()
    }

    /// The places of the ways that the chosen plan takes, with the goals that they reach, users first.
    pub(super) fn chosen(&self) -> Vec<(usize, usize)> {
        let recorder = &self.recorder;
        let mut seen = BTreeSet::new();
        let mut chosen = Vec::new();
        let mut stack: Vec<usize> = recorder.root_goal.into_iter().collect();
        while let Some(goal) = stack.pop() {
            if !seen.insert(goal) {
                continue;
            }
            let Some((_, way)) = recorder.best[goal] else { continue };
            chosen.push((goal, way));
            stack.extend(recorder.goals[goal][way].inputs.iter().rev());
        }
        chosen
    }
}

impl Trace {
    /// The proposals that the chosen plan takes, users first.
    fn chosen_proposals(&self) -> impl Iterator<Item = &Proposal> {
        self.chosen().into_iter().filter_map(|(goal, way)| match &self.recorder.goals[goal][way].choice {
            extract::Choice::Compute(candidate) => self.recorder.proposals.get(candidate.proposal),
            extract::Choice::Move(_) => None,
        })
    }

    pub(super) fn choose_nodes(&self) -> HashMap<ClassId, RelNode<ClassId>> {
        let mut nodes = HashMap::new();
        for node in self.chosen_proposals().flat_map(|proposal| &proposal.matched) {
            if let Some(class) = self.graph().lookup(node) {
                nodes.entry(self.graph().find(class)).or_insert_with(|| node.clone());
            }
        }
        nodes
    }
}

/// Under which numbers every e-node came, and which step made it.
pub(super) struct Origins {
    /// From an e-node as the graph holds it to its numbers, ascending.
    numbers: HashMap<RelNode<ClassId>, Vec<ClassId>>,
    /// By number: the step.
    steps: Vec<Option<usize>>,
}

impl Origins {
    pub fn of(trace: &Trace) -> Self {
        let mut numbers: HashMap<RelNode<ClassId>, Vec<ClassId>> = HashMap::new();
        let mut steps = vec![None; trace.graph().made()];
        for number in 0..trace.graph().made() {
            let id = ClassId::from(number);
            numbers.entry(canonical(trace, trace.graph().made_as(id))).or_default().push(id);
        }
        for (at, step) in trace.steps().iter().enumerate() {
            step.nodes.clone().for_each(|number| steps[number] = Some(at));
        }
        Origins { numbers, steps }
    }

    /// The first number of an e-node and the step that made it then.
    fn first(&self, trace: &Trace, node: &RelNode<ClassId>) -> Option<(ClassId, Option<usize>)> {
        let id = *self.numbers.get(&canonical(trace, node))?.first()?;
        Some((id, self.steps[usize::from(id)]))
    }
}

fn canonical(trace: &Trace, node: &RelNode<ClassId>) -> RelNode<ClassId> {
    RelNode::new(node.op, node.inputs.iter().map(|input| trace.graph().find(*input)))
}

impl Trace {
    /// The name of the rule that made an e-node.
    pub(super) fn maker(&self, node: &RelNode<ClassId>) -> Option<&str> {
        let (_, step) = self.origins().first(self, node)?;
        Some(self.steps()[step?].by.name())
    }
}

/// The search for what a plan rests on.
struct Path<'a> {
    trace: &'a Trace,
    /// Equal ids, and the step that found it.
    equal: HashMap<ClassId, Vec<(ClassId, Option<usize>)>>,
    steps: BTreeSet<usize>,
    pending: Vec<usize>,
}

impl<'a> Path<'a> {
    fn of(trace: &'a Trace) -> Self {
        let mut path = Path { trace, equal: HashMap::new(), steps: BTreeSet::new(), pending: Vec::new() };
        for union in &trace.recorder.unions {
            path.link(union.one, union.other, union.step);
        }
        // Congruence: e-nodes that became the same. Their inputs are equal for reasons of their own.
        for ids in trace.origins().numbers.values() {
            ids[1..].iter().for_each(|id| path.link(ids[0], *id, None));
        }
        path.equal.values_mut().for_each(|links| links.sort_unstable());
        path
    }

    fn link(&mut self, one: ClassId, other: ClassId, step: Option<usize>) {
        self.equal.entry(one).or_default().push((other, step));
        self.equal.entry(other).or_default().push((one, step));
    }

    fn run(mut self) -> BTreeSet<usize> {
        let trace = self.trace;
        let mut used: Vec<ClassId> = trace.recorder.root_class.into_iter().collect();
        for proposal in trace.chosen_proposals() {
            used.push(proposal.class);
            proposal.matched.iter().for_each(|node| used.extend(self.uses(node)));
        }
        self.connect(&used);
        while let Some(step) = self.pending.pop() {
            if let Relation::Matched { nodes, class } = &trace.steps()[step].before {
                let mut used = vec![*class];
                nodes.iter().for_each(|node| used.extend(self.uses(node)));
                self.connect(&used);
            }
        }
        self.steps
    }

    /// The ids that using an e-node rests on: its own, and those of its inputs. The step that made it is noted.
    fn uses(&mut self, node: &RelNode<ClassId>) -> Vec<ClassId> {
        let Some((id, step)) = self.trace.origins().first(self.trace, node) else { return Vec::new() };
        step.into_iter().for_each(|step| self.note(step));
        std::iter::once(id).chain(self.trace.graph().made_as(id).inputs.iter().copied()).collect()
    }

    fn note(&mut self, step: usize) {
        if self.steps.insert(step) {
            self.pending.push(step);
        }
    }

    /// Notes the steps by which ids of one class among these are equal: the shortest chain between each two that
    /// follow each other.
    fn connect(&mut self, used: &[ClassId]) {
        let mut by_class: HashMap<ClassId, Vec<ClassId>> = HashMap::new();
        for id in used {
            let ids = by_class.entry(self.trace.graph().find(*id)).or_default();
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        let mut groups: Vec<Vec<ClassId>> = by_class.into_values().filter(|ids| ids.len() > 1).collect();
        groups.sort_unstable();
        for ids in groups {
            for pair in ids.windows(2) {
                self.chain(pair[0], pair[1]).into_iter().for_each(|step| self.note(step));
            }
        }
    }

    fn chain(&self, from: ClassId, to: ClassId) -> Vec<usize> {
        let mut came: HashMap<ClassId, (ClassId, Option<usize>)> = HashMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(id) = queue.pop_front() {
            if id == to {
                break;
            }
            for (next, step) in self.equal.get(&id).into_iter().flatten() {
                if *next != from && !came.contains_key(next) {
                    came.insert(*next, (id, *step));
                    queue.push_back(*next);
                }
            }
        }
        let mut steps = Vec::new();
        let mut at = to;
        while at != from {
            let Some((before, step)) = came.get(&at) else { break };
            steps.extend(step);
            at = *before;
        }
        steps
    }
}
