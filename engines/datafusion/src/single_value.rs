//! `single_value`: the value of a scalar subquery's one row, null without a row, and an error where there are several.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt64Array};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::common::cast::as_uint64_array;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

/// The function, which SQL may call, too.
pub(crate) fn single_value() -> Arc<AggregateUDF> {
    Arc::new(SingleValue(Signature::any(1, Volatility::Immutable)).into())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleValue(Signature);

impl AggregateUDFImpl for SingleValue {
    fn name(&self) -> &str {
        "single_value"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [arg] => Ok(arg.clone()),
            _ => exec_err!("`single_value` of {} arguments", args.len()),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Single { value: ScalarValue::try_from(args.return_field.data_type())?, rows: 0 }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let value = Field::new("value", args.return_field.data_type().clone(), true);
        Ok(vec![Arc::new(value), Arc::new(Field::new("rows", DataType::UInt64, true))])
    }
}

/// The value so far, and of how many rows.
#[derive(Debug)]
struct Single {
    value: ScalarValue,
    rows: u64,
}

impl Single {
    fn add(&mut self, values: &ArrayRef, rows: u64, at: usize) -> Result<()> {
        self.rows += rows;
        if self.rows > 1 {
            return exec_err!("a scalar subquery gave more than one row; add `limit 1`, or aggregate it");
        }
        self.value = ScalarValue::try_from_array(values, at)?;
        Ok(())
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        match values {
            [values] if !values.is_empty() => self.add(values, values.len() as u64, 0),
            _ => Ok(()),
        }
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) - size_of_val(&self.value) + self.value.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::UInt64(Some(self.rows))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, rows] = states else { return exec_err!("`single_value` with {} states", states.len()) };
        let rows: &UInt64Array = as_uint64_array(rows)?;
        for (at, rows) in rows.iter().enumerate() {
            // What saw no row has nothing to say.
            if let Some(rows @ 1..) = rows {
                self.add(values, rows, at)?;
            }
        }
        Ok(())
    }
}
