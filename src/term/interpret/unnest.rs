//! Lists to rows.

use super::arrow::values_of;
use super::{EvalError, Relation, Row, Value};
use crate::expr::{NullLists, element};
use crate::term::UnnestSpec;

/// One row for each element of a list, in order; an empty list gives none.
pub(super) fn unnest(spec: UnnestSpec, input: Relation) -> Result<Relation, EvalError> {
    let Some(at) = input.columns.iter().position(|column| *column == spec.list) else {
        return Err(EvalError::MissingColumn { place: "an unnest", column: spec.list });
    };
    let mut rows: Vec<Row> = Vec::new();
    for row in input.rows {
        let elements = match &row[at] {
            Value::Null if spec.nulls == NullLists::Preserve => vec![Value::Null],
            Value::Null => Vec::new(),
            list => elements(list)?,
        };
        for element in elements {
            let mut made = row.clone();
            made[at] = element;
            rows.push(made);
        }
    }
    let mut columns = input.columns;
    columns[at] = spec.element;
    Ok(Relation { columns, rows })
}

fn elements(list: &Value) -> Result<Vec<Value>, EvalError> {
    let wrong = || EvalError::Type { expected: "a list".into(), found: list.to_string() };
    let Value::Other(literal) = list else { return Err(wrong()) };
    element(literal.data_type()).ok_or_else(wrong)?;
    // One row of a list: its elements are the child's rows between the first two offsets.
    let data = literal.array().to_data();
    let child = arrow_array::make_array(data.child_data().first().ok_or_else(wrong)?.clone());
    let (start, end) = match literal.data_type() {
        arrow_schema::DataType::List(_) => {
            let offsets = data.buffer::<i32>(0);
            (offsets[0] as usize, offsets[1] as usize)
        }
        arrow_schema::DataType::LargeList(_) => {
            let offsets = data.buffer::<i64>(0);
            (offsets[0] as usize, offsets[1] as usize)
        }
        arrow_schema::DataType::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).map_err(|_| wrong())?;
            (data.offset() * size, (data.offset() + 1) * size)
        }
        _ => return Err(wrong()),
    };
    Ok(values_of(&child.slice(start, end - start)))
}
