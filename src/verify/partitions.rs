//! What a physical alternative gives: its operator over each partition by itself, with inputs that stand as it
//! requires. Where it requires nothing, rows lie in any partition.

use smallvec::SmallVec;

use crate::expr::{BinaryOp, JoinKind, ScalarOp, Semantics};
use crate::term::interpret::{EvalError, Relation, Row, Tables, Value, interpret, run_operator};
use crate::term::{
    AggregatePhase, Alternative, AlternativeInput, AlternativeOp, ColumnsId, JoinKey, RelOp, Required, ScalarId,
    SortId, TermId, TermSortKey, Terms,
};
use crate::token::tokenize;

/// Two show what more would.
const PARTITIONS: usize = 2;

/// A physical operator in terms of logical ones.
pub(super) struct Operator {
    step: Step,
    /// What a hash join computes of every row of an input, whether it meets another row or not: as sort keys.
    hashed: Vec<SortId>,
    inputs: Vec<(Input, Required)>,
}

enum Step {
    /// On each partition.
    Each(RelOp),
    /// On all partitions together.
    Merging(RelOp),
    /// The lower half of an aggregate: what its states are is the engine's, so they are the rows themselves.
    Passing,
}

enum Input {
    Term(TermId),
    Inline(Operator),
}

impl Operator {
    /// The meaning of an alternative.
    ///
    /// # Errors
    /// Why there is no such operator.
    pub fn of(terms: &mut Terms, alternative: &Alternative<TermId>) -> Result<Operator, &'static str> {
        let mut hashed = Vec::new();
        let step = match alternative.op {
            AlternativeOp::Read(get) => Step::Each(RelOp::Get(get)),
            AlternativeOp::Empty(columns) => Step::Each(RelOp::Empty(columns)),
            AlternativeOp::Filter(on) => Step::Each(RelOp::Filter(on)),
            AlternativeOp::Project(projection) => Step::Each(RelOp::Project(projection)),
            AlternativeOp::HashJoin { kind, keys, residual, .. } => {
                let (count, rest) = (terms.keys(keys).len(), terms.predicates(residual).len());
                if count == 0 {
                    return Err("a hash table has a key");
                }
                if kind == JoinKind::NullAwareAnti && (count, rest) != (1, 0) {
                    return Err("a hash table tells of one key, and of nothing else, whether a null decides");
                }
                let equal = |terms: &mut Terms, (left, right): (ScalarId, ScalarId)| {
                    terms.scalar(ScalarOp::Binary(BinaryOp::Eq), [left, right])
                };
                let keys = terms.keys(keys).to_vec();
                for side in [|(left, _): &JoinKey| *left, |(_, right): &JoinKey| *right] {
                    let key = |pair| TermSortKey { scalar: side(pair), descending: false, nulls_first: false };
                    hashed.push(terms.intern_sort(keys.iter().map(key).collect()));
                }
                let mut on: Vec<ScalarId> = keys.into_iter().map(|pair| equal(terms, pair)).collect();
                on.extend(terms.predicates(residual).iter().copied());
                Step::Each(RelOp::Join(kind, terms.intern_predicates(on)))
            }
            AlternativeOp::NestedLoopJoin { kind, on } => Step::Each(RelOp::Join(kind, on)),
            AlternativeOp::MarkJoin { mark, on } => Step::Each(RelOp::MarkJoin(mark, on)),
            AlternativeOp::Window(window) => Step::Each(RelOp::Window(window)),
            AlternativeOp::Unnest(spec) => Step::Each(RelOp::Unnest(spec)),
            AlternativeOp::HashAggregate { phase: AggregatePhase::Partial, .. } => Step::Passing,
            AlternativeOp::HashAggregate { spec, .. } => Step::Each(RelOp::Aggregate(spec)),
            AlternativeOp::Sort { keys, fetch: None } => Step::Merging(RelOp::Sort(keys)),
            AlternativeOp::Sort { keys, fetch: Some(fetch) } => Step::Merging(RelOp::TopK { keys, offset: 0, fetch }),
            AlternativeOp::Limit { offset, fetch } => Step::Each(RelOp::Limit { offset, fetch }),
            AlternativeOp::Union(union) => Step::Each(RelOp::Union(union)),
            AlternativeOp::Extension(extension) => Step::Each(RelOp::Extension(extension)),
        };
        let inputs = alternative.inputs.iter().map(|(input, required)| {
            let input = match input {
                AlternativeInput::Class(term) => Input::Term(*term),
                AlternativeInput::Inline(inner) => Input::Inline(Operator::of(terms, inner)?),
            };
            Ok::<_, &'static str>((input, *required))
        });
        let inputs = inputs.collect::<Result<_, _>>()?;
        Ok(Operator { step, hashed, inputs })
    }

    /// One partition where an input must be in one, or where nothing is divided.
    fn partitions(&self, terms: &Terms) -> usize {
        let single = |required: &Required| match required {
            Required::Single => true,
            // Hashed by no column is single.
            Required::Hashed(columns) => terms.columns_of(*columns).is_empty(),
            Required::Any | Required::Replicated => false,
        };
        let divided = |required: &Required| *required != Required::Replicated;
        let mut all = self.inputs.iter().map(|(_, required)| required);
        let whole = all.clone().any(single) || !all.any(divided);
        if whole { 1 } else { PARTITIONS }
    }
}

/// Runs operators over some tables. Which partition a row lies in follows from a salt.
#[derive(Clone, Copy)]
pub(super) struct Machine<'a> {
    pub terms: &'a Terms,
    pub semantics: &'a Semantics,
    pub tables: &'a Tables,
    pub salt: u64,
}

impl Machine<'_> {
    /// The rows of all partitions.
    pub fn run(self, operator: &Operator) -> Result<Relation, EvalError> {
        Ok(together(self.partitions(operator)?))
    }

    fn partitions(self, operator: &Operator) -> Result<Vec<Relation>, EvalError> {
        let count = operator.partitions(self.terms);
        let mut inputs: Vec<Vec<Relation>> = Vec::new();
        for (at, (input, required)) in operator.inputs.iter().enumerate() {
            let relation = match input {
                Input::Term(term) => interpret(self.terms, *term, self.semantics, self.tables)?,
                Input::Inline(inner) => self.run(inner)?,
            };
            if let Some(keys) = operator.hashed.get(at) {
                run_operator(self.terms, RelOp::Sort(*keys), vec![relation.clone()], self.semantics, self.tables)?;
            }
            inputs.push(self.divided(relation, *required, count, at));
        }
        let run = |op, inputs| run_operator(self.terms, op, inputs, self.semantics, self.tables);
        match operator.step {
            Step::Each(op) => {
                let of = |partition: usize| inputs.iter().map(|input| input[partition].clone()).collect();
                (0..count).map(|partition| run(op, of(partition))).collect()
            }
            Step::Merging(op) => Ok(vec![run(op, inputs.into_iter().map(together).collect())?]),
            Step::Passing => Ok(inputs.into_iter().next().unwrap_or_default()),
        }
    }

    /// A relation in so many partitions, as it is required.
    fn divided(self, relation: Relation, required: Required, count: usize, input: usize) -> Vec<Relation> {
        if count == 1 || required == Required::Replicated {
            return vec![relation; count];
        }
        let empty = Relation { columns: relation.columns.clone(), rows: Vec::new() };
        let mut partitions = vec![empty; count];
        for (at, row) in relation.rows.into_iter().enumerate() {
            let hash = match required {
                Required::Hashed(columns) => {
                    tokenize(&(self.salt, key(self.terms, columns, &relation.columns, &row))).low_u64()
                }
                _ => tokenize(&(self.salt, input as u64, at as u64)).low_u64(),
            };
            partitions[(hash % count as u64) as usize].rows.push(row);
        }
        partitions
    }
}

/// What rows are hashed by: equal for values that are equal.
fn key(terms: &Terms, columns: ColumnsId, have: &[crate::term::ColumnId], row: &Row) -> Vec<String> {
    let value = |column| {
        let at = have.iter().position(|known| *known == column)?;
        Some(match &row[at] {
            Value::Float(_, zero) if *zero == 0.0 => "0".to_owned(),
            value => value.to_string(),
        })
    };
    let columns: SmallVec<[_; 4]> = terms.columns_of(columns).iter().copied().collect();
    columns.into_iter().map(|column| value(column).unwrap_or_default()).collect()
}

fn together(partitions: Vec<Relation>) -> Relation {
    let mut partitions = partitions.into_iter();
    let mut all = partitions.next().unwrap_or_default();
    partitions.for_each(|partition| all.rows.extend(partition.rows));
    all
}
