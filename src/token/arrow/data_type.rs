use arrow_schema::{DataType, Field, IntervalUnit, Schema, TimeUnit, UnionMode};

use crate::token::{Tokenize, Tokenizer};

impl Tokenize for DataType {
    /// A name and its parameters, all spelt here: what Arrow prints for a type is not ours to rely on.
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        use DataType::*;
        let name = match self {
            Null => "null",
            Boolean => "boolean",
            Int8 => "int8",
            Int16 => "int16",
            Int32 => "int32",
            Int64 => "int64",
            UInt8 => "uint8",
            UInt16 => "uint16",
            UInt32 => "uint32",
            UInt64 => "uint64",
            Float16 => "float16",
            Float32 => "float32",
            Float64 => "float64",
            Timestamp(..) => "timestamp",
            Date32 => "date32",
            Date64 => "date64",
            Time32(_) => "time32",
            Time64(_) => "time64",
            Duration(_) => "duration",
            Interval(_) => "interval",
            Binary => "binary",
            FixedSizeBinary(_) => "fixed-size-binary",
            LargeBinary => "large-binary",
            BinaryView => "binary-view",
            Utf8 => "utf8",
            LargeUtf8 => "large-utf8",
            Utf8View => "utf8-view",
            List(_) => "list",
            ListView(_) => "list-view",
            FixedSizeList(..) => "fixed-size-list",
            LargeList(_) => "large-list",
            LargeListView(_) => "large-list-view",
            Struct(_) => "struct",
            Union(..) => "union",
            Dictionary(..) => "dictionary",
            Decimal32(..) => "decimal32",
            Decimal64(..) => "decimal64",
            Decimal128(..) => "decimal128",
            Decimal256(..) => "decimal256",
            Map(..) => "map",
            RunEndEncoded(..) => "run-end-encoded",
        };
        tokenizer.put_record(name);
        match self {
            Timestamp(unit, zone) => {
                put_unit(*unit, tokenizer);
                tokenizer.put(&zone.as_deref());
            }
            Time32(unit) | Time64(unit) | Duration(unit) => put_unit(*unit, tokenizer),
            Interval(unit) => tokenizer.put_str(match unit {
                IntervalUnit::YearMonth => "year-month",
                IntervalUnit::DayTime => "day-time",
                IntervalUnit::MonthDayNano => "month-day-nano",
            }),
            FixedSizeBinary(size) => tokenizer.put(size),
            List(item) | ListView(item) | LargeList(item) | LargeListView(item) => tokenizer.put(item),
            FixedSizeList(item, size) => {
                tokenizer.put(item);
                tokenizer.put(size);
            }
            Struct(fields) => tokenizer.put(&fields[..]),
            Union(fields, mode) => {
                tokenizer.put_bool(*mode == UnionMode::Dense);
                tokenizer.put_sequence(fields.len());
                for (id, field) in fields.iter() {
                    tokenizer.put(&id);
                    tokenizer.put(field);
                }
            }
            Dictionary(key, value) => {
                tokenizer.put(key);
                tokenizer.put(value);
            }
            Decimal32(precision, scale)
            | Decimal64(precision, scale)
            | Decimal128(precision, scale)
            | Decimal256(precision, scale) => {
                tokenizer.put(precision);
                tokenizer.put(scale);
            }
            Map(entry, sorted) => {
                tokenizer.put(entry);
                tokenizer.put(sorted);
            }
            RunEndEncoded(ends, values) => {
                tokenizer.put(ends);
                tokenizer.put(values);
            }
            Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float16 | Float32
            | Float64 | Date32 | Date64 | Binary | LargeBinary | BinaryView | Utf8 | LargeUtf8 | Utf8View => {}
        }
    }
}

fn put_unit(unit: TimeUnit, tokenizer: &mut Tokenizer) {
    tokenizer.put_str(match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    });
}

impl Tokenize for Field {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("field");
        tokenizer.put_str(self.name());
        tokenizer.put(self.data_type());
        tokenizer.put_bool(self.is_nullable());
        // Extension types live in the metadata.
        tokenizer.put(self.metadata());
    }
}

impl Tokenize for Schema {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("schema");
        tokenizer.put(&self.fields()[..]);
    }
}
