//! Arrays of every Arrow type.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array,
    Int32Array, Int64Array, LargeBinaryArray, LargeListArray, LargeListViewArray, LargeStringArray, ListViewArray,
    NullArray, RunArray, StringArray, StringViewArray, StructArray, UnionArray, make_array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields, IntervalUnit, TimeUnit, UnionFields};

/// Three rows of every type of fixed width, the second one null.
fn fixed(data_type: DataType) -> ArrayRef {
    let width = data_type.primitive_width().unwrap_or_else(|| match &data_type {
        DataType::FixedSizeBinary(size) => *size as usize,
        other => panic!("{other} has no width"),
    });
    // Small numbers: every decimal has them.
    let bytes: Vec<u8> = (0..3 * width).map(|at| if at % width == 0 { at as u8 + 7 } else { 0 }).collect();
    let data = ArrayData::builder(data_type)
        .len(3)
        .add_buffer(Buffer::from(bytes))
        .null_bit_buffer(Some(Buffer::from([0b101u8])))
        .align_buffers(true);
    make_array(data.build().unwrap())
}

fn numbers() -> ArrayRef {
    Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)]))
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Int64, true))
}

fn union(offsets: Option<ScalarBuffer<i32>>) -> ArrayRef {
    let fields = [(3, Field::new("i", DataType::Int64, true)), (7, Field::new("s", DataType::Utf8, true))];
    let fields: UnionFields = fields.into_iter().map(|(id, field)| (id, Arc::new(field))).collect();
    let children: Vec<ArrayRef> = match offsets {
        Some(_) => vec![Arc::new(Int64Array::from(vec![1, 2])), Arc::new(StringArray::from(vec!["x"]))],
        None => {
            vec![Arc::new(Int64Array::from(vec![1, 2, 3])), Arc::new(StringArray::from(vec![None, Some("x"), None]))]
        }
    };
    Arc::new(UnionArray::try_new(fields, vec![3i8, 7, 3].into(), offsets, children).unwrap())
}

/// One array or more of every type; each has at least two rows.
pub fn arrays() -> Vec<ArrayRef> {
    use DataType::*;
    let mut fixed_types = vec![
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Date32,
        Date64,
        Time32(TimeUnit::Second),
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Microsecond),
        Time64(TimeUnit::Nanosecond),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
        Decimal32(9, 2),
        Decimal64(18, -3),
        Decimal128(38, 10),
        Decimal256(76, 0),
        FixedSizeBinary(5),
    ];
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        fixed_types.extend([Timestamp(unit, None), Timestamp(unit, Some("Europe/Berlin".into())), Duration(unit)]);
    }
    let mut arrays: Vec<ArrayRef> = fixed_types.into_iter().map(fixed).collect();
    let text = || vec![Some("a"), None, Some("longer than the twelve bytes of a view")];
    let bytes = || vec![Some(&b"\0\xFF"[..]), None, Some(b"longer than the twelve bytes")];
    arrays.extend([
        Arc::new(NullArray::new(3)) as ArrayRef,
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(StringArray::from(text())),
        Arc::new(LargeStringArray::from(text())),
        Arc::new(StringViewArray::from(text())),
        Arc::new(BinaryArray::from(bytes())),
        Arc::new(LargeBinaryArray::from(bytes())),
        Arc::new(bytes().into_iter().collect::<BinaryViewArray>()),
        // Zeros of both signs, infinities, and NaN of several payloads.
        Arc::new(Float64Array::from_iter_values(
            [0, 1 << 63, 0x7FF0 << 48, 0x7FF8_0000_0000_1234, 0xFFF0_0000_0000_0001, 0x7FF8 << 48].map(f64::from_bits),
        )),
        Arc::new(Float32Array::from_iter_values([0x7FC0_0001, 0xFF80_0001, 1 << 31].map(f32::from_bits))),
    ]);

    let mut list = ListBuilder::new(Int64Builder::new());
    list.append_value([Some(1), None]);
    list.append_null();
    list.append_value([]);
    arrays.push(Arc::new(list.finish()));
    let offsets = OffsetBuffer::<i64>::from_lengths([1, 3]);
    arrays.push(Arc::new(LargeListArray::new(item(), offsets, numbers(), None)));
    let (starts, sizes) = (ScalarBuffer::from(vec![2i32, 0]), ScalarBuffer::from(vec![2i32, 3]));
    arrays.push(Arc::new(ListViewArray::new(item(), starts, sizes, numbers(), None)));
    let (starts, sizes) = (ScalarBuffer::from(vec![2i64, 0]), ScalarBuffer::from(vec![2i64, 3]));
    arrays.push(Arc::new(LargeListViewArray::new(item(), starts, sizes, numbers(), Some(vec![false, true].into()))));
    arrays.push(Arc::new(FixedSizeListArray::new(item(), 2, numbers(), Some(vec![true, false].into()))));
    let fields: Fields = vec![Field::new("x", Int64, true), Field::new("y", Utf8, true)].into();
    let children: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(vec![Some(1), Some(2)])), Arc::new(StringArray::from(vec![None, Some("t")]))];
    arrays.push(Arc::new(StructArray::new(fields, children, Some(vec![true, false].into()))));
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("k");
    map.values().append_null();
    map.append(true).unwrap();
    map.append(false).unwrap();
    arrays.push(Arc::new(map.finish()));
    arrays.push(union(None));
    arrays.push(union(Some(vec![0, 0, 1].into())));

    fn dictionary<K: arrow_array::types::ArrowDictionaryKeyType>() -> ArrayRef {
        let mut dictionary = StringDictionaryBuilder::<K>::new();
        dictionary.extend([Some("b"), None, Some("a"), Some("b")]);
        Arc::new(dictionary.finish())
    }
    arrays.extend([dictionary::<Int8Type>(), dictionary::<Int32Type>(), dictionary::<UInt8Type>()]);
    arrays.push(dictionary::<UInt64Type>());
    let values = || StringArray::from(vec![Some("r"), None]);
    arrays.push(Arc::new(RunArray::<Int16Type>::try_new(&vec![2i16, 3].into(), &values()).unwrap()));
    arrays.push(Arc::new(RunArray::<Int32Type>::try_new(&vec![2i32, 3].into(), &values()).unwrap()));
    arrays.push(Arc::new(RunArray::<Int64Type>::try_new(&vec![2i64, 3].into(), &values()).unwrap()));

    // Types inside types: a list of structs of a dictionary.
    let entries: Fields = vec![Field::new("d", dictionary::<Int32Type>().data_type().clone(), true)].into();
    let structs: ArrayRef = Arc::new(StructArray::new(entries.clone(), vec![dictionary::<Int32Type>()], None));
    let field = Arc::new(Field::new("item", Struct(entries), true));
    let offsets = OffsetBuffer::<i32>::from_lengths([3, 1]);
    arrays.push(Arc::new(arrow_array::ListArray::new(field, offsets, structs, None)));
    arrays.push(Arc::new(Int32Array::from(vec![i32::MIN, i32::MAX])));
    arrays
}
