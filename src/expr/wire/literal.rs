use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int32Type, Int64Type};
use arrow_schema::{DataType, Field, Schema};
use serde::{Deserialize, Serialize};

use super::super::Literal;
use super::WireError;
use crate::leaf::{ArrowStream, IpcError, Number};

/// A constant in a document: the everyday types as texts are read, everything else as Arrow data.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LiteralWire {
    Boolean(bool),
    Int32(i32),
    Int64(i64),
    Float64(Number),
    Date32(i32),
    Utf8(String),
    /// One row of one column.
    Arrow(ArrowStream),
}

impl LiteralWire {
    pub(crate) fn of(literal: &Literal) -> Result<LiteralWire, IpcError> {
        let array = literal.array();
        let plain = match array.data_type() {
            _ if literal.is_null() => None,
            DataType::Boolean => literal.as_bool().map(LiteralWire::Boolean),
            DataType::Int32 => Some(LiteralWire::Int32(array.as_primitive::<Int32Type>().value(0))),
            DataType::Int64 => Some(LiteralWire::Int64(array.as_primitive::<Int64Type>().value(0))),
            DataType::Float64 => {
                let value = array.as_primitive::<Float64Type>().value(0);
                // There are many NaN; a text has one.
                (!value.is_nan()).then_some(LiteralWire::Float64(Number(value)))
            }
            DataType::Date32 => Some(LiteralWire::Date32(array.as_primitive::<Date32Type>().value(0))),
            DataType::Utf8 => literal.as_str().map(|text| LiteralWire::Utf8(text.to_owned())),
            _ => None,
        };
        match plain {
            Some(plain) => Ok(plain),
            None => {
                let schema = Arc::new(Schema::new(vec![Field::new("literal", array.data_type().clone(), true)]));
                let batch = RecordBatch::try_new(schema.clone(), vec![array.clone()])?;
                Ok(LiteralWire::Arrow(ArrowStream::of(&schema, [&batch])?))
            }
        }
    }

    pub(crate) fn read(self, place: &str) -> Result<Literal, WireError> {
        Ok(match self {
            LiteralWire::Boolean(value) => value.into(),
            LiteralWire::Int32(value) => value.into(),
            LiteralWire::Int64(value) => value.into(),
            LiteralWire::Float64(value) => value.0.into(),
            LiteralWire::Date32(days) => Literal::date(days),
            LiteralWire::Utf8(text) => text.as_str().into(),
            LiteralWire::Arrow(stream) => {
                let (_, batches) =
                    stream.read().map_err(|source| WireError::Data { place: place.to_owned(), source })?;
                match batches.as_slice() {
                    [batch] if batch.num_columns() == 1 && batch.num_rows() == 1 => {
                        Literal::new(batch.column(0).clone())
                    }
                    _ => return Err(WireError::invalid(place, "a literal is one row of one column")),
                }
            }
        })
    }
}
