//! Tiny tables of values that matter, and the leaves that hold them.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use leafhold::leaf::{FromDelayed, Leaf, TableStatistics, Values, value};
use leafhold::term::interpret::{Row, Value, array_of};

use crate::random::Random;

/// A table of one case.
#[derive(Clone)]
pub struct Table {
    pub name: String,
    pub schema: SchemaRef,
    pub rows: Vec<Row>,
}

/// The types of columns.
pub const KINDS: [DataType; 6] = [
    DataType::Int64,
    DataType::Float64,
    DataType::Utf8,
    DataType::Boolean,
    DataType::Decimal128(10, 2),
    DataType::Date32,
];

/// A value of a type that is not null. There are few, so that they meet; fractions are dyadic, so that
/// sums round alike in any order.
pub fn some_value(random: &mut Random, kind: &DataType) -> Value {
    match kind {
        DataType::Int64 if random.percent(2) => (*random.pick(&[i64::MIN, i64::MAX])).into(),
        DataType::Int64 => (*random.pick(&[-1i64, 0, 1, 1, 2, 3])).into(),
        DataType::Float64 => {
            (*random.pick(&[0.0, -0.0, 0.5, 1.0, 1.0, -2.25, f64::NAN, f64::INFINITY, f64::NEG_INFINITY])).into()
        }
        DataType::Utf8 => (*random.pick(&["", "a", "a", "b", "ab", "A", "a%", "_", "ä", "it's"])).into(),
        DataType::Boolean => random.percent(50).into(),
        DataType::Decimal128(precision, scale) => {
            let unit = 10i128.pow(u32::from(scale.unsigned_abs()));
            let value = *random.pick(&[0, unit, unit, -unit, unit / 2, 9 * unit / 4]);
            let fits = value.unsigned_abs() < 10u128.pow(u32::from(*precision));
            Value::decimal(if fits { value } else { 0 }, *precision, *scale)
        }
        DataType::Date32 => Value::Date(*random.pick(&[0, 0, 1, -1, 10_957])),
        other => unreachable!("no values of {other}"),
    }
}

impl Table {
    /// A table with a column of the first types each, at least, and more at random.
    pub fn random(random: &mut Random, name: String) -> Self {
        let count = random.below(7);
        let width = 2 + random.below(3);
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for at in 0..width {
            let kind = random.pick(&KINDS).clone();
            let nullable = random.percent(75);
            let value = |random: &mut Random| match nullable && random.percent(25) {
                true => Value::Null,
                false => some_value(random, &kind),
            };
            columns.push((0..count).map(|_| value(random)).collect::<Vec<_>>());
            fields.push(Field::new(format!("{name}_{at}"), kind.clone(), nullable));
        }
        let row = |at: usize| columns.iter().map(|column| column[at].clone()).collect();
        Table { name, schema: Arc::new(Schema::new(fields)), rows: (0..count).map(row).collect() }
    }

    pub fn batch(&self) -> RecordBatch {
        self.slice(0, self.rows.len())
    }

    fn slice(&self, from: usize, to: usize) -> RecordBatch {
        let rows = &self.rows[from..to];
        let fields = self.schema.fields().iter().enumerate();
        let arrays = fields.map(|(at, field)| array_of(rows.iter().map(|row| &row[at]), field.data_type()).unwrap());
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays.collect(), &options).unwrap()
    }

    /// All rows in one place.
    pub fn values(&self) -> Leaf {
        Leaf::Values(Values::new(self.name.as_str(), self.schema.clone(), vec![vec![self.batch()]]))
    }

    /// Partitions behind live futures; claimed to be so many rows, where that is said, so that plans for
    /// large tables are made of small ones.
    pub fn delayed(&self, partitions: usize, claimed: Option<f64>) -> Leaf {
        let cut = |at: usize| at * self.rows.len() / partitions;
        let part = |at: usize| value(format!("{}-{at}", self.name), vec![self.slice(cut(at), cut(at + 1))]);
        let futures: Vec<_> = (0..partitions).map(part).collect();
        let leaf = FromDelayed::new(self.name.as_str(), self.schema.clone(), futures).unwrap();
        Leaf::FromDelayed(match claimed {
            Some(rows) => leaf.with_statistics(TableStatistics { rows: Some(rows), ..TableStatistics::unknown() }),
            None => leaf,
        })
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let field = |field: &Arc<Field>| {
            format!("{} {}{}", field.name(), field.data_type(), if field.is_nullable() { "" } else { " not null" })
        };
        writeln!(f, "{} ({})", self.name, self.schema.fields().iter().map(field).collect::<Vec<_>>().join(", "))?;
        self.rows
            .iter()
            .try_for_each(|row| writeln!(f, "  {}", row.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")))
    }
}
