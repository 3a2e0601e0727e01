//! Fillings of the tables that a term reads: all tiny ones, and seeded samples of larger ones.

use std::sync::Arc;

use arrow_array::ListArray;
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};

use super::dice::Dice;
use crate::expr::{AggregateFunction, Literal, WindowFunction};
use crate::term::interpret::{Row, Tables, Value, array_of, values_of};
use crate::term::{ColumnSet, GetId, RelOp, TermId, Terms, reads};

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

/// The most rows of a table in exhaustive fillings.
const EXHAUSTIVE_ROWS: usize = 2;

/// The most rows of a table in a sample.
const SAMPLED_ROWS: usize = 4;

struct Column {
    kind: DataType,
    nullable: bool,
    /// Whether a term does more with it than to hand it on.
    read: bool,
    /// What the query compares such values with, and the next greater ones: samples have them, too.
    constants: Vec<Value>,
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
            constants: if read.contains(id) { constants(terms, field.data_type()) } else { Vec::new() },
        };
        let tables = terms.gets().iter().zip(gets).map(|(spec, used)| {
            let fields = spec.leaf.schema();
            let columns = fields.fields().iter().zip(&spec.columns).map(|(field, id)| column(field, *id));
            used.then(|| columns.collect())
        });
        Domain { tables: tables.collect(), ordered }
    }

    /// The most columns of a table that are read.
    pub fn width(&self) -> usize {
        let widths = self.tables.iter().flatten().map(|columns| columns.iter().filter(|column| column.read).count());
        widths.max().unwrap_or(0)
    }

    /// All fillings of up to [`EXHAUSTIVE_ROWS`] rows per table, up to the order of rows where nothing sees it,
    /// and with one value in columns that nothing reads. Those of fewer rows come first; a group of equal
    /// numbers of rows that does not fit into what is left of `most` is left out. Also the most rows per table of
    /// which there are all.
    pub fn all(&self, most: usize) -> (Vec<Filling>, usize) {
        let kinds: Vec<Vec<Row>> = self.tables.iter().map(|table| row_kinds(table.as_deref())).collect();
        let count = |at: usize, rows: usize| match (&self.tables[at], self.ordered) {
            (None, _) => usize::from(rows == 0),
            (Some(_), true) => (0..rows).fold(1usize, |all, _| all.saturating_mul(kinds[at].len())),
            // Bags: combinations with repetition.
            (Some(_), false) => {
                (0..rows).fold(1usize, |all, row| all.saturating_mul(kinds[at].len() + row) / (row + 1))
            }
        };
        // The numbers of rows of all tables, in every way.
        let mut groups: Vec<Vec<usize>> = vec![Vec::new()];
        for table in &self.tables {
            let rows = if table.is_some() { EXHAUSTIVE_ROWS } else { 0 };
            groups = groups
                .into_iter()
                .flat_map(|group| (0..=rows).map(move |rows| group.iter().copied().chain([rows]).collect()))
                .collect();
        }
        groups.sort_by_key(|group| group.iter().sum::<usize>());
        let (mut fillings, mut complete) = (Vec::new(), EXHAUSTIVE_ROWS);
        for group in groups {
            let size = group.iter().enumerate().map(|(at, rows)| count(at, *rows)).fold(1, usize::saturating_mul);
            if fillings.len().saturating_add(size) > most {
                complete = complete.min(group.iter().copied().max().unwrap_or(0).saturating_sub(1));
                continue;
            }
            let mut some: Vec<Filling> = vec![Filling::default()];
            for (kinds, rows) in kinds.iter().zip(&group) {
                let tables = tables_of(kinds, *rows, self.ordered);
                let add = |filling: &Filling| {
                    let filling = filling.0.clone();
                    tables.iter().map(move |table| Filling(filling.iter().cloned().chain([table.clone()]).collect()))
                };
                some = some.iter().flat_map(add).collect();
            }
            fillings.extend(some);
        }
        (fillings, complete)
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

/// The rows that a table may have in exhaustive fillings.
fn row_kinds(table: Option<&[Column]>) -> Vec<Row> {
    let mut kinds: Vec<Row> = vec![Row::new()];
    for column in table.unwrap_or_default() {
        let values = choices(column);
        kinds = kinds
            .iter()
            .flat_map(|row| values.iter().map(|value| row.iter().cloned().chain([value.clone()]).collect()))
            .collect();
    }
    kinds
}

/// All tables of so many rows: lists where the order counts, else bags.
fn tables_of(kinds: &[Row], rows: usize, ordered: bool) -> Vec<Vec<Row>> {
    let mut tables: Vec<(Vec<Row>, usize)> = vec![(Vec::new(), 0)];
    for _ in 0..rows {
        let mut longer = Vec::new();
        for (table, from) in &tables {
            for (at, row) in kinds.iter().enumerate().skip(if ordered { 0 } else { *from }) {
                longer.push((table.iter().cloned().chain([row.clone()]).collect(), at));
            }
        }
        tables = longer;
    }
    tables.into_iter().map(|(table, _)| table).collect()
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
                use WindowFunction::*;
                !matches!(function, Rank | DenseRank | PercentRank | CumeDist | Aggregate(_))
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
        return vec![small(&column.kind, 0)];
    }
    if column.nullable {
        values.push(Value::Null);
    }
    values.extend([0, 1].map(|number| small(&column.kind, number)));
    values.dedup();
    values
}

/// A value of a column in samples.
fn drawn(column: &Column, extremes: bool, dice: &mut Dice) -> Value {
    if column.nullable && dice.once_in(4) {
        return Value::Null;
    }
    if !column.constants.is_empty() && dice.once_in(2) {
        return column.constants[dice.below(column.constants.len())].clone();
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
                .map(|_| if dice.once_in(4) { Value::Null } else { small(item.data_type(), dice.below(2) as i64) })
                .collect();
            list(item, &elements).unwrap_or(Value::Null)
        }
        kind => small(kind, number),
    }
}

/// The literals of a type in a query that are no small numbers, and the next greater values: on both sides of a
/// comparison there are some.
fn constants(terms: &Terms, kind: &DataType) -> Vec<Value> {
    let mut constants: Vec<Value> = Vec::new();
    for literal in terms.literals().filter(|literal| literal.data_type() == kind) {
        let Some(value) = values_of(literal.array()).into_iter().next() else { continue };
        let next = match &value {
            Value::Int(kind, number) if *number < greatest(kind) => Some(Value::Int(kind.clone(), number + 1)),
            Value::Decimal { unscaled, precision, scale } => {
                unscaled.checked_add(1).map(|next| Value::decimal(next, *precision, *scale))
            }
            Value::Date(days) => days.checked_add(1).map(Value::Date),
            _ => None,
        };
        let known = |value: &Value| *value == Value::Null || (-1..=1).any(|number| small(kind, number) == *value);
        if !known(&value) {
            constants.extend([value].into_iter().chain(next));
        }
    }
    constants
}

/// The greatest number of an integer type.
fn greatest(kind: &DataType) -> i128 {
    let bits = 8 * kind.primitive_width().unwrap_or(1) as u32;
    (1 << if kind.is_signed_integer() { bits - 1 } else { bits }) - 1
}

/// A small number as a value of a type; null where the type has none here.
pub(super) fn small(kind: &DataType, number: i64) -> Value {
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
            let elements: Vec<Value> = (0..number.max(0)).map(|at| small(item.data_type(), at)).collect();
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
