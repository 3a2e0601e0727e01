//! Arrow types and schemas.

use std::sync::Arc;

use arrow_schema::{DataType, Schema, SchemaRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::WireError;

/// A type, in Arrow's own serde form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TypeWire(DataType);

/// A schema, in Arrow's own serde form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SchemaWire(SchemaRef);

impl TypeWire {
    pub(crate) fn of(data_type: &DataType) -> Self {
        TypeWire(data_type.clone())
    }

    pub(crate) fn read(self, place: &str) -> Result<DataType, WireError> {
        check_type(&self.0, place)?;
        Ok(self.0)
    }
}

impl SchemaWire {
    pub(crate) fn of(schema: &SchemaRef) -> Self {
        SchemaWire(schema.clone())
    }

    pub(crate) fn read(self, place: &str) -> Result<SchemaRef, WireError> {
        self.0.fields().iter().try_for_each(|field| check_type(field.data_type(), place))?;
        Ok(self.0)
    }
}

/// Texts are the same in every run: metadata, which Arrow keeps in hash maps, are sorted.
fn sorted<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    if !serializer.is_human_readable() {
        return value.serialize(serializer);
    }
    let mut value = serde_json::to_value(value).map_err(serde::ser::Error::custom)?;
    value.sort_all_objects();
    value.serialize(serializer)
}

impl Serialize for TypeWire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        sorted(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for TypeWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DataType::deserialize(deserializer).map(TypeWire)
    }
}

impl Serialize for SchemaWire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        sorted(&*self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for SchemaWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Schema::deserialize(deserializer).map(|schema| SchemaWire(Arc::new(schema)))
    }
}

/// Refuses types that Arrow cannot make arrays of: serde reads them all.
fn check_type(data_type: &DataType, place: &str) -> Result<(), WireError> {
    use DataType::*;
    let mut pending = vec![data_type];
    while let Some(data_type) = pending.pop() {
        let digits = |most: u8, precision: u8, scale: i8| (1..=most).contains(&precision) && scale <= precision as i8;
        let ok = match data_type {
            Null
            | Boolean
            | Int8
            | Int16
            | Int32
            | Int64
            | UInt8
            | UInt16
            | UInt32
            | UInt64
            | Float16
            | Float32
            | Float64
            | Timestamp(_, _)
            | Date32
            | Date64
            | Time32(_)
            | Time64(_)
            | Duration(_)
            | Interval(_)
            | Binary
            | LargeBinary
            | BinaryView
            | Utf8
            | LargeUtf8
            | Utf8View => true,
            FixedSizeBinary(size) => *size >= 0,
            Decimal32(precision, scale) => digits(9, *precision, *scale),
            Decimal64(precision, scale) => digits(18, *precision, *scale),
            Decimal128(precision, scale) => digits(38, *precision, *scale),
            Decimal256(precision, scale) => digits(76, *precision, *scale),
            List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
                pending.push(item.data_type());
                true
            }
            FixedSizeList(item, size) => {
                pending.push(item.data_type());
                *size >= 0
            }
            Struct(fields) => {
                pending.extend(fields.iter().map(|field| field.data_type()));
                true
            }
            Union(fields, _) => {
                pending.extend(fields.iter().map(|(_, field)| field.data_type()));
                true
            }
            Dictionary(key, value) => {
                pending.push(value);
                key.is_dictionary_key_type()
            }
            Map(entries, _) => {
                pending.push(entries.data_type());
                matches!(entries.data_type(), Struct(fields) if fields.len() == 2)
            }
            RunEndEncoded(ends, values) => {
                pending.push(values.data_type());
                ends.data_type().is_run_ends_type()
            }
        };
        if !ok {
            return Err(WireError::invalid(place, format!("{data_type} is no Arrow type")));
        }
    }
    Ok(())
}
