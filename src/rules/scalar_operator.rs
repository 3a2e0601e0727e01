use std::fmt;

use crate::expr::{BinaryOp, ScalarOp};
use crate::term::ColumnId;

/// An operator of scalars that patterns and right sides may name. Others, such as `between` or `is-false`, have
/// normal forms made of these, or hold more than operands.
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
}

/// Classes of operators: `?cmp:comparison`.
const CLASSES: [(&str, &[BinaryOp]); 3] = [
    ("comparison", &[BinaryOp::Eq, BinaryOp::NotEq, BinaryOp::Lt, BinaryOp::LtEq, BinaryOp::Gt, BinaryOp::GtEq]),
    ("ordering", &[BinaryOp::Lt, BinaryOp::LtEq, BinaryOp::Gt, BinaryOp::GtEq]),
    ("arithmetic", &[BinaryOp::Plus, BinaryOp::Minus, BinaryOp::Multiply, BinaryOp::Divide, BinaryOp::Modulo]),
];

/// Operators whose normal form is made of others, and that form.
const REWRITTEN: [(&str, &str); 10] = [
    ("is-false", "(is-true (not ..))"),
    ("is-not-true", "(not (is-true ..))"),
    ("is-not-false", "(not (is-true (not ..)))"),
    ("is-unknown", "(is-null ..)"),
    ("is-not-unknown", "(is-not-null ..)"),
    ("between", "(and [.. (?x >= ?low) ..])"),
    ("not-between", "(or [.. (?x < ?low) ..])"),
    ("not-in", "a list of `<>`, which rules cannot match yet"),
    ("in", "a list, which rules cannot match yet"),
    ("case", "branches, which rules cannot match yet"),
];

impl ScalarOperator {
    /// Those that stand before their operands.
    pub const PREFIX: [ScalarOperator; 7] = [
        ScalarOperator::Not,
        ScalarOperator::Negate,
        ScalarOperator::IsNull,
        ScalarOperator::IsNotNull,
        ScalarOperator::IsTrue,
        ScalarOperator::And,
        ScalarOperator::Or,
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
            _ => return None,
        })
    }

    /// The operator as nodes hold it.
    pub fn op(self) -> ScalarOp<ColumnId> {
        match self {
            ScalarOperator::Binary(binary) => ScalarOp::Binary(binary),
            ScalarOperator::Not => ScalarOp::Not,
            ScalarOperator::Negate => ScalarOp::Negate,
            ScalarOperator::IsNull => ScalarOp::IsNull,
            ScalarOperator::IsNotNull => ScalarOp::IsNotNull,
            ScalarOperator::IsTrue => ScalarOp::IsTrue,
            ScalarOperator::And => ScalarOp::And,
            ScalarOperator::Or => ScalarOp::Or,
        }
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
        }
    }

    /// The operator of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let prefix = ScalarOperator::PREFIX.into_iter().find(|operator| operator.name() == name);
        prefix.or_else(|| BinaryOp::from_symbol(name).map(ScalarOperator::Binary))
    }

    /// How many operands it has; `None` for any number, in no order.
    pub fn operands(self) -> Option<usize> {
        match self {
            ScalarOperator::Binary(_) => Some(2),
            ScalarOperator::And | ScalarOperator::Or => None,
            _ => Some(1),
        }
    }

    /// The operators of a class.
    pub(super) fn class(name: &str) -> Option<impl Iterator<Item = ScalarOperator>> {
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

impl fmt::Display for ScalarOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
