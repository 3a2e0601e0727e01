use std::fmt;

use crate::expr::{BinaryOp, ScalarOp};
use crate::term::ColumnId;

/// An operator of scalars that patterns and right sides may name. Others, such as `between` or `is-false`, have
/// normal forms made of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScalarOperator {
    /// Two operands, the operator between them.
    Binary(BinaryOp),
    /// Logical negation.
    Not,
    /// Arithmetic negation.
    Negate,
    /// Whether the operand is null.
    IsNull,
    /// Whether the operand is not null.
    IsNotNull,
    /// Whether the operand is true.
    IsTrue,
    /// Conjunction of any number of operands.
    And,
    /// Disjunction of any number of operands.
    Or,
    /// Whether the operand is in a list.
    In,
    /// Whether the operand is in no place of a list.
    NotIn,
    /// Whether a text is like a pattern of `%` and `_`; without an escape character of its own.
    Like {
        /// Whether it is not.
        negated: bool,
        /// Whether upper and lower case are one.
        case_insensitive: bool,
    },
    /// The first arm that is taken.
    Case {
        /// Whether an operand is compared with each arm.
        operand: bool,
        /// Whether there is an `else`.
        otherwise: bool,
    },
    /// Conversion to a type: an error, or null where it is `safe`, for what the type lacks.
    Cast {
        /// `try-cast`.
        safe: bool,
    },
    /// A call of an engine's function.
    Call,
}

/// What an operator is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// So many operands.
    Operands(usize),
    /// Any number of operands, in no order.
    Set,
    /// An operand, then a list.
    List,
    /// A list of arms, with an operand before and an `else` behind it.
    Arms { operand: bool, otherwise: bool },
    /// An operand and a type.
    Typed,
    /// The name of a function and its arguments.
    Named,
}

/// Classes of operators: `?cmp:comparison`.
const CLASSES: [(&str, &[BinaryOp]); 3] = [
    ("comparison", &[BinaryOp::Eq, BinaryOp::NotEq, BinaryOp::Lt, BinaryOp::LtEq, BinaryOp::Gt, BinaryOp::GtEq]),
    ("ordering", &[BinaryOp::Lt, BinaryOp::LtEq, BinaryOp::Gt, BinaryOp::GtEq]),
    ("arithmetic", &[BinaryOp::Plus, BinaryOp::Minus, BinaryOp::Multiply, BinaryOp::Divide, BinaryOp::Modulo]),
];

/// Operators whose normal form is made of others, and that form.
const REWRITTEN: [(&str, &str); 7] = [
    ("is-false", "(is-true (not ..))"),
    ("is-not-true", "(not (is-true ..))"),
    ("is-not-false", "(not (is-true (not ..)))"),
    ("is-unknown", "(is-null ..)"),
    ("is-not-unknown", "(is-not-null ..)"),
    ("between", "(and [.. (?x >= ?low) .. (?x <= ?high) ..])"),
    ("not-between", "(or [.. (?x < ?low) .. (?x > ?high) ..])"),
];

impl ScalarOperator {
    /// Those that stand before their operands.
    pub const PREFIX: [ScalarOperator; 20] = [
        ScalarOperator::Not,
        ScalarOperator::Negate,
        ScalarOperator::IsNull,
        ScalarOperator::IsNotNull,
        ScalarOperator::IsTrue,
        ScalarOperator::And,
        ScalarOperator::Or,
        ScalarOperator::In,
        ScalarOperator::NotIn,
        ScalarOperator::Like { negated: false, case_insensitive: false },
        ScalarOperator::Like { negated: true, case_insensitive: false },
        ScalarOperator::Like { negated: false, case_insensitive: true },
        ScalarOperator::Like { negated: true, case_insensitive: true },
        ScalarOperator::Case { operand: false, otherwise: true },
        ScalarOperator::Case { operand: true, otherwise: true },
        ScalarOperator::Case { operand: false, otherwise: false },
        ScalarOperator::Case { operand: true, otherwise: false },
        ScalarOperator::Cast { safe: false },
        ScalarOperator::Cast { safe: true },
        ScalarOperator::Call,
    ];

    /// The operator of a node, if rules can name it.
    pub fn of(op: &ScalarOp<ColumnId>) -> Option<Self> {
        Some(match op {
            ScalarOp::Binary(binary) => ScalarOperator::Binary(*binary),
            ScalarOp::Not => ScalarOperator::Not,
            ScalarOp::Negate => ScalarOperator::Negate,
            ScalarOp::IsNull => ScalarOperator::IsNull,
            ScalarOp::IsNotNull => ScalarOperator::IsNotNull,
            ScalarOp::IsTrue => ScalarOperator::IsTrue,
            ScalarOp::And => ScalarOperator::And,
            ScalarOp::Or => ScalarOperator::Or,
            ScalarOp::InList { negated: false } => ScalarOperator::In,
            ScalarOp::InList { negated: true } => ScalarOperator::NotIn,
            ScalarOp::Like { negated, case_insensitive, escape: None } => {
                ScalarOperator::Like { negated: *negated, case_insensitive: *case_insensitive }
            }
            ScalarOp::Case { operand, otherwise } => ScalarOperator::Case { operand: *operand, otherwise: *otherwise },
            ScalarOp::Cast { safe, .. } => ScalarOperator::Cast { safe: *safe },
            ScalarOp::Call(_) => ScalarOperator::Call,
            _ => return None,
        })
    }

    /// The operator as nodes hold it; `None` for those that hold more: a type, or a function.
    pub fn op(self) -> Option<ScalarOp<ColumnId>> {
        Some(match self {
            ScalarOperator::Binary(binary) => ScalarOp::Binary(binary),
            ScalarOperator::Not => ScalarOp::Not,
            ScalarOperator::Negate => ScalarOp::Negate,
            ScalarOperator::IsNull => ScalarOp::IsNull,
            ScalarOperator::IsNotNull => ScalarOp::IsNotNull,
            ScalarOperator::IsTrue => ScalarOp::IsTrue,
            ScalarOperator::And => ScalarOp::And,
            ScalarOperator::Or => ScalarOp::Or,
            ScalarOperator::In => ScalarOp::InList { negated: false },
            ScalarOperator::NotIn => ScalarOp::InList { negated: true },
            ScalarOperator::Like { negated, case_insensitive } => {
                ScalarOp::Like { negated, case_insensitive, escape: None }
            }
            ScalarOperator::Case { operand, otherwise } => ScalarOp::Case { operand, otherwise },
            ScalarOperator::Cast { .. } | ScalarOperator::Call => return None,
        })
    }

    /// The operator as plans and rules write it.
    pub fn name(self) -> &'static str {
        match self {
            ScalarOperator::Binary(binary) => binary.symbol(),
            ScalarOperator::Not => "not",
            ScalarOperator::Negate => "negate",
            ScalarOperator::IsNull => "is-null",
            ScalarOperator::IsNotNull => "is-not-null",
            ScalarOperator::IsTrue => "is-true",
            ScalarOperator::And => "and",
            ScalarOperator::Or => "or",
            ScalarOperator::In => "in",
            ScalarOperator::NotIn => "not-in",
            ScalarOperator::Like { negated: false, case_insensitive: false } => "like",
            ScalarOperator::Like { negated: true, case_insensitive: false } => "not-like",
            ScalarOperator::Like { negated: false, case_insensitive: true } => "ilike",
            ScalarOperator::Like { negated: true, case_insensitive: true } => "not-ilike",
            ScalarOperator::Case { operand: false, otherwise: true } => "case",
            ScalarOperator::Case { operand: true, otherwise: true } => "case-of",
            ScalarOperator::Case { operand: false, otherwise: false } => "case-no-else",
            ScalarOperator::Case { operand: true, otherwise: false } => "case-of-no-else",
            ScalarOperator::Cast { safe: false } => "cast",
            ScalarOperator::Cast { safe: true } => "try-cast",
            ScalarOperator::Call => "call",
        }
    }

    /// The operator of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        ScalarOperator::prefix(name).or_else(|| BinaryOp::from_symbol(name).map(ScalarOperator::Binary))
    }

    /// The operator of that name that stands before its operands.
    pub(super) fn prefix(name: &str) -> Option<Self> {
        ScalarOperator::PREFIX.into_iter().find(|operator| operator.name() == name)
    }

    /// How many operands it has; `None` for any number, and where it is given more than operands.
    pub fn operands(self) -> Option<usize> {
        match self.takes() {
            Takes::Operands(number) => Some(number),
            _ => None,
        }
    }

    /// What it is given.
    pub(crate) fn takes(self) -> Takes {
        match self {
            ScalarOperator::Binary(_) | ScalarOperator::Like { .. } => Takes::Operands(2),
            ScalarOperator::And | ScalarOperator::Or => Takes::Set,
            ScalarOperator::In | ScalarOperator::NotIn => Takes::List,
            ScalarOperator::Case { operand, otherwise } => Takes::Arms { operand, otherwise },
            ScalarOperator::Cast { .. } => Takes::Typed,
            ScalarOperator::Call => Takes::Named,
            _ => Takes::Operands(1),
        }
    }

    /// The operators of a class.
    pub(crate) fn class(name: &str) -> Option<impl Iterator<Item = ScalarOperator>> {
        let (_, operators) = CLASSES.iter().find(|(known, _)| *known == name)?;
        Some(operators.iter().map(|operator| ScalarOperator::Binary(*operator)))
    }

    /// The names of all classes.
    pub(super) fn classes() -> impl Iterator<Item = &'static str> {
        CLASSES.iter().map(|(name, _)| *name)
    }

    /// What becomes of an operator that no normal form has.
    pub(super) fn normal_form(name: &str) -> Option<&'static str> {
        REWRITTEN.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
    }
}

impl Takes {
    /// As messages say it.
    pub fn describe(self) -> String {
        match self {
            Takes::Operands(1) => "one operand".to_owned(),
            Takes::Operands(number) => format!("{number} operands"),
            Takes::Set => "`[.. ?x ..]`: its operands have no order".to_owned(),
            Takes::List => "an operand and a list: `?x [?y]`, `?x [.. ?y ..]`".to_owned(),
            Takes::Arms { operand, otherwise } => format!(
                "{}a list of arms{}: `{}[.. (when ?c ?then) ..]{}`",
                if operand { "an operand and " } else { "" },
                if otherwise { " and an else" } else { "" },
                if operand { "?x " } else { "" },
                if otherwise { " ?else" } else { "" },
            ),
            Takes::Typed => "an operand and a type: `?x Int64`, `?x ?type`, `?x _`".to_owned(),
            Takes::Named => "a function and its arguments: `lower ?x`, `coalesce [.. ?x ..]`".to_owned(),
        }
    }
}

impl fmt::Display for ScalarOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
