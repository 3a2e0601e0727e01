use std::fmt;
use std::sync::Arc;

use arrow_schema::DataType;

use super::expression::Expression;
use super::forest::{Forest, Plant};
use super::keeps::Keeps;
use super::observer::{Refusal, RuleObserver};
use super::operator::Operator;
use super::pattern::{Bindings, Pattern, ROOT, Root, Slot};
use super::phase::Phase;
use super::scalar_match::converted;
use super::scalar_operator::ScalarOperator;
use super::template::{PhysicalTemplate, Template};
use super::value::Value;
use crate::term::{Alternative, RelNode, ScalarId, Terms};
use crate::token::Token;

/// A term and what the rule makes of it, as texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The term.
    pub before: String,
    /// What it becomes.
    pub after: String,
}

/// A table of a rule's own examples: its name, and the name, type and nullability of each column.
pub(super) type ExampleTable = (String, Vec<(String, DataType, bool)>);

/// What a rule puts in the place of what it matched.
#[derive(Clone)]
pub(super) enum Replacement {
    Logical(Template),
    Physical(PhysicalTemplate),
    /// A scalar in the place of another one.
    Scalar(Expression),
}

/// A clause between the pattern and the right side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause<'a> {
    /// A `let`: the variable that it computes.
    Let(&'a str),
    /// An `if` or a `when`.
    Guard {
        /// Its place among the guards.
        at: usize,
        /// As it is written.
        text: &'a str,
        /// Whether it is an `if`.
        soundness: bool,
    },
}

/// A `let`, an `if` or a `when`, in written order.
#[derive(Clone)]
pub(super) enum Stage {
    Let(Slot, Expression),
    Guard { condition: Expression, text: String, soundness: bool },
}

/// A checked and compiled rule.
#[derive(Clone)]
pub struct Rule {
    pub(super) name: Arc<str>,
    pub(super) phase: Phase,
    pub(super) keeps: Keeps,
    pub(super) priority: i32,
    pub(super) doc: String,
    pub(super) file: Arc<str>,
    pub(super) line: usize,
    pub(super) source: String,
    pub(super) token: Token,
    pub(super) cites: Vec<String>,
    pub(super) tables: Vec<ExampleTable>,
    pub(super) examples: Vec<Example>,
    pub(super) nots: Vec<String>,
    pub(super) pattern: Pattern,
    pub(super) variables: Vec<String>,
    pub(super) stages: Vec<Stage>,
    pub(super) replacement: Replacement,
}

impl Rule {
    /// The name: a verb and what it is done to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, to keep.
    pub fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// When it is tried.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What stays equal.
    pub fn keeps(&self) -> Keeps {
        self.keeps
    }

    /// Rules of higher priority are tried first; 0 if the rule does not say.
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// Why it holds: the comment above it.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// The file that it stands in.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line where it begins, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The rule as it is written, without its law.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The identity of what it says: neither layout nor comments nor the file count.
    pub fn token(&self) -> Token {
        self.token
    }

    /// Where the law comes from: papers, books, other planners.
    pub fn cites(&self) -> &[String] {
        &self.cites
    }

    /// What it does, shown.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// Terms that it must leave alone.
    pub fn nots(&self) -> &[String] {
        &self.nots
    }

    /// The guards as written, in order; `true` for those of soundness (`if`).
    pub fn guards(&self) -> impl Iterator<Item = (&str, bool)> {
        self.stages.iter().filter_map(|stage| match stage {
            Stage::Guard { text, soundness, .. } => Some((text.as_str(), *soundness)),
            Stage::Let(..) => None,
        })
    }

    /// The clauses between pattern and right side, in written order: which of them are guards, by their place in
    /// [`Rule::guards`], and which variables the others compute.
    pub fn clauses(&self) -> impl Iterator<Item = Clause<'_>> {
        let mut guards = 0;
        self.stages.iter().map(move |stage| match stage {
            Stage::Let(slot, _) => Clause::Let(&self.variables[*slot]),
            Stage::Guard { text, soundness, .. } => {
                guards += 1;
                Clause::Guard { at: guards - 1, text, soundness: *soundness }
            }
        })
    }

    /// The operators of which a node must have one for the rule to match it: what a driver indexes rules by. For a
    /// rule rooted at a scalar, those that are given scalars.
    pub fn root_operators(&self) -> &[Operator] {
        self.pattern.operators()
    }

    /// Of a rule rooted at a scalar, the operators of which the scalar must have one; `None` for others.
    pub fn scalar_operators(&self) -> Option<&[ScalarOperator]> {
        match &self.pattern.root {
            Root::Scalar { operators, .. } => Some(operators),
            Root::Node(_) => None,
        }
    }

    /// The names of its variables, by their place in [`Bindings::values`]; empty for those that no rule can
    /// write. The first is `?root`, the whole match.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// What its pattern asks at a step, as it is written: 0 is the whole pattern, others as
    /// [`RuleObserver::mismatched`] counts them.
    pub fn pattern_text(&self, step: usize) -> &str {
        self.pattern.text(step)
    }

    /// The structural part: all ways in which the pattern fits a node of a relation.
    pub fn matches<F: Forest>(&self, forest: &F, root: F::Id, node: &RelNode<F::Id>) -> Vec<Bindings<F::Id>> {
        self.matches_observed(forest, root, node, &mut ())
    }

    /// As [`Rule::matches`], watched.
    pub fn matches_observed<F: Forest, O: RuleObserver<F::Id>>(
        &self,
        forest: &F,
        root: F::Id,
        node: &RelNode<F::Id>,
        observer: &mut O,
    ) -> Vec<Bindings<F::Id>> {
        self.pattern.matches(forest, root, node, observer)
    }

    /// As [`Rule::matches_observed`], of a rule rooted at a scalar: all ways in which the pattern fits one of the
    /// scalars that are evaluated over the inputs of a node. Whether there are any does not depend on the node.
    pub fn matches_scalar<F: Forest, O: RuleObserver<F::Id>>(
        &self,
        forest: &F,
        node: &RelNode<F::Id>,
        scalar: ScalarId,
        observer: &mut O,
    ) -> Vec<Bindings<F::Id>> {
        self.pattern.matches_scalar(forest, node, scalar, observer)
    }

    /// Evaluates guards and builds the right side. `None` when a guard says no, a computed part has
    /// no value, the result is the relation itself, or the rule is one of `implement`.
    pub fn apply<P: Plant>(&self, plant: &mut P, root: P::Id, mut bindings: Bindings<P::Id>) -> Option<P::Id> {
        self.apply_observed(plant, root, &mut bindings, &mut ()).ok()
    }

    /// As [`Rule::apply`], watched; the bindings take what the rule computes.
    ///
    /// # Errors
    /// Why the rule leaves the relation alone.
    pub fn apply_observed<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        root: P::Id,
        bindings: &mut Bindings<P::Id>,
        observer: &mut O,
    ) -> Result<P::Id, Refusal> {
        if let Replacement::Physical(_) = &self.replacement {
            return Err(Refusal::Phase);
        }
        self.prepare(plant, root, bindings, observer)?;
        observer.clause(self.stages.len());
        let built = match &self.replacement {
            Replacement::Logical(template) => template.build(plant, bindings, observer),
            Replacement::Scalar(value) => rewrite(plant, root, value, bindings, observer),
            Replacement::Physical(_) => None,
        };
        match built {
            Some(built) if built != root => Ok(built),
            Some(_) => Err(Refusal::Unchanged),
            None => Err(Refusal::Replacement),
        }
    }

    /// Evaluates guards and proposes a physical operator. `None` as for [`Rule::apply`].
    pub fn implement<P: Plant>(
        &self,
        plant: &mut P,
        root: P::Id,
        mut bindings: Bindings<P::Id>,
    ) -> Option<Alternative<P::Id>> {
        self.implement_observed(plant, root, &mut bindings, &mut ()).ok()
    }

    /// As [`Rule::implement`], watched; the bindings take what the rule computes.
    ///
    /// # Errors
    /// Why the rule leaves the relation alone.
    pub fn implement_observed<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        root: P::Id,
        bindings: &mut Bindings<P::Id>,
        observer: &mut O,
    ) -> Result<Alternative<P::Id>, Refusal> {
        let Replacement::Physical(template) = &self.replacement else { return Err(Refusal::Phase) };
        self.prepare(plant, root, bindings, observer)?;
        observer.clause(self.stages.len());
        template.build(plant, bindings, observer).ok_or(Refusal::Replacement)
    }

    /// The same rule without its `n`th soundness guard (`if`), counted from 0: what verification
    /// must be able to refute. `None` when there are fewer.
    pub fn without_guard(&self, n: usize) -> Option<Rule> {
        let guards = self.stages.iter().enumerate();
        let mut soundness = guards.filter(|(_, stage)| matches!(stage, Stage::Guard { soundness: true, .. }));
        let at = soundness.nth(n)?.0;
        let mut rule = self.clone();
        rule.stages.remove(at);
        Some(rule)
    }

    fn prepare<P: Plant, O: RuleObserver<P::Id>>(
        &self,
        plant: &mut P,
        root: P::Id,
        bindings: &mut Bindings<P::Id>,
        observer: &mut O,
    ) -> Result<(), Refusal> {
        if self.scalar_operators().is_none() {
            bindings.values[ROOT] = Value::Rel(root);
        }
        let mut guards = 0;
        for (at, stage) in self.stages.iter().enumerate() {
            observer.clause(at);
            match stage {
                Stage::Let(slot, value) => {
                    bindings.values[*slot] = value.evaluate(plant, bindings, observer).ok_or(Refusal::Let(at))?;
                }
                Stage::Guard { condition, .. } => {
                    if condition.evaluate(plant, bindings, observer) != Some(Value::Bool(true)) {
                        return Err(Refusal::Guard(guards));
                    }
                    guards += 1;
                }
            }
        }
        Ok(())
    }
}

/// A relation with another scalar in the place of the matched one, wherever a node has that. `None` where the
/// new one has no value, or is of another type.
fn rewrite<P: Plant, O: RuleObserver<P::Id>>(
    plant: &mut P,
    root: P::Id,
    value: &Expression,
    bindings: &Bindings<P::Id>,
    observer: &mut O,
) -> Option<P::Id> {
    let (Value::Scalar(from), Value::Scalar(to)) = (&bindings.values[ROOT], value.evaluate(plant, bindings, observer)?)
    else {
        return None;
    };
    let to = of_type(plant.terms_mut(), to, *from)?;
    let nodes = plant.nodes(root).to_vec();
    let changed = nodes.into_iter().find_map(|node| {
        let op = plant.terms_mut().replace_scalar(node.op, *from, to);
        (op != node.op).then_some((op, node.inputs))
    });
    match changed {
        Some((op, inputs)) => Some(plant.plant(op, inputs.into_iter().collect())),
        None => Some(root),
    }
}

/// The scalar, if it is of the type of another one. A constant takes that type, where nothing is lost.
fn of_type(terms: &mut Terms, scalar: ScalarId, like: ScalarId) -> Option<ScalarId> {
    let wanted = terms.scalar_facts(like).data_type.clone();
    if terms.scalar_facts(scalar).data_type == wanted {
        return Some(scalar);
    }
    let literal = converted(terms.as_literal(scalar)?, &wanted)?;
    Some(terms.literal(literal))
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("name", &self.name).field("phase", &self.phase).finish_non_exhaustive()
    }
}
