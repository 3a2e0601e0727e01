//! Scalars of [`Terms`]: interning in normal form, and what follows from their content.

use std::cmp::Ordering;

use arrow_schema::DataType;
use rustc_hash::{FxBuildHasher, FxHashSet};
use smallvec::SmallVec;

use super::{ColumnId, ColumnSet, Extent, ScalarFacts, ScalarId, ScalarNode, TermAggregate, TermWindowCall, Terms};
use crate::expr::{
    AggregateFunction, BinaryOp, FloatEquality, Literal, OuterColumn, Scalar, ScalarOp, ScalarType, Semantics,
    Volatility, WindowFunction, aggregate_can_fail, can_fail, infer_op,
};

impl Terms {
    /// Interns a scalar tree in normal form.
    pub fn intern_scalar(&mut self, scalar: &Scalar<ColumnId>) -> ScalarId {
        let args: SmallVec<[ScalarId; 3]> = scalar.args.iter().map(|arg| self.intern_scalar(arg)).collect();
        self.scalar(scalar.op.clone(), args)
    }

    /// Interns an operator over interned operands. Normal forms: AND and OR are flat, sorted,
    /// de-duplicated and free of their neutral element; `between` is two comparisons where its
    /// operand may be evaluated twice; `is-false` and its kin are made of `not`, `is-true` and `is-null`; a
    /// literal stands right of a comparison; columns of `=` ascend.
    ///
    /// Operands whose types do not fit are a bug of the caller: `Expr` has checked what users write.
    pub fn scalar(&mut self, op: ScalarOp<ColumnId>, args: impl IntoIterator<Item = ScalarId>) -> ScalarId {
        let mut args: SmallVec<[ScalarId; 3]> = args.into_iter().collect();
        match &op {
            ScalarOp::And | ScalarOp::Or => return self.connective(matches!(op, ScalarOp::And), args),
            ScalarOp::Between { negated } if self.scalar_facts(args[0]).volatility < Volatility::Volatile => {
                // What is not between is below or above, where everything is one of these.
                let outside = *negated && self.is_ordered(args[0]);
                let (low, high) = match outside {
                    false => (BinaryOp::GtEq, BinaryOp::LtEq),
                    true => (BinaryOp::Lt, BinaryOp::Gt),
                };
                let low = self.scalar(ScalarOp::Binary(low), [args[0], args[1]]);
                let high = self.scalar(ScalarOp::Binary(high), [args[0], args[2]]);
                let form = self.connective(!outside, [low, high].into_iter().collect());
                return if *negated && !outside { self.scalar(ScalarOp::Not, [form]) } else { form };
            }
            ScalarOp::Binary(binary) if binary.is_comparison() => {
                let literal = |id: ScalarId| matches!(self.node(id).op, ScalarOp::Literal(_));
                let swap = match (literal(args[0]), literal(args[1])) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => binary.commuted() == Some(*binary) && self.compare_scalars(args[0], args[1]).is_gt(),
                };
                if let Some(commuted) = binary.commuted().filter(|_| swap) {
                    args.swap(0, 1);
                    return self.intern_node(ScalarNode { op: ScalarOp::Binary(commuted), args });
                }
            }
            ScalarOp::IsNotTrue | ScalarOp::IsNotFalse => {
                let positive = if op == ScalarOp::IsNotTrue { ScalarOp::IsTrue } else { ScalarOp::IsFalse };
                let positive = self.scalar(positive, args);
                return self.scalar(ScalarOp::Not, [positive]);
            }
            ScalarOp::IsFalse => {
                let negated = self.scalar(ScalarOp::Not, args);
                return self.scalar(ScalarOp::IsTrue, [negated]);
            }
            ScalarOp::IsUnknown => return self.scalar(ScalarOp::IsNull, args),
            ScalarOp::IsNotUnknown => return self.scalar(ScalarOp::IsNotNull, args),
            ScalarOp::Not => {
                let inner = self.node(args[0]).clone();
                match inner.op {
                    ScalarOp::Not => return inner.args[0],
                    ScalarOp::Binary(binary) => {
                        let negated =
                            binary.negated().filter(|_| !binary.is_ordering() || self.is_ordered(inner.args[0]));
                        if let Some(negated) = negated {
                            return self.scalar(ScalarOp::Binary(negated), inner.args);
                        }
                    }
                    ScalarOp::IsNull => return self.scalar(ScalarOp::IsNotNull, inner.args),
                    ScalarOp::IsNotNull => return self.scalar(ScalarOp::IsNull, inner.args),
                    ScalarOp::InList { negated } => {
                        return self.scalar(ScalarOp::InList { negated: !negated }, inner.args);
                    }
                    ScalarOp::Like { negated, case_insensitive, escape } => {
                        return self.scalar(ScalarOp::Like { negated: !negated, case_insensitive, escape }, inner.args);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        self.intern_node(ScalarNode { op, args })
    }

    /// Whether of two values of a scalar's type that are not null one is the larger, or they are equal. Floats have NaN, of which
    /// IEEE 754 says none of these.
    fn is_ordered(&self, scalar: ScalarId) -> bool {
        self.semantics.float_equality != FloatEquality::Ieee || !self.scalar_facts(scalar).data_type.is_floating()
    }

    /// A column as a scalar.
    pub fn column_scalar(&mut self, column: ColumnId) -> ScalarId {
        self.intern_node(ScalarNode { op: ScalarOp::Column(column), args: SmallVec::new() })
    }

    /// A constant as a scalar.
    pub fn literal(&mut self, literal: impl Into<Literal>) -> ScalarId {
        self.intern_node(ScalarNode { op: ScalarOp::Literal(literal.into()), args: SmallVec::new() })
    }

    /// The node of an interned scalar.
    pub fn node(&self, scalar: ScalarId) -> &ScalarNode {
        &self.scalars[scalar.0 as usize]
    }

    /// An outer reference that no `apply` has bound, if there is one.
    pub fn unbound(&self) -> Option<&OuterColumn> {
        self.scalars.iter().find_map(|node| match &node.op {
            ScalarOp::Outer(outer) => Some(outer),
            _ => None,
        })
    }

    /// What is known of an interned scalar.
    pub fn scalar_facts(&self, scalar: ScalarId) -> &ScalarFacts {
        &self.scalar_facts[scalar.0 as usize]
    }

    /// Whether a scalar stays where it is: it must not be evaluated for other rows, or for another number of them.
    /// A volatile one always does. Under strict errors so does one that can fail: elsewhere it may meet a row that
    /// nothing protects it from.
    pub fn stays(&self, scalar: ScalarId) -> bool {
        let facts = self.scalar_facts(scalar);
        facts.volatility == Volatility::Volatile || (facts.can_fail && self.semantics.is_strict())
    }

    /// Whether an aggregate stays where it is, as [`Terms::stays`] says of scalars: because of what it reads, or because
    /// it can fail itself.
    pub fn call_stays(&self, call: &TermAggregate) -> bool {
        let volatile = match &call.function {
            AggregateFunction::Other(function) => function.volatility == Volatility::Volatile,
            _ => false,
        };
        volatile
            || (self.semantics.is_strict() && self.call_can_fail(call))
            || call.scalars().any(|scalar| self.stays(scalar))
    }

    /// Whether an aggregate can raise an error that its arguments do not raise.
    pub fn call_can_fail(&self, call: &TermAggregate) -> bool {
        let types: Vec<_> = call.args.iter().map(|arg| self.scalar_facts(*arg).data_type.clone()).collect();
        aggregate_can_fail(&call.function, &types, &self.semantics)
    }

    /// Whether a call of a window can raise an error that its arguments do not raise.
    pub fn window_call_can_fail(&self, call: &TermWindowCall) -> bool {
        let types: Vec<_> = call.args.iter().map(|arg| self.scalar_facts(*arg).data_type.clone()).collect();
        match &call.function {
            WindowFunction::Aggregate(function) => aggregate_can_fail(function, &types, &self.semantics),
            _ => false,
        }
    }

    /// Whether evaluating a scalar under some semantics can raise an error. For those of the arena this is a fact.
    pub fn can_fail_under(&self, scalar: ScalarId, semantics: &Semantics) -> bool {
        if semantics.overflow == self.semantics.overflow {
            return self.scalar_facts(scalar).can_fail;
        }
        let node = self.node(scalar);
        self.operator_can_fail(node, semantics) || node.args.iter().any(|arg| self.can_fail_under(*arg, semantics))
    }

    /// Whether one operator over its operands can raise an error that these do not raise.
    fn operator_can_fail(&self, node: &ScalarNode, semantics: &Semantics) -> bool {
        let types: SmallVec<[DataType; 3]> =
            node.args.iter().map(|arg| self.scalar_facts(*arg).data_type.clone()).collect();
        if !can_fail(&node.op, &types, semantics) {
            return false;
        }
        let by_constant = || {
            let divisor = self.as_literal(node.args[1]).and_then(Literal::axis);
            types.iter().all(DataType::is_integer) && divisor.is_some_and(|by| by != 0.0 && by != -1.0)
        };
        match node.op {
            // Neither zero nor the one quotient that is out of range.
            ScalarOp::Binary(BinaryOp::Divide | BinaryOp::Modulo) => !by_constant(),
            _ => true,
        }
    }

    /// The column, if the scalar is just that.
    pub fn as_column(&self, scalar: ScalarId) -> Option<ColumnId> {
        match self.node(scalar).op {
            ScalarOp::Column(column) => Some(column),
            _ => None,
        }
    }

    /// All literals of the query, in the order in which they came.
    pub fn literals(&self) -> impl Iterator<Item = &Literal> {
        self.scalars.iter().filter_map(|node| match &node.op {
            ScalarOp::Literal(literal) => Some(literal),
            _ => None,
        })
    }

    /// The constant, if the scalar is one.
    pub fn as_literal(&self, scalar: ScalarId) -> Option<&Literal> {
        match &self.node(scalar).op {
            ScalarOp::Literal(literal) => Some(literal),
            _ => None,
        }
    }

    /// The interned scalar as a tree.
    pub fn tree(&self, scalar: ScalarId) -> Scalar<ColumnId> {
        let node = self.node(scalar);
        Scalar { op: node.op.clone(), args: node.args.iter().map(|arg| self.tree(*arg)).collect() }
    }

    /// A total order of scalars by content, the same in every process.
    pub fn compare_scalars(&self, a: ScalarId, b: ScalarId) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let (left, right) = (self.node(a), self.node(b));
        left.op.cmp(&right.op).then_with(|| {
            let args = left.args.iter().zip(&right.args).map(|(x, y)| self.compare_scalars(*x, *y));
            args.into_iter().find(|order| order.is_ne()).unwrap_or(left.args.len().cmp(&right.args.len()))
        })
    }

    /// The same scalar with columns replaced by scalars.
    pub fn substitute(&mut self, scalar: ScalarId, with: &dyn Fn(ColumnId) -> Option<ScalarId>) -> ScalarId {
        let node = self.node(scalar).clone();
        if let ScalarOp::Column(column) = node.op {
            return with(column).unwrap_or(scalar);
        }
        if node.args.is_empty() {
            return scalar;
        }
        let args: SmallVec<[ScalarId; 3]> = node.args.iter().map(|arg| self.substitute(*arg, with)).collect();
        if args == node.args { scalar } else { self.scalar(node.op, args) }
    }

    /// `a = b` as its two columns.
    pub fn equi_columns(&self, scalar: ScalarId) -> Option<(ColumnId, ColumnId)> {
        let node = self.node(scalar);
        match node.op {
            ScalarOp::Binary(BinaryOp::Eq) => Some((self.as_column(node.args[0])?, self.as_column(node.args[1])?)),
            _ => None,
        }
    }

    /// The columns of which a null makes the scalar false or null, never true. Sound, not complete.
    pub fn rejects_null(&self, scalar: ScalarId) -> ColumnSet {
        let node = self.node(scalar);
        match &node.op {
            ScalarOp::And => node.args.iter().fold(ColumnSet::new(), |set, arg| set.union(&self.rejects_null(*arg))),
            ScalarOp::Or => {
                let sets = node.args.iter().map(|arg| self.rejects_null(*arg));
                sets.reduce(|a, b| a.intersection(&b)).unwrap_or_default()
            }
            ScalarOp::IsNotNull => self.propagates_null(node.args[0]),
            ScalarOp::IsTrue => self.rejects_null(node.args[0]),
            _ => self.propagates_null(scalar),
        }
    }

    /// The columns of which a null makes the scalar null. Sound, not complete.
    pub fn propagates_null(&self, scalar: ScalarId) -> ColumnSet {
        let node = self.node(scalar);
        let all = || node.args.iter().fold(ColumnSet::new(), |set, arg| set.union(&self.propagates_null(*arg)));
        match &node.op {
            ScalarOp::Column(column) => ColumnSet::of(*column),
            // Null is not in an empty list.
            ScalarOp::InList { .. } if node.args.len() == 1 => ColumnSet::new(),
            ScalarOp::Binary(BinaryOp::IsDistinctFrom | BinaryOp::IsNotDistinctFrom) => ColumnSet::new(),
            ScalarOp::Binary(_) | ScalarOp::Not | ScalarOp::Negate | ScalarOp::Cast { .. } | ScalarOp::Like { .. } => {
                all()
            }
            ScalarOp::Between { negated: false } => self.propagates_null(node.args[0]),
            // Over an empty list, even null is not in it.
            ScalarOp::InList { .. } if node.args.len() > 1 => self.propagates_null(node.args[0]),
            ScalarOp::Call(function) if function.strict => all(),
            _ => ColumnSet::new(),
        }
    }

    /// Whether a scalar is never null, given the columns that are not.
    pub fn never_null(&self, scalar: ScalarId, not_null: &ColumnSet) -> bool {
        let node = self.node(scalar);
        let all = || node.args.iter().all(|arg| self.never_null(*arg, not_null));
        match &node.op {
            ScalarOp::Column(column) => not_null.contains(*column),
            ScalarOp::Literal(literal) => !literal.is_null(),
            ScalarOp::IsNull | ScalarOp::IsNotNull | ScalarOp::IsTrue => true,
            ScalarOp::Binary(BinaryOp::IsDistinctFrom | BinaryOp::IsNotDistinctFrom) => true,
            ScalarOp::Cast { safe, .. } => !safe && all(),
            ScalarOp::Case { otherwise, .. } => *otherwise && all(),
            ScalarOp::Call(function) => !function.nullable && function.strict && all(),
            _ => all(),
        }
    }

    pub(super) fn connective(&mut self, and: bool, args: SmallVec<[ScalarId; 3]>) -> ScalarId {
        let op = if and { ScalarOp::And } else { ScalarOp::Or };
        let mut flat = Vec::with_capacity(args.len());
        for arg in args {
            let node = self.node(arg);
            match node.op == op {
                true => flat.extend(node.args.iter().copied()),
                false => flat.push(arg),
            }
        }
        // `true and x` is x; `false and x` is false, where x cannot fail or errors may go.
        let truth = |terms: &Terms, id: ScalarId| terms.as_literal(id).and_then(Literal::as_bool);
        if flat.iter().any(|arg| truth(self, *arg) == Some(!and)) {
            return self.literal(!and);
        }
        flat.retain(|arg| truth(self, *arg) != Some(and));
        self.sort_operands(&mut flat);
        match flat.as_slice() {
            [] => self.literal(and),
            [only] if self.scalar_facts(*only).data_type == DataType::Boolean => *only,
            _ => self.intern_node(ScalarNode { op, args: flat.into_iter().collect() }),
        }
    }

    /// Operands that cannot fail come first, sorted by content; the others keep their order, so that
    /// what protects one of them still does.
    fn sort_operands(&self, operands: &mut Vec<ScalarId>) {
        operands.sort_by(|a, b| match (self.scalar_facts(*a).can_fail, self.scalar_facts(*b).can_fail) {
            (false, false) => self.compare_scalars(*a, *b),
            (true, true) => Ordering::Equal,
            (a_fails, b_fails) => a_fails.cmp(&b_fails),
        });
        let mut seen = FxHashSet::with_capacity_and_hasher(operands.len(), FxBuildHasher);
        operands.retain(|operand| {
            // Two calls of a volatile function are two nodes.
            seen.insert(*operand) || self.scalar_facts(*operand).volatility == Volatility::Volatile
        });
    }

    fn intern_node(&mut self, node: ScalarNode) -> ScalarId {
        if let Some(at) = self.scalars.get_index_of(&node) {
            return ScalarId(at as u32);
        }
        let facts = self.facts_of_scalar(&node);
        let (at, _) = self.scalars.insert_full(node);
        self.scalar_facts.push(facts);
        ScalarId(at as u32)
    }

    fn facts_of_scalar(&self, node: &ScalarNode) -> ScalarFacts {
        let mut columns = ColumnSet::new();
        let mut volatility = Volatility::Immutable;
        let mut fails = false;
        for arg in &node.args {
            let facts = self.scalar_facts(*arg);
            columns.extend(&facts.columns);
            volatility = volatility.max(facts.volatility);
            fails |= facts.can_fail;
        }
        let kind = match &node.op {
            ScalarOp::Column(column) => {
                columns.insert(*column);
                let info = self.column(*column);
                ScalarType::new(info.data_type.clone(), info.nullable)
            }
            op => {
                if let ScalarOp::Call(function) = op {
                    volatility = volatility.max(function.volatility);
                }
                let args = node.args.iter().map(|arg| {
                    let facts = self.scalar_facts(*arg);
                    ScalarType::new(facts.data_type.clone(), facts.nullable)
                });
                let args: Vec<_> = args.collect();
                fails |= self.operator_can_fail(node, &self.semantics);
                infer_op(op, &args, &*self.functions).unwrap_or_else(|_| ScalarType::new(DataType::Null, true))
            }
        };
        ScalarFacts {
            data_type: kind.data_type,
            nullable: kind.nullable,
            columns,
            volatility,
            can_fail: fails,
            extent: Extent::over(node.args.iter().map(|arg| self.scalar_facts(*arg).extent)),
        }
    }
}
