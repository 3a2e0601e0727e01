//! The normal forms and facts of terms, checked against the reference interpreter.
//!
//! A random scalar is evaluated twice over every small row: as terms keep it, in normal form, and
//! operator by operator, so that no normal form applies.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{BinaryOp, CoreFunctions, Literal, Scalar, ScalarOp};
use leafhold::leaf::{Leaf, Values};
use leafhold::term::interpret::{EvalError, Semantics, Tables, Value, interpret};
use leafhold::term::{ColumnId, ColumnSet, GetId, GetSpec, RelNode, RelOp, ScalarId, TermId, Terms};
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
    let constants = (-1i64..3).prop_map(|value| Scalar::literal(value));
    let integer = prop_oneof![
        3 => prop::sample::select(vec![A, B]).prop_map(Scalar::column),
        2 => constants,
        1 => Just(Scalar::literal(Literal::null(&DataType::Int64))),
    ];
    let truth = prop_oneof![
        3 => Just(Scalar::column(C)),
        1 => any::<bool>().prop_map(|value| Scalar::literal(value)),
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
