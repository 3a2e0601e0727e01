//! The classic traps of SQL, pinned on the reference interpreter.

use std::sync::Arc;

use arrow_schema::DataType;
use leafhold::expr::{
    AggregateCall, AggregateFunction, BinaryOp, CoreFunctions, FunctionInfo, JoinKind, Literal, Scalar, ScalarOp,
    Volatility,
};
use leafhold::expr::{DataTypeKey, Functions};
use leafhold::term::interpret::{
    Equivalence, EvalError, FloatEquality, Overflow, Relation, Row, RowOrder, Semantics, Tables, Value, Verdict,
    interpret, is_sorted, preserves, table,
};
use leafhold::term::{AggregateSpec, ColumnId, RelNode, RelOp, ScalarId, TermId, TermSortKey, Terms, UnionSpec};

type Tree = Scalar<ColumnId>;

/// A query under construction: tables of nullable integers unless said otherwise.
struct Query {
    terms: Terms,
    semantics: Semantics,
    tables: Tables,
}

fn ints<const N: usize>(rows: impl IntoIterator<Item = [Option<i64>; N]>) -> Vec<Row> {
    rows.into_iter().map(|row| row.into_iter().map(Value::from).collect()).collect()
}

fn binary(op: BinaryOp, a: Tree, b: Tree) -> Tree {
    Scalar::binary(op, a, b)
}

fn eq(a: ColumnId, b: ColumnId) -> Tree {
    binary(BinaryOp::Eq, Scalar::column(a), Scalar::column(b))
}

fn int(value: i64) -> Tree {
    Scalar::literal(value)
}

fn null(kind: DataType) -> Tree {
    Scalar::literal(Literal::null(&kind))
}

impl Query {
    fn new() -> Self {
        Query::over(CoreFunctions)
    }

    fn over(functions: impl Functions + 'static) -> Self {
        Query { terms: Terms::new(Arc::new(functions)), semantics: Semantics::default(), tables: Tables::new() }
    }

    fn ints<const N: usize>(
        &mut self,
        names: [&str; N],
        rows: impl IntoIterator<Item = [Option<i64>; N]>,
    ) -> (TermId, [ColumnId; N]) {
        let columns: Vec<_> = names.iter().map(|name| (*name, DataType::Int64)).collect();
        let (term, ids) = table(&mut self.terms, "t", &columns, ints(rows)).unwrap();
        (term, ids.try_into().unwrap())
    }

    fn column<T: Into<Value>>(&mut self, kind: DataType, values: Vec<T>) -> (TermId, ColumnId) {
        let rows = values.into_iter().map(|value| vec![value.into()]).collect();
        let (term, ids) = table(&mut self.terms, "t", &[("x", kind)], rows).unwrap();
        (term, ids[0])
    }

    fn intern(&mut self, tree: &Tree) -> ScalarId {
        self.terms.intern_scalar(tree)
    }

    fn filter(&mut self, input: TermId, predicate: Tree) -> TermId {
        let predicate = self.intern(&predicate);
        self.terms.filter(input, [predicate])
    }

    fn join(&mut self, kind: JoinKind, left: TermId, right: TermId, on: Tree) -> TermId {
        let on = self.intern(&on);
        let on = self.terms.intern_predicates([on]);
        self.terms.add(RelNode::new(RelOp::Join(kind, on), [left, right]))
    }

    fn aggregate(&mut self, input: TermId, group: Vec<ColumnId>, calls: Vec<AggregateCall<ColumnId>>) -> TermId {
        let aggregates = calls.iter().enumerate().map(|(at, call)| {
            let call = self.terms.intern_call(call);
            let types: Vec<_> = call.args.iter().map(|arg| self.terms.scalar_facts(*arg).data_type.clone()).collect();
            let kind = self.terms.functions().aggregate_type(&call.function, &types).unwrap();
            (self.terms.add_column(&format!("agg{at}"), kind, true), call)
        });
        let spec = AggregateSpec { group, aggregates: aggregates.collect() };
        let spec = self.terms.intern_aggregate(spec);
        self.terms.add(RelNode::new(RelOp::Aggregate(spec), [input]))
    }

    fn sort_key(&mut self, column: ColumnId, descending: bool, nulls_first: bool) -> TermSortKey {
        TermSortKey { scalar: self.terms.column_scalar(column), descending, nulls_first }
    }

    fn run(&self, term: TermId) -> Result<Relation, EvalError> {
        interpret(&self.terms, term, &self.semantics, &self.tables)
    }

    /// The rows as text, in their order.
    fn rows(&self, term: TermId) -> Vec<String> {
        let relation = self.run(term).unwrap();
        relation.rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")).collect()
    }

    /// The rows as text, sorted.
    fn bag(&self, term: TermId) -> Vec<String> {
        let mut rows = self.rows(term);
        rows.sort();
        rows
    }

    /// The value of a scalar over one row of no columns, as text.
    fn value(&mut self, tree: Tree) -> Result<Value, EvalError> {
        let (unit, _) = table(&mut self.terms, "unit", &[], vec![vec![]]).unwrap();
        let scalar = self.intern(&tree);
        let facts = self.terms.scalar_facts(scalar).clone();
        let column = self.terms.add_column("value", facts.data_type, true);
        let projection = self.terms.intern_projection(vec![(column, scalar)]);
        let term = self.terms.add(RelNode::new(RelOp::Project(projection), [unit]));
        self.run(term).map(|mut relation| relation.rows.remove(0).remove(0))
    }
}

fn call(function: AggregateFunction, of: ColumnId) -> AggregateCall<ColumnId> {
    AggregateCall::new(function, [Scalar::column(of)])
}

// ---- joins ---------------------------------------------------------------------------------

#[test]
fn every_join_kind_over_nulls_and_duplicates() {
    let expected: [(JoinKind, &[&str]); 7] = [
        (JoinKind::Inner, &["1 1", "1 1"]),
        (JoinKind::Left, &["1 1", "1 1", "2 null", "null null"]),
        (JoinKind::Right, &["1 1", "1 1", "null 3", "null null"]),
        (JoinKind::Full, &["1 1", "1 1", "2 null", "null 3", "null null", "null null"]),
        (JoinKind::Semi, &["1"]),
        (JoinKind::Anti, &["2", "null"]),
        (JoinKind::NullAwareAnti, &[]),
    ];
    for (kind, rows) in expected {
        let mut query = Query::new();
        let (t, [a]) = query.ints(["a"], [[Some(1)], [Some(2)], [None]]);
        let (u, [x]) = query.ints(["x"], [[Some(1)], [Some(1)], [Some(3)], [None]]);
        let join = query.join(kind, t, u, eq(a, x));
        assert_eq!(query.bag(join), rows, "{kind}");
    }
}

#[test]
fn not_in_keeps_nothing_beside_a_null_and_everything_beside_nothing() {
    let not_in = |values: Vec<[Option<i64>; 1]>| {
        let mut query = Query::new();
        let (t, [a]) = query.ints(["a"], [[Some(1)], [Some(2)], [None]]);
        let (u, [x]) = query.ints(["x"], values);
        let join = query.join(JoinKind::NullAwareAnti, t, u, eq(a, x));
        query.bag(join)
    };
    assert_eq!(not_in(vec![]), ["1", "2", "null"], "over nothing, even null is not in");
    assert_eq!(not_in(vec![[Some(1)]]), ["2"], "null is not sure");
    assert_eq!(not_in(vec![[None]]), [""; 0]);
    assert_eq!(not_in(vec![[Some(1)], [None]]), [""; 0]);
}

#[test]
fn not_in_list_follows_the_same_three_values() {
    let value = |first: Tree, list: Vec<Tree>, negated| {
        let args: Vec<_> = std::iter::once(first).chain(list).collect();
        Query::new().value(Scalar::new(ScalarOp::InList { negated }, args)).unwrap()
    };
    let nothing = || null(DataType::Int64);
    assert_eq!(value(int(1), vec![int(1), nothing()], false), Value::from(true));
    assert_eq!(value(int(1), vec![int(1), nothing()], true), Value::from(false));
    assert_eq!(value(int(1), vec![int(2), nothing()], false), Value::Null);
    assert_eq!(value(int(1), vec![int(2), nothing()], true), Value::Null);
    assert_eq!(value(int(1), vec![int(2)], true), Value::from(true));
    assert_eq!(value(nothing(), vec![int(2)], true), Value::Null);
}

#[test]
fn a_join_set_is_the_filtered_product() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(1)], [Some(2)], [None]]);
    let (u, [x]) = query.ints(["x"], [[Some(1)], [Some(2)]]);
    let (v, [d]) = query.ints(["d"], [[Some(2)], [Some(2)], [None]]);
    let on: Vec<_> = [eq(a, x), eq(x, d)].iter().map(|on| query.intern(on)).collect();
    let set = query.terms.join_set([t, u, v], on);
    assert_eq!(query.bag(set), ["2 2 2", "2 2 2"]);
    let product = query.terms.join_set([t, u], []);
    assert_eq!(query.run(product).unwrap().rows.len(), 6);
}

#[test]
fn a_conjunct_that_can_fail_reads_only_rows_that_are_there() {
    // 1 / x fails for x = 0, but no row with that x survives the rest of the join.
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(1)]]);
    let (u, [x]) = query.ints(["x"], [[Some(0)], [Some(1)]]);
    let (nothing, [_d]) = query.ints(["d"], []);
    let quotient = binary(BinaryOp::Divide, int(1), Scalar::column(x));
    let fails = binary(BinaryOp::Eq, quotient, Scalar::column(a));
    let both: Vec<_> = [fails.clone(), eq(a, x)].iter().map(|on| query.intern(on)).collect();
    let fails = query.intern(&fails);
    let mut join_set = |on: Vec<ScalarId>, inputs: &[TermId]| {
        let on = query.terms.intern_predicates(on);
        let set = query.terms.add(RelNode::new(RelOp::JoinSet(on), inputs.iter().copied()));
        query.run(set).map(|relation| relation.rows.len())
    };
    assert_eq!(join_set(both, &[t, u]), Ok(1));
    assert_eq!(join_set(vec![fails], &[t, u, nothing]), Ok(0));
    assert!(matches!(join_set(vec![fails], &[t, u]), Err(EvalError::DivisionByZero { .. })));
}

// ---- aggregates ----------------------------------------------------------------------------

#[test]
fn count_over_the_null_row_of_an_outer_join() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(1)], [Some(2)]]);
    let (u, [x]) = query.ints(["x"], [[Some(1)], [Some(1)]]);
    let join = query.join(JoinKind::Left, t, u, eq(a, x));
    let calls = vec![call(AggregateFunction::Count, x), AggregateCall::new(AggregateFunction::Count, [])];
    let counts = query.aggregate(join, vec![a], calls);
    // Of the row without a match, count(x) is 0 and count(*) is 1.
    assert_eq!(query.bag(counts), ["1 2 2", "2 0 1"]);
}

#[test]
fn a_global_aggregate_over_nothing_yields_a_row_and_a_grouped_one_does_not() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], []);
    use AggregateFunction::*;
    let calls = || [Count, Sum, Min, Max, Avg].map(|function| call(function, a)).to_vec();
    let global = query.aggregate(t, vec![], calls());
    let grouped = query.aggregate(t, vec![a], calls());
    assert_eq!(query.rows(global), ["0 null null null null"]);
    assert_eq!(query.rows(grouped), [""; 0]);
}

#[test]
fn aggregates_ignore_nulls_and_heed_distinct_and_filter() {
    let mut query = Query::new();
    let (t, [a, b]) =
        query.ints(["a", "b"], [[Some(3), Some(1)], [Some(3), Some(1)], [Some(4), None], [None, Some(1)]]);
    use AggregateFunction::*;
    let where_b = binary(BinaryOp::Eq, Scalar::column(b), int(1));
    let calls = vec![
        call(Sum, a),
        call(Sum, a).distinct(),
        call(Avg, a),
        call(Count, a).distinct(),
        call(Sum, a).filter(where_b),
        call(Min, a),
        call(Max, a),
    ];
    let result = query.aggregate(t, vec![], calls);
    assert_eq!(query.rows(result), ["10 7 3.3333333333333335 2 6 3 4"]);
}

#[test]
fn nulls_are_one_group() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[None], [Some(1)], [None]]);
    let groups = query.aggregate(t, vec![a], vec![AggregateCall::new(AggregateFunction::Count, [])]);
    assert_eq!(query.bag(groups), ["1 1", "null 2"]);
    let distinct = query.terms.add(RelNode::new(RelOp::Distinct, [t]));
    assert_eq!(query.bag(distinct), ["1", "null"]);
}

#[test]
fn sums_and_means_of_decimals_have_their_own_types() {
    let mut query = Query::new();
    let price = |cents| Value::decimal(cents, 12, 2);
    let (t, x) = query.column(DataType::Decimal128(12, 2), vec![price(100), price(100), price(201)]);
    let calls = vec![call(AggregateFunction::Sum, x), call(AggregateFunction::Avg, x)];
    let result = query.aggregate(t, vec![], calls);
    let row = query.run(result).unwrap().rows.remove(0);
    // The mean, 1.336666.., is cut off, not rounded.
    assert_eq!(row, [Value::decimal(401, 22, 2), Value::decimal(1_336_666, 16, 6)]);
}

#[test]
fn the_mean_of_integers_is_a_float_and_their_sum_is_wide() {
    let mut query = Query::new();
    let (t, x) = query.column(DataType::Int32, vec![i32::MAX, i32::MAX]);
    let calls = vec![call(AggregateFunction::Sum, x), call(AggregateFunction::Avg, x)];
    let result = query.aggregate(t, vec![], calls);
    let row = query.run(result).unwrap().rows.remove(0);
    assert_eq!(row, [Value::from(2 * i64::from(i32::MAX)), Value::from(f64::from(i32::MAX))]);
}

// ---- floats --------------------------------------------------------------------------------

#[test]
fn zeros_and_nans_group() {
    let quiet = f64::from_bits(0x7ff8_0000_0000_0001);
    for (float_equality, groups) in [(FloatEquality::TotalOrder, 3), (FloatEquality::Ieee, 2)] {
        let mut query = Query::new();
        query.semantics.float_equality = float_equality;
        let (t, x) = query.column(DataType::Float64, vec![0.0, -0.0, f64::NAN, f64::NAN, quiet]);
        let count = query.aggregate(t, vec![x], vec![AggregateCall::new(AggregateFunction::Count, [])]);
        let rows = query.run(count).unwrap().rows;
        assert_eq!(rows.len(), groups, "{float_equality:?}");
        assert_eq!(rows[0], [Value::from(0.0), Value::from(2i64)]);
    }
}

#[test]
fn floats_compare_as_the_semantics_say() {
    use BinaryOp::*;
    let nan = || Scalar::literal(f64::NAN);
    let (one, zero, minus) = (|| Scalar::literal(1.0), || Scalar::literal(0.0), || Scalar::literal(-0.0));
    let cases = [
        (Eq, nan(), nan(), true, false),
        (NotEq, nan(), nan(), false, true),
        (Lt, one(), nan(), true, false),
        (GtEq, nan(), one(), true, false),
        (Eq, zero(), minus(), true, true),
        (Lt, minus(), zero(), false, false),
        (IsNotDistinctFrom, zero(), minus(), true, true),
    ];
    for (op, a, b, total, ieee) in cases {
        for (float_equality, expected) in [(FloatEquality::TotalOrder, total), (FloatEquality::Ieee, ieee)] {
            let mut query = Query::new();
            query.semantics.float_equality = float_equality;
            let value = query.value(binary(op, a.clone(), b.clone())).unwrap();
            assert_eq!(value, Value::from(expected), "{a} {} {b} under {float_equality:?}", op.symbol());
        }
    }
}

/// The normal form of `not (a < b)` is `a >= b` only where one of the two holds.
#[test]
fn what_is_not_below_may_be_no_number() {
    use BinaryOp::*;
    let nan = || Scalar::literal(f64::NAN);
    let one = || Scalar::literal(1.0);
    let not = |tree: Tree| Scalar::new(ScalarOp::Not, [tree]);
    let between = || Scalar::new(ScalarOp::Between { negated: true }, [nan(), one(), one()]);
    for float_equality in [FloatEquality::TotalOrder, FloatEquality::Ieee] {
        let semantics = Semantics { float_equality, ..Semantics::default() };
        for op in [Lt, LtEq, Gt, GtEq, Eq, NotEq] {
            let value = |tree| {
                let mut query = Query::new();
                query.terms = Terms::new(Arc::new(CoreFunctions)).with_semantics(semantics);
                query.semantics = semantics;
                query.value(tree).unwrap()
            };
            let (holds, negated) = (value(binary(op, nan(), one())), value(not(binary(op, nan(), one()))));
            assert_ne!(holds, negated, "{} under {float_equality:?}", op.symbol());
            assert_eq!(value(between()), Value::from(true), "under {float_equality:?}");
        }
    }
}

#[test]
fn equality_is_not_identity() {
    assert_ne!(Value::from(0.0), Value::from(-0.0));
    assert_eq!(Value::from(f64::NAN), Value::from(f64::NAN));
    let mut query = Query::new();
    let inverse = |zero: f64| binary(BinaryOp::Divide, Scalar::literal(1.0), Scalar::literal(zero));
    assert_eq!(query.value(inverse(0.0)), Ok(Value::from(f64::INFINITY)));
    assert_eq!(query.value(inverse(-0.0)), Ok(Value::from(f64::NEG_INFINITY)));
}

// ---- scalars -------------------------------------------------------------------------------

#[test]
fn and_or_and_not_have_three_values() {
    let values = [Some(true), Some(false), None];
    let tree = |value: Option<bool>| match value {
        Some(value) => Scalar::literal(value),
        None => null(DataType::Boolean),
    };
    for a in values {
        assert_eq!(Query::new().value(Scalar::new(ScalarOp::Not, [tree(a)])), Ok(a.map(|a| !a).into()));
        assert_eq!(Query::new().value(Scalar::new(ScalarOp::IsTrue, [tree(a)])), Ok((a == Some(true)).into()));
        for b in values {
            let and = match (a, b) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            let or = match (a, b) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            // Through columns: over constants the constructors of terms would decide.
            let mut query = Query::new();
            let (t, columns) = table(
                &mut query.terms,
                "t",
                &[("a", DataType::Boolean), ("b", DataType::Boolean)],
                vec![vec![a.into(), b.into()]],
            )
            .unwrap();
            let args = || columns.iter().map(|column| Scalar::column(*column)).collect::<Vec<_>>();
            let trees = [Scalar::new(ScalarOp::And, args()), Scalar::new(ScalarOp::Or, args())];
            let computed = trees.iter().map(|tree| {
                let scalar = query.intern(tree);
                (query.terms.add_column("value", DataType::Boolean, true), scalar)
            });
            let computed = computed.collect();
            let projection = query.terms.intern_projection(computed);
            let term = query.terms.add(RelNode::new(RelOp::Project(projection), [t]));
            assert_eq!(query.run(term).unwrap().rows, [[Value::from(and), Value::from(or)]], "{a:?} {b:?}");
        }
    }
}

#[test]
fn what_is_not_needed_raises_no_error() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(0)], [Some(2)]]);
    let quotient = || binary(BinaryOp::Divide, int(10), Scalar::column(a));
    let guarded = Scalar::new(
        ScalarOp::Case { operand: false, otherwise: true },
        [binary(BinaryOp::Eq, Scalar::column(a), int(0)), int(-1), quotient()],
    );
    let keeps = binary(BinaryOp::Lt, guarded, int(6));
    let case = query.filter(t, keeps);
    assert_eq!(query.rows(case), ["0", "2"]);

    // AND keeps what cannot fail in front; OR stops at the first true.
    let protected = Scalar::new(
        ScalarOp::And,
        [binary(BinaryOp::Eq, quotient(), int(5)), binary(BinaryOp::NotEq, Scalar::column(a), int(0))],
    );
    let and = query.filter(t, protected);
    assert_eq!(query.rows(and), ["2"]);

    let bare = query.filter(t, binary(BinaryOp::Eq, quotient(), int(5)));
    let error = query.run(bare).unwrap_err();
    assert_eq!(error.to_string(), "division by zero in `(10 / a)`; guard the divisor, for example with `case`");
    assert!(error.is_of_the_plan());
}

#[test]
fn case_with_an_operand_compares_and_may_have_no_else() {
    let mut query = Query::new();
    let case = |operand: Tree| {
        Scalar::new(
            ScalarOp::Case { operand: true, otherwise: false },
            [operand, null(DataType::Int64), int(10), int(2), int(20)],
        )
    };
    assert_eq!(query.value(case(int(2))), Ok(Value::from(20i64)));
    assert_eq!(query.value(case(int(3))), Ok(Value::Null));
    assert_eq!(query.value(case(null(DataType::Int64))), Ok(Value::Null), "null matches no arm");
}

#[test]
fn integers_wrap_or_fail() {
    let sum = binary(BinaryOp::Plus, int(i64::MAX), int(1));
    let product = binary(BinaryOp::Multiply, int(i64::MAX), int(i64::MAX));
    let quotient = binary(BinaryOp::Divide, int(i64::MIN), int(-1));
    let negated = Scalar::new(ScalarOp::Negate, [int(i64::MIN)]);
    let mut query = Query::new();
    assert_eq!(query.value(sum.clone()), Ok(Value::from(i64::MIN)));
    assert_eq!(query.value(product.clone()), Ok(Value::from(i64::MAX.wrapping_mul(i64::MAX))));
    assert_eq!(query.value(negated.clone()), Ok(Value::from(i64::MIN)));
    assert!(matches!(query.value(quotient), Err(EvalError::Overflow { .. })), "as Arrow's kernel");
    query.semantics.overflow = Overflow::Error;
    for tree in [sum, product, negated] {
        assert!(matches!(query.value(tree), Err(EvalError::Overflow { .. })));
    }
}

#[test]
fn unsigned_products_wrap_at_their_own_width() {
    let mut query = Query::new();
    let literal = |value: u64| Scalar::literal(Literal::new(Arc::new(arrow_array::UInt64Array::from(vec![value]))));
    let product = query.value(binary(BinaryOp::Multiply, literal(u64::MAX), literal(u64::MAX))).unwrap();
    assert_eq!(product, Value::Int(DataType::UInt64, 1));
}

#[test]
fn decimals_compute_as_arrow_does() {
    let decimal = |unscaled, precision, scale| Scalar::literal(Literal::decimal(unscaled, precision, scale).unwrap());
    let mut query = Query::new();
    let mut value = |op| query.value(binary(op, decimal(1_00, 5, 2), decimal(3_0, 4, 1))).unwrap();
    assert_eq!(value(BinaryOp::Plus), Value::decimal(4_00, 6, 2));
    assert_eq!(value(BinaryOp::Minus), Value::decimal(-2_00, 6, 2));
    assert_eq!(value(BinaryOp::Multiply), Value::decimal(3_000, 10, 3));
    // Scale 2 + 4, cut off: 0.333333.
    assert_eq!(value(BinaryOp::Divide), Value::decimal(333_333, 10, 6));
    assert_eq!(value(BinaryOp::Modulo), Value::decimal(1_00, 5, 2));
    assert_eq!(value(BinaryOp::Lt), Value::from(true));
    let equal = binary(BinaryOp::Eq, decimal(100, 5, 2), decimal(10, 4, 1));
    assert_eq!(query.value(equal), Ok(Value::from(true)), "1.00 = 1.0");
    let by_zero = binary(BinaryOp::Divide, decimal(1, 5, 2), decimal(0, 5, 2));
    assert!(matches!(query.value(by_zero), Err(EvalError::DivisionByZero { .. })));
}

#[test]
fn casts_fail_or_give_null() {
    let cast = |safe| {
        let op = ScalarOp::Cast { to: DataTypeKey(DataType::Int64), safe };
        Scalar::new(op, [Scalar::literal("twelve")])
    };
    assert!(matches!(Query::new().value(cast(false)), Err(EvalError::Cast { .. })));
    assert_eq!(Query::new().value(cast(true)), Ok(Value::Null));
}

#[test]
fn like_matches_whole_texts() {
    let cases = [
        ("promo box", "promo%", None, true),
        ("a promo", "promo%", None, false),
        ("abc", "a_c", None, true),
        ("ac", "a_c", None, false),
        ("", "%", None, true),
        ("a%c", "a\\%c", None, true),
        ("abc", "a\\%c", None, false),
        ("a%c", "a#%c", Some('#'), true),
        ("aXbXc", "%X%X%", None, true),
        ("é", "_", None, true),
    ];
    for (text, pattern, escape, expected) in cases {
        let op = ScalarOp::Like { negated: false, case_insensitive: false, escape };
        let value = Query::new().value(Scalar::new(op, [Scalar::literal(text), Scalar::literal(pattern)]));
        assert_eq!(value, Ok(Value::from(expected)), "{text} like {pattern}");
    }
    let op = ScalarOp::Like { negated: true, case_insensitive: true, escape: None };
    let value = Query::new().value(Scalar::new(op, [Scalar::literal("ABC"), Scalar::literal("a%")]));
    assert_eq!(value, Ok(Value::from(false)));
}

#[test]
fn functions_are_called_through_the_callers_hook_alone() {
    let function = Arc::new(FunctionInfo {
        name: "twice".into(),
        version: "1".into(),
        volatility: Volatility::Immutable,
        return_type: DataTypeKey(DataType::Int64),
        nullable: false,
        strict: true,
        fallible: true,
    });
    let twice = |of: Tree| Scalar::new(ScalarOp::Call(function.clone()), [of]);
    let mut query = Query::new();
    let error = query.value(twice(int(4))).unwrap_err();
    assert!(matches!(error, EvalError::Unsupported { .. }));
    assert!(!error.is_of_the_plan());

    query.tables = Tables::new().with_calls(|function, args| match args[0].to_string().parse::<i64>() {
        Ok(value) if value < 100 => Ok(Literal::from(2 * value)),
        _ => Err(format!("{} is for small numbers", function.name)),
    });
    assert_eq!(query.value(twice(int(4))), Ok(Value::from(8i64)));
    assert_eq!(query.value(twice(null(DataType::Int64))), Ok(Value::Null), "strict: not called");
    assert!(matches!(query.value(twice(int(100))), Err(EvalError::Call { .. })));
}

// ---- order, limit, union -------------------------------------------------------------------

#[test]
fn sorts_are_stable_and_place_nulls() {
    let mut query = Query::new();
    let (t, [a, b]) =
        query.ints(["a", "b"], [[Some(2), Some(0)], [None, Some(1)], [Some(1), Some(2)], [Some(2), Some(3)]]);
    let mut sorted = |descending, nulls_first| {
        let key = query.sort_key(a, descending, nulls_first);
        let sort = query.terms.intern_sort(vec![key]);
        let term = query.terms.add(RelNode::new(RelOp::Sort(sort), [t]));
        let relation = query.run(term).unwrap();
        assert!(is_sorted(&query.terms, &relation, sort, &query.semantics, &query.tables).unwrap());
        let input = query.run(t).unwrap();
        assert!(!is_sorted(&query.terms, &input, sort, &query.semantics, &query.tables).unwrap());
        relation.select(&[b]).unwrap().rows.iter().map(|row| row[0].to_string()).collect::<String>()
    };
    assert_eq!(sorted(false, false), "2031");
    assert_eq!(sorted(false, true), "1203");
    assert_eq!(sorted(true, true), "1032");
    assert_eq!(sorted(true, false), "0321");
}

#[test]
fn top_k_is_limit_over_sort_and_limits_may_reach_beyond_the_end() {
    let mut query = Query::new();
    let (t, [a]) = query.ints(["a"], [[Some(3)], [Some(1)], [None], [Some(2)]]);
    let key = query.sort_key(a, true, false);
    let keys = query.terms.intern_sort(vec![key]);
    let sort = query.terms.add(RelNode::new(RelOp::Sort(keys), [t]));
    for (offset, fetch, rows) in
        [(1, 2, vec!["2", "1"]), (3, 9, vec!["null"]), (9, 1, vec![]), (u64::MAX, u64::MAX, vec![])]
    {
        let limit = query.terms.add(RelNode::new(RelOp::Limit { offset, fetch: Some(fetch) }, [sort]));
        let top = query.terms.add(RelNode::new(RelOp::TopK { keys, offset, fetch }, [t]));
        assert_eq!(query.rows(limit), rows);
        assert_eq!(query.rows(top), rows);
    }
}

#[test]
fn unions_map_columns_and_keep_duplicates() {
    let mut query = Query::new();
    let (t, [a, b]) = query.ints(["a", "b"], [[Some(1), Some(2)]]);
    let (u, [x, y]) = query.ints(["x", "y"], [[Some(2), Some(1)], [None, None]]);
    let output =
        vec![query.terms.add_column("p", DataType::Int64, true), query.terms.add_column("q", DataType::Int64, true)];
    let union = query.terms.intern_union(UnionSpec { output, inputs: vec![vec![a, b], vec![y, x]] });
    let union = query.terms.add(RelNode::new(RelOp::Union(union), [t, u]));
    assert_eq!(query.rows(union), ["1 2", "1 2", "null null"]);
}

// ---- leaves, errors, equivalence -----------------------------------------------------------

#[test]
fn given_rows_take_the_place_of_a_leaf() {
    let mut query = Query::new();
    let (t, [_a]) = query.ints(["a"], [[Some(1)]]);
    let RelOp::Get(get) = query.terms.term(t).op else { panic!("a table is read by a get") };
    query.tables = Tables::new().with_table(get, ints([[Some(7)], [None]]));
    assert_eq!(query.rows(t), ["7", "null"]);
    query.tables = Tables::new().with_table(get, ints([[Some(7), Some(8)]]));
    assert!(matches!(query.run(t), Err(EvalError::Type { .. })));
}

#[test]
fn arrow_round_trips() {
    let mut query = Query::new();
    let kinds = [
        ("a", DataType::UInt8),
        ("b", DataType::Float32),
        ("c", DataType::Decimal128(9, 3)),
        ("d", DataType::Utf8View),
        ("e", DataType::Date32),
        ("f", DataType::Timestamp(arrow_schema::TimeUnit::Millisecond, Some("UTC".into()))),
        ("g", DataType::Boolean),
    ];
    let row = vec![
        Value::Int(DataType::UInt8, 255),
        Value::Float(DataType::Float32, 0.5),
        Value::decimal(-1_500, 9, 3),
        Value::from("text"),
        Value::Date(-1),
        Value::Timestamp { ticks: 5, unit: arrow_schema::TimeUnit::Millisecond, zone: Some("UTC".into()) },
        Value::from(true),
    ];
    let nulls = vec![Value::Null; row.len()];
    let (t, columns) = table(&mut query.terms, "t", &kinds, vec![row.clone(), nulls.clone()]).unwrap();
    let relation = query.run(t).unwrap();
    assert_eq!(relation.rows, [row, nulls]);
    let again = Relation::from_batches(columns, [&relation.to_batch(&query.terms).unwrap()]).unwrap();
    assert_eq!(again.rows, relation.rows);
    assert!(table(&mut query.terms, "t", &[("a", DataType::UInt8)], vec![vec![Value::from(256i64)]]).is_err());
}

#[test]
fn equivalences_differ_where_they_should() {
    let columns = |order: [u32; 2]| order.map(ColumnId).to_vec();
    let relation = |rows: Vec<[Option<i64>; 2]>| Relation::new(columns([0, 1]), ints(rows)).unwrap();
    let (one, two) = ([Some(1), None], [Some(2), Some(0)]);
    let base = relation(vec![one, two, two]);
    let all = relation(vec![one, one, two, two, two]);
    let semantics = Semantics::default();
    let same = |other: &Relation, equivalence| base.equivalent(other, equivalence, &semantics);

    let reordered = relation(vec![two, one, two]);
    assert!(same(&reordered, Equivalence::Bag));
    assert!(!same(&reordered, Equivalence::Ordered));
    let ordered = Semantics { order: RowOrder::Ordered, ..semantics };
    assert!(!base.equivalent(&reordered, Equivalence::Bag, &ordered));

    let thinner = relation(vec![one, two]);
    assert!(!same(&thinner, Equivalence::Bag));
    assert!(same(&thinner, Equivalence::Set));
    assert!(!same(&thinner, Equivalence::OneOf(&all)));

    assert!(same(&relation(vec![one, one, two]), Equivalence::OneOf(&all)));
    assert!(!same(&relation(vec![one, one, one]), Equivalence::OneOf(&all)));

    let swapped = Relation::new(columns([1, 0]), ints([[None, Some(1)], [Some(0), Some(2)], [Some(0), Some(2)]]));
    assert!(same(&swapped.unwrap(), Equivalence::Bag), "columns match by id");
}

#[test]
fn float_rounding_counts_only_where_sums_are_exact() {
    let relation = |value: f64| Relation::new(vec![ColumnId(0)], vec![vec![value.into()]]).unwrap();
    let (a, b) = (relation(0.1 + 0.2), relation(0.3));
    assert!(a.equivalent(&b, Equivalence::Bag, &Semantics::default()));
    assert!(!a.equivalent(&b, Equivalence::Bag, &Semantics::strict()));
    assert!(!a.equivalent(&relation(0.300_001), Equivalence::Bag, &Semantics::default()));
}

#[test]
fn a_rewrite_may_remove_an_error_and_only_under_relaxed_add_one() {
    let good = || Ok(Relation::default());
    let bad = || Err(EvalError::DivisionByZero { scalar: "1 / 0".into() });
    let unknown = || Err(EvalError::Unsupported { what: "a barrier".into() });
    let judge = |before, after, semantics| preserves(&before, &after, Equivalence::Bag, &semantics);
    assert_eq!(judge(bad(), good(), Semantics::strict()), Verdict::Same);
    assert_eq!(judge(good(), bad(), Semantics::strict()), Verdict::Different);
    assert_eq!(judge(good(), bad(), Semantics::default()), Verdict::Same);
    assert_eq!(judge(bad(), unknown(), Semantics::strict()), Verdict::Unknown);
}

#[test]
fn deep_plans_do_not_recurse() {
    let deep = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let mut query = Query::new();
        let (mut term, [_a]) = query.ints(["a"], [[Some(1)], [Some(2)]]);
        for fetch in (2..100_002).rev() {
            term = query.terms.add(RelNode::new(RelOp::Limit { offset: 0, fetch: Some(fetch) }, [term]));
        }
        assert_eq!(query.rows(term), ["1", "2"]);
    });
    deep.unwrap().join().unwrap();
}
