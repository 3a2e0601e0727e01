use smallvec::{SmallVec, smallvec};

use super::forest::Forest;
use super::observer::{Cause, Found, RuleObserver};
use super::operator::Operator;
use super::scalar_match::{ScalarTest, Segment};
use super::scalar_operator::ScalarOperator;
use super::value::{Given, Value};
use crate::expr::JoinKind;
use crate::term::{RelNode, ScalarId, Terms};

/// What the variables of a rule are bound to, by their index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bindings<I> {
    pub(super) values: SmallVec<[Value<I>; 8]>,
}

impl<I> Bindings<I> {
    /// The values, by the place of their variables in [`Rule::variables`](super::Rule::variables).
    pub fn values(&self) -> &[Value<I>] {
        &self.values
    }
}

/// The index of a variable.
pub(super) type Slot = usize;

/// The variable that stands for the relation matched, or for the scalar.
pub(super) const ROOT: Slot = 0;

/// Of rules rooted at a scalar: the variable for the relations over whose rows the scalar is evaluated.
pub(super) const INPUTS: Slot = 1;

/// What a place in a pattern asks of the value there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// Nothing.
    Any,
    /// Binds a variable.
    Bind(Slot),
    /// Equals what a variable is bound to.
    Same(Slot),
    /// Is this very value.
    Is(Given),
    /// Is one of these kinds of join; may bind a variable.
    OneOf(SmallVec<[JoinKind; 7]>, Option<Slot>),
}

impl Test {
    pub fn accepts<I: Copy + Eq>(&self, value: Value<I>, values: &mut [Value<I>]) -> bool {
        match self {
            Test::Any => true,
            Test::Bind(slot) => {
                values[*slot] = value;
                true
            }
            Test::Same(slot) => values[*slot] == value,
            Test::Is(wanted) => value == wanted.lift(),
            Test::OneOf(kinds, slot) => match value {
                Value::Kind(kind) if kinds.contains(&kind) => {
                    if let Some(slot) = slot {
                        values[*slot] = value;
                    }
                    true
                }
                _ => false,
            },
        }
    }
}

/// What a pattern asks of the inputs of a node.
#[derive(Clone, Debug)]
pub(super) enum InputTests {
    /// Exactly these.
    Fixed(Vec<Test>),
    /// Any number, bound as a list.
    All(Test),
}

/// What a pattern asks of one node.
#[derive(Clone, Debug)]
pub(super) struct NodeTest {
    /// As the rule writes it.
    pub text: String,
    /// It has one of these operators.
    pub operators: SmallVec<[Operator; 1]>,
    /// The variable that its operator binds.
    pub binds: Option<Slot>,
    pub parts: Vec<Test>,
    pub inputs: InputTests,
}

/// Where the class of a nested pattern comes from: an input of a node that is already chosen.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Input(usize, usize),
    /// The input whose position a variable holds.
    Place(usize, Slot),
}

/// One choice of the program. Nodes are numbered in the order in which they are chosen.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Chooses a node of a class.
    Node(Source, NodeTest),
    /// Chooses an input of a node: its position, and what is asked of it.
    Element { node: usize, place: Slot, test: Test, text: String },
    /// Chooses a conjunct of a conjunction, or an element of a list among a scalar's operands: its position, the
    /// positions that are taken already, and what is asked of it. An arm of a `case` is two operands.
    Conjunct {
        list: Slot,
        segment: Segment,
        place: Slot,
        taken: SmallVec<[Slot; 2]>,
        tests: SmallVec<[ScalarTest; 1]>,
        text: String,
    },
}

impl Step {
    /// What is asked, as the rule writes it.
    fn text(&self) -> &str {
        match self {
            Step::Node(_, test) => &test.text,
            Step::Element { text, .. } | Step::Conjunct { text, .. } => text,
        }
    }
}

/// What a pattern asks of the place where a rule is tried.
#[derive(Clone, Debug)]
pub(super) enum Root {
    Node(NodeTest),
    /// A scalar that a node is given, or that is part of one, has one of these operators, and is like this.
    Scalar {
        operators: SmallVec<[ScalarOperator; 1]>,
        test: ScalarTest,
        text: String,
    },
}

/// The operators that are given scalars.
const WITH_SCALARS: [Operator; 10] = [
    Operator::Project,
    Operator::Filter,
    Operator::Join,
    Operator::JoinSet,
    Operator::Aggregate,
    Operator::Sort,
    Operator::TopK,
    Operator::MarkJoin,
    Operator::Apply,
    Operator::Window,
];

/// A compiled left side.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub root: Root,
    pub steps: Vec<Step>,
    /// How many variables the whole rule has.
    pub slots: usize,
}

impl NodeTest {
    /// Binds what the test names; the error is the first demand that fails.
    fn check<I: Copy + Eq>(&self, node: &RelNode<I>, values: &mut [Value<I>]) -> Result<(), Cause> {
        let operator = Operator::of(node.op);
        if !self.operators.contains(&operator) {
            return Err(Cause::Operator);
        }
        if let Some(slot) = self.binds {
            values[slot] = Value::Operator(operator);
        }
        for (at, test) in self.parts.iter().enumerate() {
            match (test, Operator::part(node.op, at)) {
                (Test::Any, _) => {}
                (test, Some(part)) if test.accepts(part.lift(), values) => {}
                _ => return Err(Cause::Part(at)),
            }
        }
        let fit = match &self.inputs {
            InputTests::All(Test::Any) => true,
            InputTests::All(test) => test.accepts(Value::Rels(node.inputs.iter().copied().collect()), values),
            InputTests::Fixed(tests) => {
                tests.len() == node.inputs.len()
                    && tests.iter().zip(&node.inputs).all(|(test, input)| test.accepts(Value::Rel(*input), values))
            }
        };
        if fit { Ok(()) } else { Err(Cause::Inputs) }
    }
}

struct Machine<'a, F: Forest, O> {
    forest: &'a F,
    observer: &'a mut O,
    steps: &'a [Step],
    nodes: SmallVec<[&'a RelNode<F::Id>; 4]>,
    values: SmallVec<[Value<F::Id>; 8]>,
    found: Vec<Bindings<F::Id>>,
}

impl Pattern {
    /// All ways to match a node of a relation.
    pub fn matches<F: Forest, O: RuleObserver<F::Id>>(
        &self,
        forest: &F,
        root: F::Id,
        node: &RelNode<F::Id>,
        observer: &mut O,
    ) -> Vec<Bindings<F::Id>> {
        let test = match &self.root {
            Root::Node(test) => test,
            Root::Scalar { operators, .. } => {
                let mut scalars = Vec::new();
                let terms = forest.terms();
                terms.scalars_of(node.op).into_iter().for_each(|scalar| parts(terms, scalar, &mut scalars));
                scalars.retain(|scalar| fits(terms, *scalar, operators));
                if scalars.is_empty() {
                    observer.mismatched(0, Cause::Operator, Found::Node(node));
                }
                let matches = scalars.into_iter().map(|scalar| self.matches_scalar(forest, node, scalar, observer));
                return matches.collect::<Vec<_>>().concat();
            }
        };
        if !test.operators.contains(&Operator::of(node.op)) {
            observer.mismatched(0, Cause::Operator, Found::Node(node));
            return Vec::new();
        }
        let mut values: SmallVec<[Value<F::Id>; 8]> = smallvec![Value::Unbound; self.slots];
        values[ROOT] = Value::Rel(root);
        if let Err(cause) = test.check(node, &mut values) {
            observer.mismatched(0, cause, Found::Node(node));
            return Vec::new();
        }
        let (steps, nodes) = (self.steps.as_slice(), smallvec![node]);
        let mut machine = Machine { forest, observer, steps, nodes, values, found: Vec::new() };
        machine.run(0);
        machine.found
    }

    /// All ways to match a scalar that is evaluated over the inputs of a node.
    pub fn matches_scalar<F: Forest, O: RuleObserver<F::Id>>(
        &self,
        forest: &F,
        node: &RelNode<F::Id>,
        scalar: ScalarId,
        observer: &mut O,
    ) -> Vec<Bindings<F::Id>> {
        let Root::Scalar { test, .. } = &self.root else { return Vec::new() };
        let mut values: SmallVec<[Value<F::Id>; 8]> = smallvec![Value::Unbound; self.slots];
        values[ROOT] = Value::Scalar(scalar);
        if !test.accepts(forest.terms(), scalar, &mut values) {
            observer.mismatched(0, Cause::Operands, Found::Conjunct(scalar));
            return Vec::new();
        }
        values[INPUTS] = Value::Rels(node.inputs.to_vec());
        let (steps, nodes) = (self.steps.as_slice(), smallvec![node]);
        let mut machine = Machine { forest, observer, steps, nodes, values, found: Vec::new() };
        machine.run(0);
        machine.found
    }

    /// The operators of which a node must have one.
    pub fn operators(&self) -> &[Operator] {
        match &self.root {
            Root::Node(test) => &test.operators,
            Root::Scalar { .. } => &WITH_SCALARS,
        }
    }

    /// What the pattern asks at a step, as the rule writes it; 0 for its root.
    pub fn text(&self, step: usize) -> &str {
        let below = step.checked_sub(1).and_then(|at| self.steps.get(at));
        match (&self.root, below) {
            (_, Some(step)) => step.text(),
            (Root::Node(NodeTest { text, .. }) | Root::Scalar { text, .. }, None) => text,
        }
    }
}

fn fits(terms: &Terms, scalar: ScalarId, operators: &[ScalarOperator]) -> bool {
    ScalarOperator::of(&terms.node(scalar).op).is_some_and(|operator| operators.contains(&operator))
}

/// A scalar's parts, then the scalar, each once.
fn parts(terms: &Terms, scalar: ScalarId, found: &mut Vec<ScalarId>) {
    if !found.contains(&scalar) {
        terms.node(scalar).args.iter().for_each(|arg| parts(terms, *arg, found));
        found.push(scalar);
    }
}

impl<F: Forest, O: RuleObserver<F::Id>> Machine<'_, F, O> {
    /// Takes the choices from a step on, in every way. A variable is bound at the same step in every
    /// run, and read at later ones only, so nothing needs to be undone.
    fn run(&mut self, at: usize) {
        let Some(step) = self.steps.get(at) else {
            self.observer.matched(&self.nodes);
            self.found.push(Bindings { values: self.values.clone() });
            return;
        };
        match step {
            Step::Node(source, test) => {
                let input = match source {
                    Source::Input(node, input) => self.nodes[*node].inputs.get(*input).copied(),
                    Source::Place(node, place) => match self.values[*place] {
                        Value::Count(Some(place)) => self.nodes[*node].inputs.get(place as usize).copied(),
                        _ => None,
                    },
                };
                let Some(input) = input else { return };
                let forest = self.forest;
                for node in forest.nodes(input) {
                    match test.check(node, &mut self.values) {
                        Ok(()) => {
                            self.nodes.push(node);
                            self.run(at + 1);
                            self.nodes.pop();
                        }
                        Err(cause) => self.observer.mismatched(at + 1, cause, Found::Node(node)),
                    }
                }
            }
            Step::Element { node, place, test, .. } => {
                let node = self.nodes[*node];
                if node.inputs.is_empty() {
                    self.observer.mismatched(at + 1, Cause::Element, Found::Nothing);
                }
                for (position, input) in node.inputs.iter().enumerate() {
                    self.values[*place] = Value::Count(Some(position as u64));
                    match test.accepts(Value::Rel(*input), &mut self.values) {
                        true => self.run(at + 1),
                        false => self.observer.mismatched(at + 1, Cause::Element, Found::Rel(*input)),
                    }
                }
            }
            Step::Conjunct { list, segment, place, taken, tests, .. } => {
                let terms = self.forest.terms();
                let operands: &[ScalarId] = match self.values[*list] {
                    Value::Predicates(list) => terms.predicates(list),
                    Value::Scalar(scalar) => &terms.node(scalar).args,
                    _ => return,
                };
                if segment.elements(operands).next().is_none() {
                    self.observer.mismatched(at + 1, Cause::Conjunct, Found::Nothing);
                }
                for (position, element) in segment.elements(operands).enumerate() {
                    let position = Value::Count(Some(position as u64));
                    if taken.iter().any(|taken| self.values[*taken] == position) {
                        continue;
                    }
                    self.values[*place] = position;
                    let mut tested = tests.iter().zip(element);
                    match tested.all(|(test, operand)| test.accepts(terms, *operand, &mut self.values)) {
                        true => self.run(at + 1),
                        false => self.observer.mismatched(at + 1, Cause::Conjunct, Found::Conjunct(element[0])),
                    }
                }
            }
        }
    }
}
