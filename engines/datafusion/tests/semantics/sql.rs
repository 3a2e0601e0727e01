//! An expression as SQL: the way to DataFusion that shares nothing with the kernels.

use std::fmt::Write;

use arrow_schema::DataType;
use leafhold::expr::{AggregateCall, BinaryOp, Expr, JoinKind, Op, Scalar, ScalarOp, SortKey};
use leafhold::term::interpret::{Value, values_of};

/// The query of an expression. Every relation is a subquery, every column has a name of its own.
pub fn sql(expr: &Expr) -> String {
    let mut printer = Printer { aliases: 0 };
    printer.relation(expr)
}

struct Printer {
    aliases: usize,
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", ")
}

impl Printer {
    fn from(&mut self, expr: &Expr) -> String {
        let query = self.relation(expr);
        self.aliases += 1;
        format!("({query}) AS r{}", self.aliases)
    }

    fn relation(&mut self, expr: &Expr) -> String {
        let inputs = expr.inputs();
        match expr.op() {
            Op::Leaf(leaf) => format!("SELECT * FROM {}", leaf.name()),
            Op::Project(columns) => {
                let columns = columns.iter().map(|(name, value)| format!("{} AS {name}", scalar(value)));
                format!("SELECT {} FROM {}", list(columns), self.from(&inputs[0]))
            }
            Op::Filter(predicate) => format!("SELECT * FROM {} WHERE {}", self.from(&inputs[0]), scalar(predicate)),
            Op::Join { kind, on } => {
                let (left, right) = (self.from(&inputs[0]), self.from(&inputs[1]));
                match kind {
                    JoinKind::NullAwareAnti => not_in(&left, &right, on, &inputs[0]),
                    kind => format!("SELECT * FROM {left} {} {right} ON {}", join(*kind), conjunction(on)),
                }
            }
            Op::Aggregate { group, aggregates, .. } => {
                let keys = group.iter().map(|(name, key)| format!("{} AS {name}", scalar(key)));
                let calls = aggregates.iter().map(|(name, call)| format!("{} AS {name}", aggregate(call)));
                let mut text = format!("SELECT {} FROM {}", list(keys.chain(calls)), self.from(&inputs[0]));
                if !group.is_empty() {
                    write!(text, " GROUP BY {}", list((1..=group.len()).map(|at| at.to_string()))).unwrap();
                }
                text
            }
            Op::Sort(keys) => {
                format!("SELECT * FROM {} ORDER BY {}", self.from(&inputs[0]), list(keys.iter().map(sort_key)))
            }
            Op::Limit { offset, fetch } => {
                // An order means something only where the limit is.
                let mut text = match inputs[0].op() {
                    Op::Sort(_) => self.relation(&inputs[0]),
                    _ => format!("SELECT * FROM {}", self.from(&inputs[0])),
                };
                if let Some(fetch) = fetch {
                    write!(text, " LIMIT {fetch}").unwrap();
                }
                write!(text, " OFFSET {offset}").unwrap();
                text
            }
            Op::Distinct => format!("SELECT DISTINCT * FROM {}", self.from(&inputs[0])),
            Op::Union => {
                let inputs: Vec<_> = inputs.iter().map(|input| format!("SELECT * FROM {}", self.from(input))).collect();
                inputs.join(" UNION ALL ")
            }
            op => unreachable!("no SQL for {}", op.name()),
        }
    }
}

fn join(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::Inner => "INNER JOIN",
        JoinKind::Left => "LEFT JOIN",
        JoinKind::Right => "RIGHT JOIN",
        JoinKind::Full => "FULL JOIN",
        JoinKind::Semi => "LEFT SEMI JOIN",
        JoinKind::Anti | JoinKind::NullAwareAnti => "LEFT ANTI JOIN",
    }
}

/// Rows for which the condition is false with every right row.
fn not_in(left: &str, right: &str, on: &[Scalar], left_expr: &Expr) -> String {
    let reads_left = |scalar: &Scalar| {
        let mut all = true;
        scalar.for_each_column(&mut |name| all &= left_expr.schema().field_with_name(name).is_ok());
        all
    };
    if let [Scalar { op: ScalarOp::Binary(BinaryOp::Eq), args }] = on {
        let (value, item) = if reads_left(&args[0]) { (&args[0], &args[1]) } else { (&args[1], &args[0]) };
        return format!("SELECT * FROM {left} WHERE {} NOT IN (SELECT {} FROM {right})", scalar(value), scalar(item));
    }
    let condition = conjunction(on);
    format!("SELECT * FROM {left} WHERE NOT EXISTS (SELECT 1 FROM {right} WHERE ({condition}) IS NOT FALSE)")
}

fn conjunction(on: &[Scalar]) -> String {
    match on.is_empty() {
        true => "TRUE".to_owned(),
        false => on.iter().map(scalar).collect::<Vec<_>>().join(" AND "),
    }
}

fn aggregate(call: &AggregateCall) -> String {
    let args = match call.args.is_empty() {
        true => "*".to_owned(),
        false => list(call.args.iter().map(scalar)),
    };
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let mut text = format!("{}({distinct}{args})", call.function.name());
    if let Some(filter) = &call.filter {
        write!(text, " FILTER (WHERE {})", scalar(filter)).unwrap();
    }
    text
}

fn sort_key(key: &SortKey) -> String {
    let direction = if key.descending { "DESC" } else { "ASC" };
    let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
    format!("{} {direction} NULLS {nulls}", scalar(&key.scalar))
}

/// A scalar, in parentheses where it needs some.
pub fn scalar(node: &Scalar) -> String {
    let args: Vec<String> = node.args.iter().map(scalar).collect();
    let not = |negated: bool| if negated { "NOT " } else { "" };
    match &node.op {
        ScalarOp::Column(name) => name.to_string(),
        ScalarOp::Literal(value) => literal(&values_of(value.array())[0], value.data_type()),
        ScalarOp::And => format!("({})", args.join(" AND ")),
        ScalarOp::Or => format!("({})", args.join(" OR ")),
        ScalarOp::Binary(op) => {
            let symbol = match op {
                BinaryOp::IsDistinctFrom => "IS DISTINCT FROM",
                BinaryOp::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
                BinaryOp::Concat => "||",
                op => op.symbol(),
            };
            format!("({} {symbol} {})", args[0], args[1])
        }
        ScalarOp::Not => format!("(NOT {})", args[0]),
        ScalarOp::Negate => format!("(- {})", args[0]),
        ScalarOp::IsNull => format!("({} IS NULL)", args[0]),
        ScalarOp::IsNotNull => format!("({} IS NOT NULL)", args[0]),
        ScalarOp::IsTrue => format!("({} IS TRUE)", args[0]),
        ScalarOp::Cast { to, safe } => cast(&args[0], &to.0, *safe),
        // Here, too, DataFusion goes by the bits of floats: those are compared with its own `=`.
        ScalarOp::Case { operand, otherwise } => {
            let by_equality = *operand && node.args.iter().any(is_float);
            let mut args = args.iter();
            let mut text = "(CASE".to_owned();
            let subject = if *operand { args.next() } else { None };
            if let Some(subject) = subject.filter(|_| !by_equality) {
                write!(text, " {subject}").unwrap();
            }
            let last = if *otherwise { args.next_back() } else { None };
            while let (Some(when), Some(then)) = (args.next(), args.next()) {
                match subject.filter(|_| by_equality) {
                    Some(subject) => write!(text, " WHEN {subject} = {when} THEN {then}").unwrap(),
                    None => write!(text, " WHEN {when} THEN {then}").unwrap(),
                }
            }
            if let Some(last) = last {
                write!(text, " ELSE {last}").unwrap();
            }
            text + " END)"
        }
        // DataFusion looks most lists of floats up by their bits, which is not its own `=`.
        ScalarOp::InList { negated } if node.args[1..].iter().any(is_float) => {
            let equal: Vec<_> = args[1..].iter().map(|item| format!("{} = {item}", args[0])).collect();
            format!("({}({}))", not(*negated), equal.join(" OR "))
        }
        ScalarOp::InList { negated } => format!("({} {}IN ({}))", args[0], not(*negated), args[1..].join(", ")),
        ScalarOp::Between { negated } => {
            format!("({} {}BETWEEN {} AND {})", args[0], not(*negated), args[1], args[2])
        }
        ScalarOp::Like { negated, case_insensitive, .. } => {
            let like = if *case_insensitive { "ILIKE" } else { "LIKE" };
            format!("({} {}{like} {})", args[0], not(*negated), args[1])
        }
        ScalarOp::Call(function) => format!("{}({})", function.name, args.join(", ")),
        op => unreachable!("no random scalar has a {}", op.name()),
    }
}

fn is_float(scalar: &Scalar) -> bool {
    matches!(&scalar.op, ScalarOp::Literal(literal) if literal.data_type().is_floating())
}

fn cast(text: &str, to: &DataType, safe: bool) -> String {
    let word = if safe { "TRY_CAST" } else { "CAST" };
    match to {
        // VARCHAR would be another Arrow type.
        DataType::Utf8 => format!("arrow_cast({text}, 'Utf8')"),
        DataType::Int64 => format!("{word}({text} AS BIGINT)"),
        DataType::Float64 => format!("{word}({text} AS DOUBLE)"),
        DataType::Boolean => format!("{word}({text} AS BOOLEAN)"),
        DataType::Date32 => format!("{word}({text} AS DATE)"),
        DataType::Decimal128(precision, scale) => format!("{word}({text} AS DECIMAL({precision}, {scale}))"),
        other => unreachable!("no SQL name of {other}"),
    }
}

fn literal(value: &Value, kind: &DataType) -> String {
    match value {
        Value::Null => cast("NULL", kind, false),
        Value::Boolean(value) => value.to_string().to_uppercase(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Date(days) => format!("arrow_cast(arrow_cast({days}, 'Int32'), 'Date32')"),
        Value::Int(_, value) => cast(&format!("'{value}'"), kind, false),
        Value::Float(_, value) => cast(&format!("'{value:?}'"), kind, false),
        Value::Decimal { unscaled, scale, .. } => {
            let digits = format!("{:0>1$}", unscaled.unsigned_abs(), scale.unsigned_abs() as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale.unsigned_abs() as usize);
            let sign = if *unscaled < 0 { "-" } else { "" };
            cast(&format!("'{sign}{whole}.{fraction}'"), kind, false)
        }
        other => unreachable!("no SQL for {other}"),
    }
}
