use std::fmt;
use std::sync::Arc;

use arrow_schema::DataType;

use super::fallible::widens;
use super::{AggregateFunction, BinaryOp, Literal, Scalar, ScalarOp};
use crate::token::{Tokenize, Tokenizer};

/// How often a function may be called without anybody noticing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Volatility {
    /// Same arguments, same result: it may be folded into a constant.
    Immutable,
    /// One result within a run (`now()`): never folded into a plan.
    Stable,
    /// Another result at every call (`random()`): never shared, duplicated or dropped.
    Volatile,
}

/// What an engine tells of one function at given argument types. Its identity is name and version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionInfo {
    /// The name.
    pub name: Arc<str>,
    /// The version that the engine declares; another version is another function.
    pub version: Arc<str>,
    /// How often it may be called.
    pub volatility: Volatility,
    /// The type of the result at these argument types.
    pub return_type: super::DataTypeKey,
    /// Whether the result can be null although no argument is.
    pub nullable: bool,
    /// Whether a null argument makes the result null.
    pub strict: bool,
    /// Whether a call can raise an error.
    pub fallible: bool,
}

/// A shared [`FunctionInfo`].
pub type FunctionRef = Arc<FunctionInfo>;

impl Tokenize for FunctionInfo {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("function");
        tokenizer.put_str(&self.name);
        tokenizer.put_str(&self.version);
        tokenizer.put(&self.return_type.0);
        // What a call gives does not follow from its arguments, so it names an instance.
        if self.volatility == Volatility::Volatile {
            tokenizer.set_identity(format_args!("function `{}` is volatile: each call is its own", self.name));
        }
    }
}

/// The source of types: what an engine's operators and functions give.
///
/// The defaults are those of [`CoreFunctions`]; an engine overrides what it does differently.
pub trait Functions: Send + Sync {
    /// The type of a binary operation, or `None` when the operands do not fit.
    fn binary_type(&self, op: BinaryOp, left: &DataType, right: &DataType) -> Option<DataType> {
        core_binary_type(op, left, right)
    }

    /// The type of an aggregate, or `None` when the argument does not fit.
    fn aggregate_type(&self, function: &AggregateFunction, args: &[DataType]) -> Option<DataType> {
        core_aggregate_type(function, args)
    }

    /// A scalar function at given argument types, or `None` when the engine has none.
    fn function(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        let _ = (name, args);
        None
    }

    /// The same for a call of which some arguments are constants: the type of `date_part('year', t)` depends
    /// on one. There is an entry per argument.
    fn function_of(&self, name: &str, args: &[DataType], constants: &[Option<&Literal>]) -> Option<FunctionInfo> {
        let _ = constants;
        self.function(name, args)
    }

    /// An aggregate function of the engine's own at given argument types, or `None` when it has none: what
    /// a document means by the name of one.
    fn aggregate(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        let _ = (name, args);
        None
    }

    /// The names of the engine's scalar functions, for suggestions.
    fn function_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// The narrowest type that holds the values of both, or `None` when there is none: what columns of a
    /// union become.
    fn common_type(&self, left: &DataType, right: &DataType) -> Option<DataType> {
        core_common_type(left, right)
    }

    /// The value of an immutable operation on constants, or `None` when the engine cannot tell
    /// or the operation raises an error (which must then happen at run time).
    fn evaluate(&self, op: &ScalarOp<()>, args: &[Literal]) -> Option<Literal> {
        let _ = (op, args);
        None
    }
}

/// The operators alone, with the result types that DataFusion gives them.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoreFunctions;

impl Functions for CoreFunctions {}

fn core_binary_type(op: BinaryOp, left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::*;
    let same_family = left == right
        || left == &Null
        || right == &Null
        || (left.is_numeric() && right.is_numeric())
        || (is_text(left) && is_text(right))
        || (left.is_temporal() && right.is_temporal());
    if op.is_comparison() {
        return same_family.then_some(Boolean);
    }
    if op == BinaryOp::Concat {
        return (is_text(left) && is_text(right)).then(|| left.clone());
    }
    match (left, right) {
        (Decimal128(p1, s1), Decimal128(p2, s2)) => decimal_type(op, (*p1, *s1), (*p2, *s2)),
        (Null, other) | (other, Null) => Some(other.clone()),
        _ if left == right && left.is_numeric() => Some(left.clone()),
        _ if left.is_numeric() && right.is_numeric() => wider(left, right),
        (Date32 | Date64 | Timestamp(_, _), Interval(_) | Duration(_)) => Some(left.clone()),
        (Interval(_) | Duration(_), Date32 | Date64 | Timestamp(_, _)) if op == BinaryOp::Plus => Some(right.clone()),
        _ => None,
    }
}

/// The result types of Arrow's decimal kernels.
fn decimal_type(op: BinaryOp, (p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> Option<DataType> {
    let (scale, precision) = match op {
        BinaryOp::Plus | BinaryOp::Minus => {
            let scale = s1.max(s2);
            let whole = (p1 as i16 - s1 as i16).max(p2 as i16 - s2 as i16);
            (scale, whole + scale as i16 + 1)
        }
        BinaryOp::Multiply => (s1.checked_add(s2)?, p1 as i16 + p2 as i16 + 1),
        BinaryOp::Divide => {
            let scale = (s1 as i16 + 4).min(38) as i8;
            (scale, scale as i16 - s1 as i16 + s2 as i16 + p1 as i16)
        }
        BinaryOp::Modulo => {
            let scale = s1.max(s2);
            ((scale), (p1 as i16 - s1 as i16).min(p2 as i16 - s2 as i16) + scale as i16)
        }
        _ => return None,
    };
    Some(DataType::Decimal128(precision.clamp(1, 38) as u8, scale))
}

fn wider(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::*;
    let rank = |kind: &DataType| {
        [Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Float32, Float64].iter().position(|at| at == kind)
    };
    Some(if rank(left)? >= rank(right)? { left.clone() } else { right.clone() })
}

fn core_common_type(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::*;
    match (left, right) {
        (a, b) if widens(b, a) => Some(a.clone()),
        (a, b) if widens(a, b) => Some(b.clone()),
        // No integer holds both, the next signed one does.
        (Int8 | Int16, UInt8 | UInt16) | (UInt8 | UInt16, Int8 | Int16) => Some(Int32),
        (Int8 | Int16 | Int32, UInt32) | (UInt32, Int8 | Int16 | Int32) => Some(Int64),
        (Decimal128(p1, s1), Decimal128(p2, s2)) => {
            let scale = *s1.max(s2);
            let whole = (i16::from(*p1) - i16::from(*s1)).max(i16::from(*p2) - i16::from(*s2));
            let precision = u8::try_from(whole + i16::from(scale)).ok()?;
            (precision <= 38).then_some(Decimal128(precision, scale))
        }
        (a, b) if a.is_numeric() && b.is_numeric() => (a.is_floating() || b.is_floating()).then_some(Float64),
        _ => None,
    }
}

pub(crate) fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn core_aggregate_type(function: &AggregateFunction, args: &[DataType]) -> Option<DataType> {
    use DataType::*;
    Some(match (function, args) {
        (AggregateFunction::Count, _) => Int64,
        (AggregateFunction::Other(function), _) => function.return_type.0.clone(),
        (AggregateFunction::Min | AggregateFunction::Max, [kind]) => kind.clone(),
        (AggregateFunction::Sum, [kind]) => match kind {
            Int8 | Int16 | Int32 | Int64 => Int64,
            UInt8 | UInt16 | UInt32 | UInt64 => UInt64,
            Float16 | Float32 | Float64 => Float64,
            Decimal128(precision, scale) => Decimal128((precision + 10).min(38), *scale),
            _ => return None,
        },
        (AggregateFunction::Avg, [kind]) => match kind {
            Decimal128(precision, scale) => Decimal128((precision + 4).min(38), (scale + 4).min(38)),
            kind if kind.is_numeric() => Float64,
            _ => return None,
        },
        _ => return None,
    })
}

impl<C> Scalar<C> {
    /// The most volatile function in this scalar.
    pub fn volatility(&self) -> Volatility {
        let own = match &self.op {
            ScalarOp::Call(function) => function.volatility,
            _ => Volatility::Immutable,
        };
        self.args.iter().map(Scalar::volatility).fold(own, Ord::max)
    }
}

impl fmt::Display for Volatility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Volatility::Immutable => "immutable",
            Volatility::Stable => "stable",
            Volatility::Volatile => "volatile",
        })
    }
}
