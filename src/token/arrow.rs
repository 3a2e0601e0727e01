//! Arrow types and data, hashed by *logical* content: slices, offsets, padding and shared buffers
//! do not matter. Dictionary encoding does, because it is a type.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use super::{Tokenize, Tokenizer};

impl Tokenize for DataType {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("arrow-type");
        // Nested fields are written out; the text of a leaf type is stable and complete.
        match self {
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item) => {
                tokenizer.put_str(match self {
                    DataType::List(_) => "list",
                    DataType::LargeList(_) => "large-list",
                    DataType::ListView(_) => "list-view",
                    _ => "large-list-view",
                });
                item.tokenize(tokenizer);
            }
            DataType::FixedSizeList(item, size) => {
                tokenizer.put_str("fixed-size-list");
                item.tokenize(tokenizer);
                size.tokenize(tokenizer);
            }
            DataType::Struct(fields) => {
                tokenizer.put_str("struct");
                tokenizer.put_sequence(fields.len());
                fields.iter().for_each(|field| field.tokenize(tokenizer));
            }
            DataType::Map(entry, sorted) => {
                tokenizer.put_str("map");
                entry.tokenize(tokenizer);
                sorted.tokenize(tokenizer);
            }
            DataType::Dictionary(key, value) => {
                tokenizer.put_str("dictionary");
                key.tokenize(tokenizer);
                value.tokenize(tokenizer);
            }
            DataType::RunEndEncoded(ends, values) => {
                tokenizer.put_str("run-end-encoded");
                ends.tokenize(tokenizer);
                values.tokenize(tokenizer);
            }
            DataType::Union(fields, mode) => {
                tokenizer.put_str("union");
                tokenizer.put_str(&format!("{mode:?}"));
                tokenizer.put_sequence(fields.len());
                for (id, field) in fields.iter() {
                    id.tokenize(tokenizer);
                    field.tokenize(tokenizer);
                }
            }
            leaf => tokenizer.put_str(&format!("{leaf:?}")),
        }
    }
}

impl Tokenize for Field {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("field");
        tokenizer.put_str(self.name());
        self.data_type().tokenize(tokenizer);
        tokenizer.put_bool(self.is_nullable());
        // Extension types live in the metadata.
        self.metadata().tokenize(tokenizer);
    }
}

impl Tokenize for Schema {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_sequence(self.fields().len());
        self.fields().iter().for_each(|field| field.tokenize(tokenizer));
    }
}

/// Writes the type, length and logical values of an array.
pub fn tokenize_array(array: &dyn Array, tokenizer: &mut Tokenizer) {
    tokenizer.put_record("array");
    array.data_type().tokenize(tokenizer);
    tokenizer.put_u64(array.len() as u64);
    put_values(array, tokenizer);
}

/// Writes the schema, row count and columns of a batch.
pub fn tokenize_batch(batch: &RecordBatch, tokenizer: &mut Tokenizer) {
    tokenizer.put_record("batch");
    batch.schema().tokenize(tokenizer);
    tokenizer.put_u64(batch.num_rows() as u64);
    batch.columns().iter().for_each(|column| put_values(column, tokenizer));
}

fn put_values(array: &dyn Array, tokenizer: &mut Tokenizer) {
    put_validity(array, tokenizer);
    macro_rules! fixed {
        ($width:expr) => {{
            let data = array.to_data();
            let buffer = data.buffers()[0].as_slice();
            let from = data.offset() * $width;
            put_fixed(array, &buffer[from..from + array.len() * $width], $width, tokenizer)
        }};
    }
    macro_rules! items {
        ($array:expr, $put:ident) => {{
            let values = $array;
            for row in valid_rows(array) {
                tokenizer.$put(values.value(row).as_ref());
            }
        }};
    }
    use DataType::*;
    match array.data_type() {
        Null => {}
        Boolean => {
            let values = array.as_boolean();
            valid_rows(array).for_each(|row| tokenizer.put_bool(values.value(row)));
        }
        Int8 | UInt8 => fixed!(1),
        Int16 | UInt16 => fixed!(2),
        Float16 => {
            debug_assert!(array.as_primitive_opt::<Float16Type>().is_some());
            fixed!(2)
        }
        Int32 | UInt32 | Float32 | Date32 | Time32(_) | Interval(arrow_schema::IntervalUnit::YearMonth) => fixed!(4),
        Decimal32(_, _) => {
            debug_assert!(array.as_primitive_opt::<Decimal32Type>().is_some());
            fixed!(4)
        }
        Int64
        | UInt64
        | Float64
        | Date64
        | Time64(_)
        | Timestamp(_, _)
        | Duration(_)
        | Interval(arrow_schema::IntervalUnit::DayTime) => fixed!(8),
        Decimal64(_, _) => {
            debug_assert!(array.as_primitive_opt::<Decimal64Type>().is_some());
            fixed!(8)
        }
        Interval(arrow_schema::IntervalUnit::MonthDayNano) => fixed!(16),
        Decimal128(_, _) => {
            debug_assert!(array.as_primitive_opt::<Decimal128Type>().is_some());
            fixed!(16)
        }
        Decimal256(_, _) => {
            debug_assert!(array.as_primitive_opt::<Decimal256Type>().is_some());
            fixed!(32)
        }
        Utf8 => items!(array.as_string::<i32>(), put_str),
        LargeUtf8 => items!(array.as_string::<i64>(), put_str),
        Utf8View => items!(array.as_string_view(), put_str),
        Binary => items!(array.as_binary::<i32>(), put_bytes),
        LargeBinary => items!(array.as_binary::<i64>(), put_bytes),
        BinaryView => items!(array.as_binary_view(), put_bytes),
        FixedSizeBinary(_) => items!(array.as_fixed_size_binary(), put_bytes),
        List(_) => {
            let lists = array.as_list::<i32>();
            valid_rows(array).for_each(|row| put_item(&lists.value(row), tokenizer));
        }
        LargeList(_) => {
            let lists = array.as_list::<i64>();
            valid_rows(array).for_each(|row| put_item(&lists.value(row), tokenizer));
        }
        ListView(_) => {
            let lists = array.as_list_view::<i32>();
            valid_rows(array).for_each(|row| put_item(&lists.value(row), tokenizer));
        }
        LargeListView(_) => {
            let lists = array.as_list_view::<i64>();
            valid_rows(array).for_each(|row| put_item(&lists.value(row), tokenizer));
        }
        FixedSizeList(_, _) => {
            let lists = array.as_fixed_size_list();
            valid_rows(array).for_each(|row| put_item(&lists.value(row), tokenizer));
        }
        Map(_, _) => {
            let maps = array.as_map();
            for row in valid_rows(array) {
                let entries = maps.value(row);
                tokenizer.put_u64(entries.len() as u64);
                entries.columns().iter().for_each(|column| put_values(column, tokenizer));
            }
        }
        // A child value below a null parent is not content: row by row, only what is valid.
        Struct(_) => {
            let rows = array.as_struct();
            for row in valid_rows(array) {
                for column in rows.columns() {
                    put_item(&column.slice(row, 1), tokenizer);
                }
            }
        }
        Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            if dictionary.values().is_empty() {
                return; // Then every row is null, and the validity has said so.
            }
            let keys = dictionary.normalized_keys();
            for row in valid_rows(array) {
                put_item(&dictionary.values().slice(keys[row], 1), tokenizer);
            }
        }
        Union(_, _) => {
            let values = array.as_union();
            for row in 0..array.len() {
                tokenizer.put_i64(i64::from(values.type_id(row)));
                put_item(&values.value(row), tokenizer);
            }
        }
        RunEndEncoded(_, _) => {
            use arrow_array::types::{Int16Type, Int32Type, Int64Type};
            if let Some(runs) = array.as_run_opt::<Int16Type>() {
                put_runs(runs.values(), (0..runs.len()).map(|row| runs.get_physical_index(row)), tokenizer);
            } else if let Some(runs) = array.as_run_opt::<Int32Type>() {
                put_runs(runs.values(), (0..runs.len()).map(|row| runs.get_physical_index(row)), tokenizer);
            } else if let Some(runs) = array.as_run_opt::<Int64Type>() {
                put_runs(runs.values(), (0..runs.len()).map(|row| runs.get_physical_index(row)), tokenizer);
            }
        }
    }
}

fn put_runs(values: &ArrayRef, physical: impl Iterator<Item = usize>, tokenizer: &mut Tokenizer) {
    physical.for_each(|row| put_item(&values.slice(row, 1), tokenizer));
}

fn put_item(item: &ArrayRef, tokenizer: &mut Tokenizer) {
    tokenizer.put_u64(item.len() as u64);
    put_values(item, tokenizer);
}

fn put_validity(array: &dyn Array, tokenizer: &mut Tokenizer) {
    match array.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
        None => tokenizer.put_none(),
        Some(nulls) => {
            tokenizer.put_some();
            let bits: Vec<u8> = nulls
                .iter()
                .collect::<Vec<_>>()
                .chunks(8)
                .map(|byte| byte.iter().rev().fold(0, |bits, valid| bits << 1 | u8::from(*valid)))
                .collect();
            tokenizer.put_bytes(&bits);
        }
    }
}

fn put_fixed(array: &dyn Array, bytes: &[u8], width: usize, tokenizer: &mut Tokenizer) {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => tokenizer.put_bytes(bytes),
        // What lies in a null slot is not content.
        Some(nulls) => {
            let mut clean = bytes.to_vec();
            for row in (0..array.len()).filter(|row| nulls.is_null(*row)) {
                clean[row * width..(row + 1) * width].fill(0);
            }
            tokenizer.put_bytes(&clean);
        }
    }
}

fn valid_rows(array: &dyn Array) -> impl Iterator<Item = usize> + use<> {
    let nulls = array.logical_nulls();
    (0..array.len()).filter(move |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row)))
}
