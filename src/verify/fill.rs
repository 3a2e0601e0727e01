//! Fillings of the tables that a term reads: all tiny ones, and seeded samples of larger ones.

use std::sync::Arc;

use arrow_array::ListArray;
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};

use super::dice::Dice;
use crate::expr::{AggregateFunction, Literal, WindowFunction};
use crate::optimize::reads;
use crate::term::interpret::{Row, Tables, Value, array_of};
use crate::term::{ColumnSet, GetId, RelOp, TermId, Terms};

/// The rows of each table of a query, by [`GetId`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filling(pub Vec<Vec<Row>>);

impl Filling {
    /// As the interpreter takes it.
    pub fn tables(&self) -> Tables {
        let tables = self.0.iter().enumerate();
        tables.fold(Tables::new(), |tables, (at, rows)| tables.with_table(GetId(at as u32), rows.clone()))
    }
}

/// The most rows of a table in a sample.
const SAMPLED_ROWS: usize = 4;

struct Column {
    kind: DataType,
    nullable: bool,
    /// Whether a term does more with it than to hand it on.
    read: bool,
}

/// The tables that some terms read, and what may be in them.
pub(super) struct Domain {
    /// By [`GetId`]; no columns and `None` where no term reads the table.
    tables: Vec<Option<Vec<Column>>>,
    /// Whether the order of rows can be seen: otherwise tables are bags.
    ordered: bool,
}

impl Domain {
    /// What two terms read.
    pub fn of(terms: &Terms, roots: [TermId; 2]) -> Domain {
        let mut read = ColumnSet::new();
        let mut gets = vec![false; terms.gets().len()];
        let mut ordered = false;
        let mut stack: Vec<TermId> = roots.to_vec();
        let mut seen = std::collections::HashSet::new();
        while let Some(term) = stack.pop() {
            if !seen.insert(term) {
                continue;
            }
            let node = terms.term(term);
            match node.op {
                RelOp::Get(get) => gets[get.0 as usize] = true,
                RelOp::Distinct | RelOp::Extension(_) => read.extend(&terms.facts(term).outputs),
                _ => read.extend(&reads(terms, node.op)),
            }
            ordered |= sees_order(terms, node.op);
            stack.extend(node.inputs.iter().copied());
        }
        let column = |field: &Arc<Field>, id| Column {
            kind: field.data_type().clone(),
            nullable: field.is_nullable(),
            read: read.contains(id),
        };
        let tables = terms.gets().iter().zip(gets).map(|(spec, used)| {
            let fields = spec.leaf.schema();
            let columns = fields.fields().iter().zip(&spec.columns).map(|(field, id)| column(field, *id));
            used.then(|| columns.collect())
        });
        Domain { tables: tables.collect(), ordered }
    }

    /// How many fillings of at most so many rows per table there are, if all columns that are not read hold
    /// one value.
    pub fn count(&self, rows: usize) -> usize {
        let per_table = self.tables.iter().flatten().map(|columns| {
            let kinds = columns.iter().map(|column| choices(column).len()).fold(1usize, usize::saturating_mul);
            let of = |count: usize| match self.ordered {
                true => (0..count).fold(1usize, |all, _| all.saturating_mul(kinds)),
                // Bags: combinations with repetition.
                false => (0..count).fold(1usize, |all, at| all.saturating_mul(kinds.saturating_add(at)) / (at + 1)),
            };
            (0..=rows).map(of).fold(0usize, usize::saturating_add)
        });
        per_table.fold(1usize, usize::saturating_mul)
    }

    /// The most columns of a table that are read.
    pub fn width(&self) -> usize {
        let widths = self.tables.iter().flatten().map(|columns| columns.iter().filter(|column| column.read).count());
        widths.max().unwrap_or(0)
    }

    /// All fillings of at most so many rows, up to the order of rows where nothing sees it; those of fewer
    /// rows first.
    pub fn all(&self, rows: usize) -> impl Iterator<Item = Filling> {
        let tables: Vec<Vec<Vec<Row>>> = self.tables.iter().map(|table| self.all_of(table.as_deref(), rows)).collect();
        let total: usize = tables.iter().map(Vec::len).product();
        (0..total).map(move |case| {
            let mut rest = case;
            let filling = tables.iter().map(|table| {
                let at = rest % table.len();
                rest /= table.len();
                table[at].clone()
            });
            Filling(filling.collect())
        })
    }

    fn all_of(&self, table: Option<&[Column]>, most: usize) -> Vec<Vec<Row>> {
        let Some(columns) = table else { return vec![Vec::new()] };
        let mut kinds: Vec<Row> = vec![Row::new()];
        for column in columns {
            let values = choices(column);
            kinds = kinds
                .iter()
                .flat_map(|row| values.iter().map(|value| row.iter().cloned().chain([value.clone()]).collect()))
                .collect();
        }
        let mut all: Vec<Vec<Row>> = vec![Vec::new()];
        let mut last: Vec<(Vec<Row>, usize)> = vec![(Vec::new(), 0)];
        for _ in 0..most {
            let mut longer = Vec::new();
            for (rows, from) in &last {
                let from = if self.ordered { 0 } else { *from };
                for (at, row) in kinds.iter().enumerate().skip(from) {
                    longer.push((rows.iter().cloned().chain([row.clone()]).collect(), at));
                }
            }
            all.extend(longer.iter().map(|(rows, _): &(Vec<Row>, usize)| rows.clone()));
            last = longer;
        }
        all
    }

    /// A filling of up to so many rows over the values that matter.
    pub fn sample(&self, dice: &mut Dice) -> Filling {
        let most = 1 + dice.below(SAMPLED_ROWS);
        // Half of the samples leave the extremes out, so that more values meet.
        let extremes = dice.once_in(2);
        let tables = self.tables.iter().map(|table| {
            let Some(columns) = table else { return Vec::new() };
            let rows = 0..dice.below(most + 1);
            rows.map(|_| columns.iter().map(|column| drawn(column, extremes, dice)).collect()).collect()
        });
        Filling(tables.collect())
    }
}

/// Whether what an operator gives, as a bag, depends on the order of its input.
fn sees_order(terms: &Terms, op: RelOp) -> bool {
    match op {
        RelOp::Limit { .. } | RelOp::TopK { .. } | RelOp::Extension(_) | RelOp::Sort(_) => true,
        RelOp::Aggregate(spec) => {
            let calls = &terms.aggregate(spec).aggregates;
            calls.iter().any(|(_, call)| matches!(call.function, AggregateFunction::Other(_)))
        }
        RelOp::Window(window) => {
            let ties = |function: &WindowFunction| {
                !matches!(function, WindowFunction::Rank | WindowFunction::DenseRank | WindowFunction::Aggregate(_))
            };
            terms.window(window).calls.iter().any(|(_, call)| ties(&call.function))
        }
        _ => false,
    }
}

/// The values of a column in exhaustive fillings: null and two others; one where nothing reads it.
fn choices(column: &Column) -> Vec<Value> {
    let mut values = Vec::with_capacity(3);
    if !column.read {
        return vec![value(&column.kind, 0)];
    }
    if column.nullable {
        values.push(Value::Null);
    }
    values.extend([0, 1].map(|number| value(&column.kind, number)));
    values.dedup();
    values
}

/// A value of a column in samples.
fn drawn(column: &Column, extremes: bool, dice: &mut Dice) -> Value {
    if column.nullable && dice.once_in(4) {
        return Value::Null;
    }
    let number = [0, 1, -1][dice.below(3)];
    let extreme = extremes && dice.once_in(3);
    match &column.kind {
        DataType::Float64 if extreme => {
            Value::Float(DataType::Float64, [f64::NAN, -0.0, f64::MIN, f64::MAX][dice.below(4)])
        }
        DataType::Int64 if extreme => Value::from([i64::MIN, i64::MAX][dice.below(2)]),
        DataType::List(item) => {
            let elements: Vec<Value> = (0..dice.below(3))
                .map(|_| if dice.once_in(4) { Value::Null } else { value(item.data_type(), dice.below(2) as i64) })
                .collect();
            list(item, &elements).unwrap_or(Value::Null)
        }
        kind => value(kind, number),
    }
}

/// A small number as a value of a type; null where the type has none here.
fn value(kind: &DataType, number: i64) -> Value {
    let wide = i128::from(number);
    match kind {
        DataType::Boolean => Value::Boolean(number > 0),
        kind if kind.is_signed_integer() => Value::Int(kind.clone(), wide),
        kind if kind.is_unsigned_integer() => Value::Int(kind.clone(), wide.abs()),
        DataType::Float32 | DataType::Float64 => Value::Float(kind.clone(), number as f64),
        DataType::Decimal128(precision, scale) => Value::decimal(wide, *precision, *scale),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Value::Text(["", "a", "b"][(number + 1).clamp(0, 2) as usize].into())
        }
        DataType::Date32 => Value::Date(number as i32),
        DataType::List(item) => {
            let elements: Vec<Value> = (0..number.max(0)).map(|at| value(item.data_type(), at)).collect();
            list(item, &elements).unwrap_or(Value::Null)
        }
        _ => Value::Null,
    }
}

/// A list of values.
fn list(item: &Arc<Field>, elements: &[Value]) -> Option<Value> {
    let values = array_of(elements, item.data_type()).ok()?;
    let offsets = OffsetBuffer::from_lengths([elements.len()]);
    let list = ListArray::try_new(item.clone(), offsets, values, None).ok()?;
    Some(Value::Other(Literal::new(Arc::new(list))))
}
