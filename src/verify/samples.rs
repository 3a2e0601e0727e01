use std::sync::Arc;

use arrow_array::ListArray;
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};

use super::counterexample::rows;
use crate::expr::Literal;
use crate::term::interpret::{Relation, Tables, Value, array_of};
use crate::term::{GetId, Terms};
use crate::token::tokenize;

/// The most rows of a table.
const MOST_ROWS: u64 = 3;

/// A sequence of numbers that a seed fixes (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Rows for every table of a query, and the same as text.
pub(super) fn fill(terms: &Terms, seed: &str, case: usize) -> (Tables, String) {
    let mut numbers = Numbers(tokenize(&(seed, case as u64)).low_u64());
    let mut tables = Tables::new();
    let mut shown = String::new();
    for (at, spec) in terms.gets().iter().enumerate() {
        let schema = spec.leaf.schema();
        let mut table = Vec::new();
        for _ in 0..numbers.below(MOST_ROWS + 1) {
            let row = schema.fields().iter().map(|field| {
                let null = field.is_nullable() && numbers.below(4) == 0;
                if null { Value::Null } else { value(&mut numbers, field.data_type()) }
            });
            table.push(row.collect::<Vec<_>>());
        }
        let relation = Relation { columns: spec.columns.clone(), rows: table.clone() };
        shown.push_str(&format!("{}\n{}", spec.leaf.name(), rows(terms, &relation)));
        tables = tables.with_table(GetId(at as u32), table);
    }
    (tables, shown)
}

/// A value of a type, out of a few; null where the type has none here.
fn value(numbers: &mut Numbers, data_type: &DataType) -> Value {
    let whole = numbers.below(3) as i64 - 1;
    match data_type {
        DataType::Boolean => Value::Boolean(whole > 0),
        kind if kind.is_signed_integer() => Value::Int(kind.clone(), i128::from(whole)),
        kind if kind.is_unsigned_integer() => Value::Int(kind.clone(), i128::from(whole.unsigned_abs())),
        DataType::Float32 | DataType::Float64 => Value::Float(data_type.clone(), whole as f64),
        DataType::Decimal128(precision, scale) => Value::decimal(i128::from(whole), *precision, *scale),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Value::Text(["", "a", "b"][(whole + 1) as usize].into())
        }
        DataType::Date32 => Value::Date(whole as i32),
        DataType::List(item) => {
            let elements: Vec<Value> = (0..numbers.below(3)).map(|_| value(numbers, item.data_type())).collect();
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
