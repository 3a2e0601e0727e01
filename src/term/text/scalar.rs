use std::str::FromStr;

use arrow_array::Date32Array;
use arrow_cast::cast;
use arrow_schema::DataType;

use super::datum::{Datum, DatumKind};
use super::error::{NotationError, NotationErrorKind};
use super::lexer::Span;
use crate::expr::{
    AggregateCall, AggregateFunction, BinaryOp, DataTypeKey, ExprError, FrameBound, FrameUnits, Literal, Scalar,
    ScalarOp, ScalarType, WindowCall, WindowFrame, WindowFunction, infer_op, window_type,
};
use crate::term::{ColumnId, ColumnSet, Terms};

/// Reads scalars over the columns of a scope.
pub(super) struct Scalars<'a> {
    pub text: &'a str,
    pub terms: &'a Terms,
    pub scope: &'a ColumnSet,
}

type Typed = (Scalar<ColumnId>, ScalarType);

impl Scalars<'_> {
    fn error(&self, span: Span, kind: impl Into<NotationErrorKind>) -> NotationError {
        NotationError::new(self.text, span, kind)
    }

    fn expected(&self, expected: &str, found: &Datum) -> NotationError {
        let kind = NotationErrorKind::Expected { expected: expected.to_owned(), found: found.describe() };
        self.error(found.span, kind)
    }

    /// A column of the scope.
    pub fn column(&self, datum: &Datum) -> Result<ColumnId, NotationError> {
        let (DatumKind::Word(name) | DatumKind::Quoted(name)) = &datum.kind else {
            return Err(self.expected("a column", datum));
        };
        let known = self.terms.column_named(name).filter(|column| self.scope.contains(*column));
        known.ok_or_else(|| {
            let names = self.scope.iter().map(|column| &*self.terms.column(column).name);
            self.error(datum.span, ExprError::unknown_column(name, names))
        })
    }

    /// A scalar that must be a boolean.
    pub fn condition(&self, datum: &Datum) -> Result<Scalar<ColumnId>, NotationError> {
        let (scalar, kind) = self.scalar(datum)?;
        match kind.data_type {
            DataType::Boolean | DataType::Null => Ok(scalar),
            found => Err(self.error(datum.span, ExprError::NotBoolean { what: "a condition", found })),
        }
    }

    /// A scalar and its type.
    pub fn scalar(&self, datum: &Datum) -> Result<Typed, NotationError> {
        match &datum.kind {
            DatumKind::Text(text) => Ok(literal(Literal::from(text.as_str()))),
            DatumKind::Quoted(_) => self.column_scalar(datum),
            DatumKind::Word(word) => match word.as_str() {
                "null" => Ok(literal(Literal::null(&DataType::Null))),
                "true" => Ok(literal(Literal::from(true))),
                "false" => Ok(literal(Literal::from(false))),
                word if word.strip_prefix('-').unwrap_or(word).starts_with(|c: char| c.is_ascii_digit()) => {
                    let whole = word.parse::<i64>().ok().map(Literal::from);
                    let number = whole.or_else(|| word.parse::<f64>().ok().map(Literal::from));
                    number.map(literal).ok_or_else(|| self.expected("a number", datum))
                }
                _ => self.column_scalar(datum),
            },
            DatumKind::List('(', items) => self.operation(datum, items),
            DatumKind::List(..) => Err(self.expected("a scalar", datum)),
        }
    }

    fn column_scalar(&self, datum: &Datum) -> Result<Typed, NotationError> {
        let column = self.column(datum)?;
        let info = self.terms.column(column);
        Ok((Scalar::column(column), ScalarType::new(info.data_type.clone(), info.nullable)))
    }

    fn build(&self, span: Span, op: ScalarOp<ColumnId>, args: Vec<Typed>) -> Result<Typed, NotationError> {
        let (scalars, types): (Vec<_>, Vec<_>) = args.into_iter().unzip();
        let kind = infer_op(&op, &types, &**self.terms.functions()).map_err(|error| self.error(span, error))?;
        Ok((Scalar::new(op, scalars), kind))
    }

    /// Scalars in a row; `date '2020-02-02'` is one.
    pub fn scalars(&self, items: &[Datum]) -> Result<Vec<Typed>, NotationError> {
        let mut scalars = Vec::new();
        let mut rest = items;
        while let Some((first, more)) = rest.split_first() {
            let date = match (first.word(), more.first().map(|next| &next.kind)) {
                (Some("date"), Some(DatumKind::Text(text))) => Some(text),
                _ => None,
            };
            if let Some(text) = date {
                let parsed = Literal::from(text.as_str()).array().clone();
                let date = cast(&parsed, &DataType::Date32).ok().map(Literal::new);
                let date = date.filter(|date| date.array().as_any().is::<Date32Array>() && !date.is_null());
                scalars.push(literal(date.ok_or_else(|| self.expected("a date such as '2020-02-28'", &more[0]))?));
                rest = &more[1..];
            } else {
                scalars.push(self.scalar(first)?);
                rest = more;
            }
        }
        Ok(scalars)
    }

    fn operation(&self, datum: &Datum, items: &[Datum]) -> Result<Typed, NotationError> {
        let infix = items
            .iter()
            .enumerate()
            .skip(1)
            .find_map(|(at, item)| item.word().and_then(BinaryOp::from_symbol).map(|op| (at, op)));
        if let Some((at, op)) = infix {
            let left = self.scalars(&items[..at])?;
            let right = self.scalars(&items[at + 1..])?;
            let [left, right] = [left, right].map(|mut side| if side.len() == 1 { side.pop() } else { None });
            let (Some(left), Some(right)) = (left, right) else {
                return Err(self.expected("one operand on each side of the operator", datum));
            };
            return self.build(datum.span, ScalarOp::Binary(op), vec![left, right]);
        }
        let Some((head, operands)) = datum.form() else {
            return Err(self.expected("`(operator operand ..)`", datum));
        };
        if head == "date" && operands.len() == 1 {
            return self.scalars(items).map(|mut scalars| scalars.remove(0));
        }
        if matches!(head, "cast" | "try-cast") {
            return self.cast(datum, head == "try-cast", operands);
        }
        let (operands, escape) = match operands {
            [operands @ .., word, Datum { kind: DatumKind::Text(escape), .. }] if word.word() == Some("escape") => {
                (operands, escape.chars().next())
            }
            _ => (operands, None),
        };
        let args = self.scalars(operands)?;
        let case = |operand, otherwise| ScalarOp::Case { operand, otherwise };
        let like = |negated, case_insensitive| ScalarOp::Like { negated, case_insensitive, escape };
        let op = match head {
            "and" => ScalarOp::And,
            "or" => ScalarOp::Or,
            "not" => ScalarOp::Not,
            "negate" => ScalarOp::Negate,
            "is-null" => ScalarOp::IsNull,
            "is-not-null" => ScalarOp::IsNotNull,
            "is-true" => ScalarOp::IsTrue,
            "is-not-true" => ScalarOp::IsNotTrue,
            "is-false" => ScalarOp::IsFalse,
            "is-not-false" => ScalarOp::IsNotFalse,
            "is-unknown" => ScalarOp::IsUnknown,
            "is-not-unknown" => ScalarOp::IsNotUnknown,
            "case" => case(false, true),
            "case-of" => case(true, true),
            "case-no-else" => case(false, false),
            "case-of-no-else" => case(true, false),
            "in" => ScalarOp::InList { negated: false },
            "not-in" => ScalarOp::InList { negated: true },
            "between" => ScalarOp::Between { negated: false },
            "not-between" => ScalarOp::Between { negated: true },
            "like" => like(false, false),
            "not-like" => like(true, false),
            "ilike" => like(false, true),
            "not-ilike" => like(true, true),
            name => {
                let types: Vec<_> = args.iter().map(|(_, kind)| kind.data_type.clone()).collect();
                let function = self.terms.functions().function(name, &types).ok_or_else(|| {
                    let near = crate::expr::nearest(name, OPERATIONS).map(|near| format!("; did you mean `{near}`?"));
                    let hint = near.unwrap_or_default();
                    self.error(datum.span, NotationErrorKind::UnknownFunction { name: name.to_owned(), hint })
                })?;
                ScalarOp::Call(function.into())
            }
        };
        self.build(datum.span, op, args)
    }

    fn cast(&self, datum: &Datum, safe: bool, operands: &[Datum]) -> Result<Typed, NotationError> {
        let [operand, first, ..] = operands else {
            return Err(self.expected("a scalar and a type", datum));
        };
        // A type is taken as it stands in the text, up to the parenthesis that closes the cast.
        let text = self.text[first.span.start..datum.span.end - 1].trim();
        let to = DataType::from_str(text).map_err(|_| {
            self.error(
                Span { start: first.span.start, end: datum.span.end - 1 },
                NotationErrorKind::UnknownType(text.to_owned()),
            )
        })?;
        let operand = self.scalar(operand)?;
        // The null of a type is a constant like any other.
        if matches!(&operand.0.op, ScalarOp::Literal(literal) if *literal.data_type() == DataType::Null) {
            return Ok(literal(Literal::null(&to)));
        }
        self.build(datum.span, ScalarOp::Cast { to: DataTypeKey(to), safe }, vec![operand])
    }

    /// An aggregate call and the type that it gives.
    pub fn call(&self, datum: &Datum) -> Result<(AggregateCall<ColumnId>, DataType), NotationError> {
        let Some((head, operands)) = datum.form() else {
            return Err(self.expected("an aggregate such as `(sum a)`", datum));
        };
        let known = match head {
            "count" => Some(AggregateFunction::Count),
            "sum" => Some(AggregateFunction::Sum),
            "min" => Some(AggregateFunction::Min),
            "max" => Some(AggregateFunction::Max),
            "avg" => Some(AggregateFunction::Avg),
            _ => None,
        };
        let (distinct, operands) = match operands.split_first() {
            Some((first, rest)) if first.word() == Some("distinct") => (true, rest),
            _ => (false, operands),
        };
        let (operands, filter) = match operands {
            [operands @ .., word, filter] if word.word() == Some("where") => (operands, Some(self.condition(filter)?)),
            _ => (operands, None),
        };
        let (args, types): (Vec<_>, Vec<_>) = self.scalars(operands)?.into_iter().unzip();
        let types: Vec<_> = types.into_iter().map(|kind| kind.data_type).collect();
        let function = known.or_else(|| {
            let own = self.terms.functions().aggregate(head, &types)?;
            Some(AggregateFunction::Other(own.into()))
        });
        let function = function.ok_or_else(|| {
            let near = crate::expr::nearest(head, ["count", "sum", "min", "max", "avg"]);
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            self.error(datum.span, NotationErrorKind::UnknownFunction { name: head.to_owned(), hint })
        })?;
        let data_type = self.terms.functions().aggregate_type(&function, &types).ok_or_else(|| {
            self.error(datum.span, ExprError::Type { operator: format!("`{head}`"), found: types.clone() })
        })?;
        Ok((AggregateCall { function, args, distinct, filter }, data_type))
    }

    /// A call of a window and what it gives.
    pub fn window_call(&self, datum: &Datum) -> Result<(WindowCall<ColumnId>, ScalarType), NotationError> {
        let Some((head, operands)) = datum.form() else {
            return Err(self.expected("a call such as `(row-number)`", datum));
        };
        let (operands, frame) = match operands {
            [operands @ .., word, frame] if word.word() == Some("over") => (operands, self.frame(frame)?),
            _ => (operands, WindowFrame::UP_TO_PEERS),
        };
        let number = || operands.first().and_then(Datum::word).and_then(|word| word.parse::<u64>().ok());
        let numbered = |make: fn(u64) -> WindowFunction| match number() {
            Some(number) => Ok((make(number), &operands[1..])),
            None => Err(self.expected("a number after the function's name", datum)),
        };
        let (function, operands) = match head {
            "row-number" => (WindowFunction::RowNumber, operands),
            "rank" => (WindowFunction::Rank, operands),
            "dense-rank" => (WindowFunction::DenseRank, operands),
            "percent-rank" => (WindowFunction::PercentRank, operands),
            "cume-dist" => (WindowFunction::CumeDist, operands),
            "ntile" => numbered(WindowFunction::Ntile)?,
            "first-value" => (WindowFunction::FirstValue, operands),
            "last-value" => (WindowFunction::LastValue, operands),
            "lag" => numbered(WindowFunction::Lag)?,
            "lead" => numbered(WindowFunction::Lead)?,
            "nth-value" => numbered(WindowFunction::NthValue)?,
            _ => {
                // An aggregate, read as one without its frame.
                let mut plain = datum.clone();
                if let DatumKind::List(_, items) = &mut plain.kind {
                    items.truncate(operands.len() + 1);
                }
                let (call, data_type) = self.call(&plain)?;
                let nullable = call.function != AggregateFunction::Count;
                let call = call.over(frame).map_err(|error| self.error(datum.span, error))?;
                return Ok((call, ScalarType::new(data_type, nullable)));
            }
        };
        let (args, types): (Vec<_>, Vec<_>) = self.scalars(operands)?.into_iter().unzip();
        let kind = window_type(&function, &types, &**self.terms.functions());
        let kind = kind.map_err(|error| self.error(datum.span, error))?;
        Ok((WindowCall { function, args, frame, filter: None }, kind))
    }

    /// `(rows 1-preceding current-row)`.
    fn frame(&self, datum: &Datum) -> Result<WindowFrame, NotationError> {
        let expected = || self.expected("a frame such as `(rows 1-preceding current-row)`", datum);
        let Some((units, [start, end])) = datum.form() else { return Err(expected()) };
        let units = match units {
            "rows" => FrameUnits::Rows,
            "range" => FrameUnits::Range,
            "groups" => FrameUnits::Groups,
            _ => return Err(expected()),
        };
        let bound = |datum: &Datum| match datum.word()? {
            "unbounded-preceding" => Some(FrameBound::UnboundedPreceding),
            "current-row" => Some(FrameBound::CurrentRow),
            "unbounded-following" => Some(FrameBound::UnboundedFollowing),
            word => match word.split_once('-')? {
                (rows, "preceding") => rows.parse().ok().map(FrameBound::Preceding),
                (rows, "following") => rows.parse().ok().map(FrameBound::Following),
                _ => None,
            },
        };
        let (Some(start), Some(end)) = (bound(start), bound(end)) else { return Err(expected()) };
        Ok(WindowFrame { units, start, end })
    }
}

fn literal(literal: Literal) -> Typed {
    let kind = ScalarType::new(literal.data_type().clone(), literal.is_null());
    (Scalar::literal(literal), kind)
}

const OPERATIONS: [&str; 27] = [
    "and",
    "or",
    "not",
    "negate",
    "is-null",
    "is-not-null",
    "is-true",
    "is-not-true",
    "is-false",
    "is-not-false",
    "is-unknown",
    "is-not-unknown",
    "cast",
    "try-cast",
    "case",
    "case-of",
    "case-no-else",
    "case-of-no-else",
    "in",
    "not-in",
    "between",
    "not-between",
    "like",
    "not-like",
    "ilike",
    "not-ilike",
    "date",
];
