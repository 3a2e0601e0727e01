use std::fmt;
use std::sync::Arc;

use arrow_schema::DataType;

use super::{FunctionRef, Literal, OuterColumn};
use crate::token::{Tokenize, Tokenizer};

/// A column's name.
pub type Name = Arc<str>;

/// An operator of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BinaryOp {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    IsDistinctFrom,
    IsNotDistinctFrom,
    Plus,
    Minus,
    Multiply,
    Divide,
    Modulo,
    Concat,
}

impl BinaryOp {
    /// All of them, in their order.
    pub const ALL: [BinaryOp; 14] = [
        BinaryOp::Eq,
        BinaryOp::NotEq,
        BinaryOp::Lt,
        BinaryOp::LtEq,
        BinaryOp::Gt,
        BinaryOp::GtEq,
        BinaryOp::IsDistinctFrom,
        BinaryOp::IsNotDistinctFrom,
        BinaryOp::Plus,
        BinaryOp::Minus,
        BinaryOp::Multiply,
        BinaryOp::Divide,
        BinaryOp::Modulo,
        BinaryOp::Concat,
    ];

    /// The operator as plans and rules write it.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Eq => "=",
            BinaryOp::NotEq => "<>",
            BinaryOp::Lt => "<",
            BinaryOp::LtEq => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::GtEq => ">=",
            BinaryOp::IsDistinctFrom => "is-distinct-from",
            BinaryOp::IsNotDistinctFrom => "is-not-distinct-from",
            BinaryOp::Plus => "+",
            BinaryOp::Minus => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Modulo => "%",
            BinaryOp::Concat => "||",
        }
    }

    /// The operator that a symbol names.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        BinaryOp::ALL.into_iter().find(|op| op.symbol() == symbol)
    }

    /// Whether it compares: its result is a boolean.
    pub fn is_comparison(self) -> bool {
        self <= BinaryOp::IsNotDistinctFrom
    }

    /// Whether this asks which of two values is the larger.
    pub fn is_ordering(self) -> bool {
        matches!(self, BinaryOp::Lt | BinaryOp::LtEq | BinaryOp::Gt | BinaryOp::GtEq)
    }

    /// The comparison that holds with swapped operands.
    pub fn commuted(self) -> Option<Self> {
        Some(match self {
            BinaryOp::Lt => BinaryOp::Gt,
            BinaryOp::LtEq => BinaryOp::GtEq,
            BinaryOp::Gt => BinaryOp::Lt,
            BinaryOp::GtEq => BinaryOp::LtEq,
            op if op.is_comparison() => op,
            _ => return None,
        })
    }

    /// The comparison that is true exactly where this one is false, and null where this one is null; of an
    /// [ordering](BinaryOp::is_ordering), where the type has one: IEEE 754 gives NaN none.
    pub fn negated(self) -> Option<Self> {
        Some(match self {
            BinaryOp::Eq => BinaryOp::NotEq,
            BinaryOp::NotEq => BinaryOp::Eq,
            BinaryOp::Lt => BinaryOp::GtEq,
            BinaryOp::LtEq => BinaryOp::Gt,
            BinaryOp::Gt => BinaryOp::LtEq,
            BinaryOp::GtEq => BinaryOp::Lt,
            BinaryOp::IsDistinctFrom => BinaryOp::IsNotDistinctFrom,
            BinaryOp::IsNotDistinctFrom => BinaryOp::IsDistinctFrom,
            _ => return None,
        })
    }
}

/// What a scalar node does; its operands are beside it. `C` is how columns are named at this layer:
/// by [`Name`] in expressions, by id in terms, by position in fragments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScalarOp<C> {
    /// A column of the input.
    Column(C),
    /// A constant.
    Literal(Literal),
    /// Conjunction of any number of operands.
    And,
    /// Disjunction of any number of operands.
    Or,
    /// Two operands.
    Binary(BinaryOp),
    /// Logical negation: null stays null.
    Not,
    /// Arithmetic negation.
    Negate,
    /// Whether the operand is null; never null itself.
    IsNull,
    /// Whether the operand is not null; never null itself.
    IsNotNull,
    /// Whether the operand is true; null counts as false.
    IsTrue,
    /// Whether the operand is false or null.
    IsNotTrue,
    /// Whether the operand is false; null counts as true.
    IsFalse,
    /// Whether the operand is true or null.
    IsNotFalse,
    /// Whether a truth value is null.
    IsUnknown,
    /// Whether a truth value is not null.
    IsNotUnknown,
    /// Conversion to a type. What cannot be converted is an error, or null when `safe`.
    Cast {
        /// The target type.
        to: DataTypeKey,
        /// `TRY_CAST`: null instead of an error.
        safe: bool,
    },
    /// `[operand] (when then)* [else]`, flat in this order.
    Case {
        /// Whether the first operand is compared with each `when`.
        operand: bool,
        /// Whether the last operand is the `else`.
        otherwise: bool,
    },
    /// Whether the first operand equals one of the others.
    InList {
        /// `NOT IN`.
        negated: bool,
    },
    /// `first BETWEEN second AND third`.
    Between {
        /// `NOT BETWEEN`.
        negated: bool,
    },
    /// `first LIKE second`.
    Like {
        /// `NOT LIKE`.
        negated: bool,
        /// `ILIKE`.
        case_insensitive: bool,
        /// The escape character, if one was given.
        escape: Option<char>,
    },
    /// A call of a function that the engine knows.
    Call(FunctionRef),
    /// A column of the left side of an `apply`, read on its right side.
    Outer(OuterColumn),
}

/// An Arrow type with a total order (by its text), so that operators have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DataTypeKey(pub DataType);

impl PartialOrd for DataTypeKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DataTypeKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self.0 == other.0 {
            return std::cmp::Ordering::Equal;
        }
        format!("{:?}", self.0).cmp(&format!("{:?}", other.0))
    }
}

/// A scalar expression: an operator and its operands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar<C = Name> {
    /// What the node does.
    pub op: ScalarOp<C>,
    /// Its operands.
    pub args: Vec<Scalar<C>>,
}

impl<C> Scalar<C> {
    /// A node of an operator and operands.
    pub fn new(op: ScalarOp<C>, args: impl Into<Vec<Scalar<C>>>) -> Self {
        Scalar { op, args: args.into() }
    }

    /// A column.
    pub fn column(column: C) -> Self {
        Scalar::new(ScalarOp::Column(column), [])
    }

    /// A constant.
    pub fn literal(literal: impl Into<Literal>) -> Self {
        Scalar::new(ScalarOp::Literal(literal.into()), [])
    }

    /// An operator of two operands.
    pub fn binary(op: BinaryOp, left: Scalar<C>, right: Scalar<C>) -> Self {
        Scalar::new(ScalarOp::Binary(op), [left, right])
    }

    /// The conjunction of some scalars: `true` for none, the scalar itself for one.
    pub fn all(mut scalars: Vec<Scalar<C>>) -> Self {
        match scalars.len() {
            0 => Scalar::literal(true),
            1 => scalars.remove(0),
            _ => Scalar::new(ScalarOp::And, scalars),
        }
    }

    /// The same scalar with every column replaced, or the first error that replacing one gives.
    ///
    /// # Errors
    /// The first that replacing a column gives.
    pub fn try_map<D, E>(&self, column: &mut impl FnMut(&C) -> Result<D, E>) -> Result<Scalar<D>, E> {
        let op = self.op.try_map(column)?;
        let args = self.args.iter().map(|arg| arg.try_map(column)).collect::<Result<_, _>>()?;
        Ok(Scalar { op, args })
    }

    /// Calls `visit` for every column, in written order.
    pub fn for_each_column(&self, visit: &mut impl FnMut(&C)) {
        if let ScalarOp::Column(column) = &self.op {
            visit(column);
        }
        self.args.iter().for_each(|arg| arg.for_each_column(visit));
    }

    /// Calls `visit` for every outer reference, in written order.
    pub fn for_each_outer(&self, visit: &mut impl FnMut(&OuterColumn)) {
        if let ScalarOp::Outer(outer) = &self.op {
            visit(outer);
        }
        self.args.iter().for_each(|arg| arg.for_each_outer(visit));
    }

    /// The conjuncts of this scalar: itself, unless it is a conjunction.
    pub fn conjuncts(self) -> Vec<Scalar<C>> {
        match self.op {
            ScalarOp::And => self.args.into_iter().flat_map(Scalar::conjuncts).collect(),
            _ => vec![self],
        }
    }
}

impl<C> ScalarOp<C> {
    /// The same operator; a column is replaced, or the error is that of replacing it.
    ///
    /// # Errors
    /// That of replacing the column.
    pub fn try_map<D, E>(&self, column: &mut impl FnMut(&C) -> Result<D, E>) -> Result<ScalarOp<D>, E> {
        Ok(match self {
            ScalarOp::Column(name) => ScalarOp::Column(column(name)?),
            ScalarOp::Literal(literal) => ScalarOp::Literal(literal.clone()),
            ScalarOp::And => ScalarOp::And,
            ScalarOp::Or => ScalarOp::Or,
            ScalarOp::Binary(op) => ScalarOp::Binary(*op),
            ScalarOp::Not => ScalarOp::Not,
            ScalarOp::Negate => ScalarOp::Negate,
            ScalarOp::IsNull => ScalarOp::IsNull,
            ScalarOp::IsNotNull => ScalarOp::IsNotNull,
            ScalarOp::IsTrue => ScalarOp::IsTrue,
            ScalarOp::IsNotTrue => ScalarOp::IsNotTrue,
            ScalarOp::IsFalse => ScalarOp::IsFalse,
            ScalarOp::IsNotFalse => ScalarOp::IsNotFalse,
            ScalarOp::IsUnknown => ScalarOp::IsUnknown,
            ScalarOp::IsNotUnknown => ScalarOp::IsNotUnknown,
            ScalarOp::Cast { to, safe } => ScalarOp::Cast { to: to.clone(), safe: *safe },
            ScalarOp::Case { operand, otherwise } => ScalarOp::Case { operand: *operand, otherwise: *otherwise },
            ScalarOp::InList { negated } => ScalarOp::InList { negated: *negated },
            ScalarOp::Between { negated } => ScalarOp::Between { negated: *negated },
            ScalarOp::Like { negated, case_insensitive, escape } => {
                ScalarOp::Like { negated: *negated, case_insensitive: *case_insensitive, escape: *escape }
            }
            ScalarOp::Call(function) => ScalarOp::Call(function.clone()),
            ScalarOp::Outer(outer) => ScalarOp::Outer(outer.clone()),
        })
    }
}

impl<C: fmt::Display> ScalarOp<C> {
    /// The operator's name in plans and rules: `and`, `=`, `is-null`, `cast`, a function's name.
    pub fn name(&self) -> &str {
        match self {
            ScalarOp::Column(_) => "column",
            ScalarOp::Literal(_) => "literal",
            ScalarOp::And => "and",
            ScalarOp::Or => "or",
            ScalarOp::Binary(op) => op.symbol(),
            ScalarOp::Not => "not",
            ScalarOp::Negate => "negate",
            ScalarOp::IsNull => "is-null",
            ScalarOp::IsNotNull => "is-not-null",
            ScalarOp::IsTrue => "is-true",
            ScalarOp::IsNotTrue => "is-not-true",
            ScalarOp::IsFalse => "is-false",
            ScalarOp::IsNotFalse => "is-not-false",
            ScalarOp::IsUnknown => "is-unknown",
            ScalarOp::IsNotUnknown => "is-not-unknown",
            ScalarOp::Cast { safe: false, .. } => "cast",
            ScalarOp::Cast { safe: true, .. } => "try-cast",
            ScalarOp::Case { .. } => "case",
            ScalarOp::InList { negated: false } => "in",
            ScalarOp::InList { negated: true } => "not-in",
            ScalarOp::Between { negated: false } => "between",
            ScalarOp::Between { negated: true } => "not-between",
            ScalarOp::Like { negated: false, case_insensitive: false, .. } => "like",
            ScalarOp::Like { negated: true, case_insensitive: false, .. } => "not-like",
            ScalarOp::Like { negated: false, case_insensitive: true, .. } => "ilike",
            ScalarOp::Like { negated: true, case_insensitive: true, .. } => "not-ilike",
            ScalarOp::Call(function) => &function.name,
            ScalarOp::Outer(_) => "outer",
        }
    }
}

impl<C: Tokenize> Tokenize for ScalarOp<C> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self {
            ScalarOp::Column(column) => {
                tokenizer.put_record("column");
                tokenizer.put(column);
            }
            ScalarOp::Literal(literal) => {
                tokenizer.put_record("literal");
                tokenizer.put(literal);
            }
            ScalarOp::And => tokenizer.put_record("and"),
            ScalarOp::Or => tokenizer.put_record("or"),
            ScalarOp::Binary(op) => {
                tokenizer.put_record("binary");
                tokenizer.put_str(op.symbol());
            }
            ScalarOp::Not => tokenizer.put_record("not"),
            ScalarOp::Negate => tokenizer.put_record("negate"),
            ScalarOp::IsNull => tokenizer.put_record("is-null"),
            ScalarOp::IsNotNull => tokenizer.put_record("is-not-null"),
            ScalarOp::IsTrue => tokenizer.put_record("is-true"),
            ScalarOp::IsNotTrue => tokenizer.put_record("is-not-true"),
            ScalarOp::IsFalse => tokenizer.put_record("is-false"),
            ScalarOp::IsNotFalse => tokenizer.put_record("is-not-false"),
            ScalarOp::IsUnknown => tokenizer.put_record("is-unknown"),
            ScalarOp::IsNotUnknown => tokenizer.put_record("is-not-unknown"),
            ScalarOp::Cast { to, safe } => {
                tokenizer.put_record("cast");
                tokenizer.put(&to.0);
                tokenizer.put_bool(*safe);
            }
            ScalarOp::Case { operand, otherwise } => {
                tokenizer.put_record("case");
                tokenizer.put_bool(*operand);
                tokenizer.put_bool(*otherwise);
            }
            ScalarOp::InList { negated } => {
                tokenizer.put_record("in");
                tokenizer.put_bool(*negated);
            }
            ScalarOp::Between { negated } => {
                tokenizer.put_record("between");
                tokenizer.put_bool(*negated);
            }
            ScalarOp::Like { negated, case_insensitive, escape } => {
                tokenizer.put_record("like");
                tokenizer.put_bool(*negated);
                tokenizer.put_bool(*case_insensitive);
                tokenizer.put(&escape.map(|escape| escape as u32));
            }
            ScalarOp::Call(function) => tokenizer.put(function),
            ScalarOp::Outer(outer) => tokenizer.put(outer),
        }
    }
}

impl<C: Tokenize> Tokenize for Scalar<C> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put(&self.op);
        tokenizer.put_sequence(self.args.len());
        self.args.iter().for_each(|arg| tokenizer.put(arg));
    }
}

impl<C: fmt::Display> fmt::Display for Scalar<C> {
    /// The notation of plans: `(a = 1)`, `(and (a = 1) (is-null b))`, `(cast a Int64)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.op, self.args.as_slice()) {
            (ScalarOp::Column(column), _) => write!(f, "{column}"),
            (ScalarOp::Literal(literal), _) => write!(f, "{literal}"),
            (ScalarOp::Outer(outer), _) => write!(f, "(outer {})", outer.name),
            (ScalarOp::Binary(op), [left, right]) => write!(f, "({left} {} {right})", op.symbol()),
            (op, args) => {
                write!(f, "({}", op.name())?;
                if let ScalarOp::Case { operand, otherwise } = op {
                    write!(f, "{}{}", if *operand { "-of" } else { "" }, if *otherwise { "" } else { "-no-else" })?;
                }
                args.iter().try_for_each(|arg| write!(f, " {arg}"))?;
                if let ScalarOp::Cast { to, .. } = op {
                    write!(f, " {}", to.0)?;
                }
                if let ScalarOp::Like { escape: Some(escape), .. } = op {
                    write!(f, " escape '{escape}'")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// A column by name.
///
/// ```
/// use leafhold::expr::{col, lit};
/// assert_eq!(col("price").gt(lit(1i64)).and(col("ok")).to_string(), "(and (price > 1) ok)");
/// ```
pub fn col(name: impl Into<Name>) -> Scalar {
    Scalar::column(name.into())
}

/// A constant.
pub fn lit(value: impl Into<Literal>) -> Scalar {
    Scalar::literal(value)
}

/// `CASE WHEN .. THEN .. [WHEN ..] ELSE .. END`.
pub fn case(arms: impl IntoIterator<Item = (Scalar, Scalar)>, otherwise: Scalar) -> Scalar {
    let mut args: Vec<_> = arms.into_iter().flat_map(|(when, then)| [when, then]).collect();
    args.push(otherwise);
    Scalar::new(ScalarOp::Case { operand: false, otherwise: true }, args)
}
