use std::fmt;

use super::{BinaryOp, DataTypeKey, FunctionRef, Literal, OuterColumn};
use crate::token::{Tokenize, Tokenizer};

/// What a scalar node does; its operands are beside it. `C` is how columns are named at this layer:
/// by [`Name`](super::Name) in expressions, by id in terms, by position in fragments.
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
