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
