//! The normal forms and facts of terms, checked against the reference interpreter.
//!
//! What is proved of a random plan must hold of its result. A random scalar is evaluated twice over every small row: as terms keep it, in normal form, and
//! operator by operator, so that no normal form applies.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{
    AggregateCall, AggregateFunction, BinaryOp, CoreFunctions, JoinKind, Literal, Scalar, ScalarOp, Semantics,
};
use leafhold::leaf::{Leaf, Values};
use leafhold::term::interpret::{EvalError, Tables, Value, interpret, table};
use leafhold::term::{
    AggregateSpec, ColumnId, ColumnSet, GetId, GetSpec, RelNode, RelOp, ScalarId, TermId, Terms, UnionSpec,
};
use proptest::prelude::*;

type Tree = Scalar<ColumnId>;

const A: ColumnId = ColumnId(0);
const B: ColumnId = ColumnId(1);
const C: ColumnId = ColumnId(2);

/// Terms with `a` and `b`, nullable integers, and `c`, a nullable boolean.
fn terms() -> Terms {
    let mut terms = Terms::new(Arc::new(CoreFunctions));
    assert_eq!(terms.add_column("a", DataType::Int64, true), A);
    assert_eq!(terms.add_column("b", DataType::Int64, true), B);
    assert_eq!(terms.add_column("c", DataType::Boolean, true), C);
    terms
}

/// Every row over {null, 0, 1, 2} and {null, false, true}.
fn rows() -> Vec<Vec<Value>> {
    let ints = || [None, Some(0i64), Some(1), Some(2)].map(Value::from);
    let truths = || [None, Some(false), Some(true)].map(Value::from);
    let mut rows = Vec::new();
    for a in ints() {
        for b in ints() {
            rows.extend(truths().map(|c| vec![a.clone(), b.clone(), c]));
        }
    }
    rows
}

/// A term that computes one scalar over given columns.
fn computes(terms: &mut Terms, columns: Vec<ColumnId>, scalar: ScalarId) -> (TermId, GetId) {
    let fields = columns.iter().map(|column| {
        let info = terms.column(*column);
        Field::new(&*info.name, info.data_type.clone(), true)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let get = terms.add_get(GetSpec { leaf: Leaf::Values(Values::empty(schema)), index: 0, columns });
    let input = terms.add(RelNode::new(RelOp::Get(get), []));
    let kind = terms.scalar_facts(scalar).data_type.clone();
    let column = terms.add_column("computed", kind, true);
    let projection = terms.intern_projection(vec![(column, scalar)]);
    (terms.add(RelNode::new(RelOp::Project(projection), [input])), get)
}

fn value(terms: &Terms, (term, get): (TermId, GetId), row: Vec<Value>) -> Result<Value, EvalError> {
    let tables = Tables::new().with_table(get, vec![row]);
    interpret(terms, term, &Semantics::default(), &tables).map(|mut result| result.rows.remove(0).remove(0))
}

/// One operator over columns of its own, and its operands.
struct Step {
    term: (TermId, GetId),
    data_type: DataType,
    args: Vec<Step>,
    leaf: Option<ColumnId>,
}

impl Step {
    fn new(terms: &mut Terms, tree: &Tree) -> Step {
        let args: Vec<Step> = tree.args.iter().map(|arg| Step::new(terms, arg)).collect();
        let columns: Vec<_> = args.iter().map(|arg| terms.add_column("arg", arg.data_type.clone(), true)).collect();
        let operands = columns.iter().map(|column| terms.column_scalar(*column)).collect::<Vec<_>>();
        let scalar = terms.scalar(tree.op.clone(), operands);
        let data_type = terms.scalar_facts(scalar).data_type.clone();
        let leaf = match tree.op {
            ScalarOp::Column(column) => Some(column),
            _ => None,
        };
        let columns = leaf.map_or(columns, |column| vec![column]);
        Step { term: computes(terms, columns, scalar), data_type, args, leaf }
    }

    fn value(&self, terms: &Terms, row: &[Value]) -> Result<Value, EvalError> {
        if let Some(column) = self.leaf {
            return Ok(row[column.0 as usize].clone());
        }
        let args = self.args.iter().map(|arg| arg.value(terms, row)).collect::<Result<_, _>>()?;
        value(terms, self.term, args)
    }
}

fn integers_and_truths(depth: u32) -> (BoxedStrategy<Tree>, BoxedStrategy<Tree>) {
    let constants = (-1i64..3).prop_map(Scalar::literal);
    let integer = prop_oneof![
        3 => prop::sample::select(vec![A, B]).prop_map(Scalar::column),
        2 => constants,
        1 => Just(Scalar::literal(Literal::null(&DataType::Int64))),
    ];
    let truth = prop_oneof![
        3 => Just(Scalar::column(C)),
        1 => any::<bool>().prop_map(Scalar::literal),
        1 => Just(Scalar::literal(Literal::null(&DataType::Boolean))),
    ];
    if depth == 0 {
        return (integer.boxed(), truth.boxed());
    }
    let (i, t) = integers_and_truths(depth - 1);
    let arithmetic = prop::sample::select(vec![BinaryOp::Plus, BinaryOp::Minus, BinaryOp::Multiply, BinaryOp::Divide]);
    let comparison: Vec<_> = BinaryOp::ALL.into_iter().filter(|op| op.is_comparison()).collect();
    let unary = vec![ScalarOp::Not, ScalarOp::IsTrue, ScalarOp::IsNull, ScalarOp::IsNotNull];
    let integers = prop_oneof![
        2 => integer,
        3 => (arithmetic, i.clone(), i.clone()).prop_map(|(op, a, b)| Scalar::binary(op, a, b)),
        1 => i.clone().prop_map(|a| Scalar::new(ScalarOp::Negate, [a])),
        2 => (t.clone(), i.clone(), i.clone()).prop_map(|(when, then, otherwise)| {
            Scalar::new(ScalarOp::Case { operand: false, otherwise: true }, [when, then, otherwise])
        }),
        1 => (i.clone(), i.clone(), i.clone()).prop_map(|(of, when, then)| {
            Scalar::new(ScalarOp::Case { operand: true, otherwise: false }, [of, when, then])
        }),
    ];
    let truths = prop_oneof![
        1 => truth,
        4 => (prop::sample::select(comparison), i.clone(), i.clone()).prop_map(|(op, a, b)| Scalar::binary(op, a, b)),
        2 => prop::collection::vec(t.clone(), 0..4).prop_map(|args| Scalar::new(ScalarOp::And, args)),
        2 => prop::collection::vec(t.clone(), 0..4).prop_map(|args| Scalar::new(ScalarOp::Or, args)),
        3 => (prop::sample::select(unary), t).prop_map(|(op, a)| Scalar::new(op, [a])),
        1 => i.clone().prop_map(|a| Scalar::new(ScalarOp::IsNull, [a])),
        1 => (any::<bool>(), prop::collection::vec(i.clone(), 1..4))
            .prop_map(|(negated, args)| Scalar::new(ScalarOp::InList { negated }, args)),
        1 => (any::<bool>(), i.clone(), i.clone(), i)
            .prop_map(|(negated, a, b, c)| Scalar::new(ScalarOp::Between { negated }, [a, b, c])),
    ];
    (integers.boxed(), truths.boxed())
}

fn tree() -> impl Strategy<Value = Tree> {
    let (integers, truths) = integers_and_truths(3);
    prop_oneof![1 => integers, 3 => truths]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn normal_forms_keep_values_and_add_no_errors(tree in tree()) {
        let mut terms = terms();
        let scalar = terms.intern_scalar(&tree);
        let normal = computes(&mut terms, vec![A, B, C], scalar);
        let steps = Step::new(&mut terms, &tree);
        for row in rows() {
            // Where a step fails, the whole may fail or have known without it.
            if let Ok(expected) = steps.value(&terms, &row) {
                let found = value(&terms, normal, row.clone());
                prop_assert_eq!(found, Ok(expected), "{} became {} over {:?}", &tree, terms.tree(scalar), row);
            }
        }
    }

    #[test]
    fn facts_of_scalars_are_sound(tree in tree()) {
        let mut terms = terms();
        let scalar = terms.intern_scalar(&tree);
        let term = computes(&mut terms, vec![A, B, C], scalar);
        let facts = terms.scalar_facts(scalar).clone();
        let rejected = terms.rejects_null(scalar);
        for row in rows() {
            let found = value(&terms, term, row.clone());
            let Ok(found) = found else {
                prop_assert!(facts.can_fail, "{} cannot fail, yet {:?} over {:?}", &tree, found, row);
                continue;
            };
            let null = |column: ColumnId| row[column.0 as usize].is_null();
            if rejected.iter().any(null) {
                prop_assert_ne!(found.as_bool(), Some(true), "{} does not reject the nulls of {:?}", &tree, row);
            }
            let not_null: ColumnSet = [A, B, C].into_iter().filter(|column| !null(*column)).collect();
            if terms.never_null(scalar, &not_null) {
                prop_assert!(!found.is_null(), "{} is null over {:?}", &tree, row);
            }
            if !facts.nullable {
                prop_assert!(!found.is_null(), "{} is null over {:?}", &tree, row);
            }
        }
    }
}

// ---- relations -----------------------------------------------------------------------------

/// Small numbers that a random plan is drawn from; zeros when they run out.
struct Choices(std::vec::IntoIter<u8>);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % bound.max(1)
    }

    fn of(&mut self, columns: &[ColumnId]) -> ColumnId {
        columns[self.below(columns.len())]
    }
}

/// A random plan over tiny tables of nullable integers; every term on the way is in the list.
fn plan(terms: &mut Terms, choices: &mut Choices) -> Vec<TermId> {
    let outputs = |terms: &Terms, term: TermId| terms.facts(term).outputs.iter().collect::<Vec<_>>();
    let (mut made, mut stack) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let choice = choices.below(16);
        let input = match choice {
            0..4 => None,
            _ => stack.pop(),
        };
        let Some(input) = input else {
            let columns = &[("x", DataType::Int64), ("y", DataType::Int64)][..1 + choices.below(2)];
            let mut row = || columns.iter().map(|_| [None, Some(0i64), Some(1)][choices.below(3)].into()).collect();
            let rows = (0..4).map(|_| row()).collect::<Vec<_>>();
            let rows = rows.into_iter().skip(choices.below(5)).collect();
            let (mut term, _) = table(terms, "t", columns, rows).unwrap();
            if choices.below(2) == 0 {
                // So that there is a key.
                term = terms.add(RelNode::new(RelOp::Distinct, [term]));
            }
            made.push(term);
            stack.push(term);
            continue;
        };
        let columns = outputs(terms, input);
        let column = choices.of(&columns);
        let scalar = terms.column_scalar(column);
        let term = match (choice, stack.pop()) {
            (4..9, Some(left)) => {
                let lefts = outputs(terms, left);
                let (a, b) = (terms.column_scalar(choices.of(&lefts)), scalar);
                let op = [BinaryOp::Eq, BinaryOp::Eq, BinaryOp::LtEq, BinaryOp::IsNotDistinctFrom][choices.below(4)];
                let on = terms.scalar(ScalarOp::Binary(op), [a, b]);
                if choice == 8 {
                    terms.join_set([left, input], [on])
                } else {
                    let on = terms.intern_predicates([on]);
                    let kind = JoinKind::ALL[choices.below(7)];
                    terms.add(RelNode::new(RelOp::Join(kind, on), [left, input]))
                }
            }
            (9, Some(other)) => {
                let others = outputs(terms, other);
                let inputs = vec![vec![choices.of(&others)], vec![column]];
                let output = vec![terms.add_column("u", DataType::Int64, true)];
                let union = terms.intern_union(UnionSpec { output, inputs });
                terms.add(RelNode::new(RelOp::Union(union), [other, input]))
            }
            (choice, other) => {
                stack.extend(other);
                match choice {
                    4 | 9 => terms.add(RelNode::new(RelOp::Distinct, [input])),
                    5 | 10 | 11 => {
                        let one = terms.literal(1i64);
                        let test = match choices.below(4) {
                            0 => terms.scalar(ScalarOp::IsNotNull, [scalar]),
                            1 => terms.scalar(ScalarOp::IsNull, [scalar]),
                            2 => terms.scalar(ScalarOp::Binary(BinaryOp::LtEq), [scalar, one]),
                            _ => {
                                let other = terms.column_scalar(choices.of(&columns));
                                terms.scalar(ScalarOp::Binary(BinaryOp::Eq), [scalar, other])
                            }
                        };
                        terms.filter(input, [test])
                    }
                    6 | 12 => {
                        let group = columns.iter().copied().filter(|_| choices.below(2) == 0).collect();
                        let calls = [
                            AggregateCall::new(AggregateFunction::Count, [Scalar::column(column)]),
                            AggregateCall::new(AggregateFunction::Sum, [Scalar::column(column)]),
                        ];
                        let aggregates = calls.map(|call| {
                            let call = terms.intern_call(&call);
                            (terms.add_column("agg", DataType::Int64, true), call)
                        });
                        let spec = terms.intern_aggregate(AggregateSpec { group, aggregates: aggregates.to_vec() });
                        terms.add(RelNode::new(RelOp::Aggregate(spec), [input]))
                    }
                    7 | 13 => {
                        let fetch = Some(choices.below(3) as u64);
                        terms.add(RelNode::new(RelOp::Limit { offset: choices.below(2) as u64, fetch }, [input]))
                    }
                    _ => {
                        let mut computed: Vec<_> = columns
                            .iter()
                            .filter(|_| choices.below(3) > 0)
                            .map(|column| (*column, terms.column_scalar(*column)))
                            .collect();
                        let other = terms.column_scalar(choices.of(&columns));
                        let scalar = match choices.below(3) {
                            0 => scalar,
                            1 => terms.scalar(ScalarOp::Binary(BinaryOp::Plus), [scalar, other]),
                            _ => terms.literal(7i64),
                        };
                        computed.push((terms.add_column("p", DataType::Int64, true), scalar));
                        let projection = terms.intern_projection(computed);
                        terms.add(RelNode::new(RelOp::Project(projection), [input]))
                    }
                }
            }
        };
        made.push(term);
        stack.push(term);
    }
    made
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn facts_of_relations_are_sound(choices in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut terms = Terms::new(Arc::new(CoreFunctions));
        for term in plan(&mut terms, &mut Choices(choices.into_iter())) {
            let relation = interpret(&terms, term, &Semantics::default(), &Tables::new()).unwrap();
            let facts = terms.facts(term);
            let about = format!("{:?} over\n{relation}has {facts:?}", terms.term(term));
            prop_assert_eq!(relation.columns.iter().copied().collect::<ColumnSet>(), facts.outputs.clone(), "{}", &about);
            prop_assert!(facts.max_rows.is_none_or(|rows| relation.rows.len() as u64 <= rows), "{}", &about);
            for column in facts.not_null.iter() {
                let values = relation.select(&[column]).unwrap().rows;
                prop_assert!(values.iter().all(|row| !row[0].is_null()), "{} is null: {}", column, &about);
            }
            for key in &facts.keys {
                let mut values = relation.select(&key.iter().collect::<Vec<_>>()).unwrap().rows;
                values.sort();
                prop_assert!(values.windows(2).all(|pair| pair[0] != pair[1]), "{:?} is no key: {}", key, &about);
            }
        }
    }
}
