//! Rows of every Arrow type, and arrays that hold the same rows in different layouts.

use std::sync::Arc;

use arrow_array::builder::GenericByteViewBuilder;
use arrow_array::types::{
    BinaryViewType, ByteViewType, Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType, StringViewType,
    UInt16Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, FixedSizeListArray,
    GenericByteViewArray, GenericListArray, GenericListViewArray, LargeBinaryArray, LargeStringArray, MapArray,
    NullArray, OffsetSizeTrait, PrimitiveArray, RunArray, StringArray, StructArray, UnionArray, make_array,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit, UnionFields, UnionMode};

/// One row: its content, whatever the layout.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    /// Numbers of any width, as their bits; floats, too.
    Number(i64),
    Bytes(Vec<u8>),
    /// Items of a list, or fields of a struct.
    Cells(Vec<Cell>),
    Variant(i8, Box<Cell>),
}

/// A small generator: the seed is all that proptest has to know.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) % limit as u64) as usize
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }
}

/// Every type without children.
pub fn leaf_types() -> Vec<DataType> {
    use DataType::*;
    let mut types = vec![Null, Boolean, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float16, Float32];
    types.extend([Float64, Date32, Date64, Binary, LargeBinary, BinaryView, Utf8, LargeUtf8, Utf8View]);
    types.extend([FixedSizeBinary(2), Decimal32(9, 2), Decimal64(18, 2), Decimal128(38, 2), Decimal256(76, 2)]);
    types.extend([Time32(TimeUnit::Second), Time32(TimeUnit::Millisecond)]);
    types.extend([Time64(TimeUnit::Microsecond), Time64(TimeUnit::Nanosecond)]);
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        types.extend([Timestamp(unit, None), Timestamp(unit, Some("+01:00".into())), Duration(unit)]);
    }
    let intervals = [IntervalUnit::YearMonth, IntervalUnit::DayTime, IntervalUnit::MonthDayNano];
    types.extend(intervals.map(Interval));
    types
}

/// Every type with children, over `a` and `b`.
pub fn nested_types(a: &DataType, b: &DataType) -> Vec<DataType> {
    use DataType::*;
    let item = || Arc::new(Field::new("item", a.clone(), true));
    let other = || Arc::new(Field::new("other", b.clone(), true));
    let values = || Arc::new(Field::new("values", a.clone(), true));
    let entry = vec![Field::new("key", Utf8, false), Field::new("value", a.clone(), true)];
    let variants = || UnionFields::try_new([0, 5], [item(), other()]).unwrap();
    vec![
        List(item()),
        LargeList(item()),
        ListView(item()),
        LargeListView(item()),
        FixedSizeList(item(), 2),
        FixedSizeList(item(), 0),
        Struct(vec![item(), other()].into()),
        Map(Arc::new(Field::new("entries", Struct(entry.into()), false)), false),
        Dictionary(Box::new(Int8), Box::new(a.clone())),
        Dictionary(Box::new(UInt16), Box::new(a.clone())),
        Dictionary(Box::new(Int64), Box::new(a.clone())),
        RunEndEncoded(Arc::new(Field::new("run_ends", Int16, false)), values()),
        RunEndEncoded(Arc::new(Field::new("run_ends", Int32, false)), values()),
        RunEndEncoded(Arc::new(Field::new("run_ends", Int64, false)), values()),
        Union(variants(), UnionMode::Sparse),
        Union(variants(), UnionMode::Dense),
    ]
}

/// A row of a type: from so few values that equal ones come up.
pub fn cell(kind: &DataType, nullable: bool, dice: &mut Dice) -> Cell {
    use DataType::*;
    if *kind == Null || (nullable && can_be_null(kind) && dice.one_in(4)) {
        return Cell::Null;
    }
    match kind {
        Boolean => Cell::Bool(dice.one_in(2)),
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => {
            let len = [0, 1, 2, 13][dice.below(4)];
            Cell::Bytes((0..len).map(|_| b"ab"[dice.below(2)]).collect())
        }
        FixedSizeBinary(size) => Cell::Bytes((0..*size).map(|_| dice.below(2) as u8).collect()),
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
            let len = dice.below(3);
            Cell::Cells((0..len).map(|_| cell(item.data_type(), item.is_nullable(), dice)).collect())
        }
        Map(entries, _) => {
            let len = dice.below(3);
            Cell::Cells((0..len).map(|_| cell(entries.data_type(), false, dice)).collect())
        }
        FixedSizeList(item, size) => Cell::Cells((0..*size).map(|_| cell(item.data_type(), true, dice)).collect()),
        Struct(fields) => {
            Cell::Cells(fields.iter().map(|field| cell(field.data_type(), field.is_nullable(), dice)).collect())
        }
        Dictionary(_, value) => cell(value, nullable, dice),
        RunEndEncoded(_, value) => cell(value.data_type(), nullable, dice),
        Union(variants, _) => {
            let (id, field) = variants.iter().nth(dice.below(2)).unwrap();
            Cell::Variant(id, Box::new(cell(field.data_type(), true, dice)))
        }
        _ => Cell::Number([0, 1, -1, 77][dice.below(4)]),
    }
}

/// A union has no nulls of its own.
fn can_be_null(kind: &DataType) -> bool {
    match kind {
        DataType::Union(..) => false,
        DataType::RunEndEncoded(_, values) => can_be_null(values.data_type()),
        _ => true,
    }
}

/// An array of these rows, in a layout that the dice choose: somewhere inside a longer array, with anything in
/// null slots, in unused items and entries, and between the items.
pub fn array(kind: &DataType, rows: &[Cell], dice: &mut Dice) -> ArrayRef {
    nullable_array(kind, rows, true, dice)
}

fn nullable_array(kind: &DataType, rows: &[Cell], nullable: bool, dice: &mut Dice) -> ArrayRef {
    let (before, after) = (dice.below(4), dice.below(3));
    let mut all: Vec<Cell> = (0..before).map(|_| cell(kind, nullable, dice)).collect();
    all.extend_from_slice(rows);
    all.extend((0..after).map(|_| cell(kind, nullable, dice)));
    whole_array(kind, &all, dice).slice(before, rows.len())
}

/// Null rows have values, too.
fn filled(kind: &DataType, rows: &[Cell], dice: &mut Dice) -> Vec<Cell> {
    let value = |row: &Cell| match row {
        Cell::Null => cell(kind, false, dice),
        row => row.clone(),
    };
    rows.iter().map(value).collect()
}

fn nulls(rows: &[Cell], dice: &mut Dice) -> Option<NullBuffer> {
    let valid = rows.iter().map(|row| *row != Cell::Null);
    // No null at all may be told by a buffer, or by none.
    if valid.clone().all(|valid| valid) && dice.one_in(2) {
        return None;
    }
    let offset = dice.below(10);
    let bits: BooleanBuffer = (0..offset).map(|_| false).chain(valid).collect();
    Some(NullBuffer::new(bits.slice(offset, rows.len())))
}

fn whole_array(kind: &DataType, rows: &[Cell], dice: &mut Dice) -> ArrayRef {
    use DataType::*;
    let filled = filled(kind, rows, dice);
    match kind {
        Null => Arc::new(NullArray::new(rows.len())),
        Boolean => {
            let bits: BooleanBuffer = filled.iter().map(|row| *row == Cell::Bool(true)).collect();
            Arc::new(BooleanArray::new(bits, nulls(rows, dice)))
        }
        Utf8 => {
            let (offsets, values) = texts::<i32>(&filled, dice);
            Arc::new(StringArray::new(offsets, values, nulls(rows, dice)))
        }
        LargeUtf8 => {
            let (offsets, values) = texts::<i64>(&filled, dice);
            Arc::new(LargeStringArray::new(offsets, values, nulls(rows, dice)))
        }
        Binary => {
            let (offsets, values) = texts::<i32>(&filled, dice);
            Arc::new(BinaryArray::new(offsets, values, nulls(rows, dice)))
        }
        LargeBinary => {
            let (offsets, values) = texts::<i64>(&filled, dice);
            Arc::new(LargeBinaryArray::new(offsets, values, nulls(rows, dice)))
        }
        Utf8View => Arc::new(views::<StringViewType>(
            filled.iter().map(|row| std::str::from_utf8(bytes(row)).unwrap()),
            nulls(rows, dice),
            dice,
        )),
        BinaryView => Arc::new(views::<BinaryViewType>(filled.iter().map(bytes), nulls(rows, dice), dice)),
        FixedSizeBinary(size) => {
            let values: Vec<u8> = filled.iter().flat_map(bytes).copied().collect();
            Arc::new(FixedSizeBinaryArray::new(*size, values.into(), nulls(rows, dice)))
        }
        List(_) => Arc::new(lists::<i32>(kind, rows, &filled, dice)),
        LargeList(_) => Arc::new(lists::<i64>(kind, rows, &filled, dice)),
        Map(entries, sorted) => {
            let list = lists::<i32>(&List(entries.clone()), rows, &filled, dice);
            let (_, offsets, values, nulls) = list.into_parts();
            let entry = values.as_any().downcast_ref::<StructArray>().unwrap().clone();
            Arc::new(MapArray::new(entries.clone(), offsets, entry, nulls, *sorted))
        }
        ListView(_) => Arc::new(list_views::<i32>(kind, rows, &filled, dice)),
        LargeListView(_) => Arc::new(list_views::<i64>(kind, rows, &filled, dice)),
        FixedSizeList(item, size) => {
            let items: Vec<Cell> = filled.iter().flat_map(cells).cloned().collect();
            let values = array(item.data_type(), &items, dice);
            let nulls = nulls(rows, dice);
            Arc::new(FixedSizeListArray::try_new_with_length(item.clone(), *size, values, nulls, rows.len()).unwrap())
        }
        Struct(fields) => {
            let column = |at: usize, field: &Field, dice: &mut Dice| {
                let column: Vec<Cell> = filled.iter().map(|row| cells(row)[at].clone()).collect();
                nullable_array(field.data_type(), &column, field.is_nullable(), dice)
            };
            let columns = fields.iter().enumerate().map(|(at, field)| column(at, field, dice)).collect();
            Arc::new(StructArray::new(fields.clone(), columns, nulls(rows, dice)))
        }
        Dictionary(key, value) => match **key {
            Int8 => Arc::new(dictionary::<Int8Type>(value, rows, dice)),
            UInt16 => Arc::new(dictionary::<UInt16Type>(value, rows, dice)),
            _ => Arc::new(dictionary::<Int64Type>(value, rows, dice)),
        },
        RunEndEncoded(ends, value) => match ends.data_type() {
            Int16 => Arc::new(runs::<Int16Type>(value.data_type(), rows, dice)),
            Int32 => Arc::new(runs::<Int32Type>(value.data_type(), rows, dice)),
            _ => Arc::new(runs::<Int64Type>(value.data_type(), rows, dice)),
        },
        Union(variants, mode) => Arc::new(union(variants, *mode, rows, dice)),
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float16 | Float32 | Float64
        | Timestamp(..) | Date32 | Date64 | Time32(_) | Time64(_) | Duration(_) | Interval(_) | Decimal32(..)
        | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
            let width = kind.primitive_width().unwrap();
            let number = |row: &Cell| match row {
                Cell::Number(bits) => bits.to_le_bytes().into_iter().chain([(*bits >> 63) as u8; 24]).take(width),
                row => panic!("{row:?} is no number"),
            };
            let values: Vec<u8> = filled.iter().flat_map(number).collect();
            let data = ArrayData::builder(kind.clone()).len(rows.len()).add_buffer(Buffer::from(values));
            make_array(data.nulls(nulls(rows, dice)).align_buffers(true).build().unwrap())
        }
    }
}

fn bytes(row: &Cell) -> &Vec<u8> {
    match row {
        Cell::Bytes(bytes) => bytes,
        row => panic!("{row:?} is no text"),
    }
}

fn cells(row: &Cell) -> &Vec<Cell> {
    match row {
        Cell::Cells(cells) => cells,
        row => panic!("{row:?} has no cells"),
    }
}

fn texts<O: OffsetSizeTrait>(rows: &[Cell], dice: &mut Dice) -> (OffsetBuffer<O>, Buffer) {
    let mut values = vec![b'#'; dice.below(3)];
    let mut offsets = vec![O::usize_as(values.len())];
    for row in rows {
        values.extend(bytes(row));
        offsets.push(O::usize_as(values.len()));
    }
    values.extend(vec![b'#'; dice.below(3)]);
    (OffsetBuffer::new(offsets.into()), values.into())
}

fn views<T: ByteViewType>(
    rows: impl Iterator<Item = impl AsRef<T::Native>>,
    nulls: Option<NullBuffer>,
    dice: &mut Dice,
) -> GenericByteViewArray<T> {
    let mut builder = GenericByteViewBuilder::<T>::new().with_fixed_block_size(13 + dice.below(30) as u32);
    rows.for_each(|row| builder.append_value(row));
    let (views, buffers, _) = builder.finish().into_parts();
    GenericByteViewArray::new(views, buffers, nulls)
}

fn item_of(kind: &DataType) -> Arc<Field> {
    match kind {
        DataType::List(item) | DataType::LargeList(item) => item.clone(),
        DataType::ListView(item) | DataType::LargeListView(item) => item.clone(),
        other => panic!("{other} is no list"),
    }
}

fn lists<O: OffsetSizeTrait>(kind: &DataType, rows: &[Cell], filled: &[Cell], dice: &mut Dice) -> GenericListArray<O> {
    let item = item_of(kind);
    let any = |dice: &mut Dice| cell(item.data_type(), item.is_nullable(), dice);
    let mut items: Vec<Cell> = (0..dice.below(3)).map(|_| any(dice)).collect();
    let mut offsets = vec![O::usize_as(items.len())];
    for row in filled {
        items.extend_from_slice(cells(row));
        offsets.push(O::usize_as(items.len()));
    }
    items.extend((0..dice.below(3)).map(|_| any(dice)));
    let values = nullable_array(item.data_type(), &items, item.is_nullable(), dice);
    GenericListArray::new(item, OffsetBuffer::new(offsets.into()), values, nulls(rows, dice))
}

fn list_views<O: OffsetSizeTrait>(
    kind: &DataType,
    rows: &[Cell],
    filled: &[Cell],
    dice: &mut Dice,
) -> GenericListViewArray<O> {
    let item = item_of(kind);
    let mut items = vec![cell(item.data_type(), true, dice)];
    let (mut offsets, mut sizes) = (vec![O::default(); rows.len()], vec![O::default(); rows.len()]);
    // Forwards or backwards, with gaps.
    let backwards = dice.one_in(2);
    for step in 0..rows.len() {
        let at = if backwards { rows.len() - 1 - step } else { step };
        items.extend((0..dice.below(2)).map(|_| cell(item.data_type(), true, dice)));
        offsets[at] = O::usize_as(items.len());
        items.extend_from_slice(cells(&filled[at]));
        sizes[at] = O::usize_as(cells(&filled[at]).len());
    }
    let values = array(item.data_type(), &items, dice);
    GenericListViewArray::new(item, offsets.into(), sizes.into(), values, nulls(rows, dice))
}

fn dictionary<K>(kind: &DataType, rows: &[Cell], dice: &mut Dice) -> DictionaryArray<K>
where
    K: arrow_array::types::ArrowDictionaryKeyType,
{
    // Entries that nobody uses, and equal ones. A null is a key without value, or the key of a null.
    let mut entries: Vec<Cell> = (0..1 + dice.below(2)).map(|_| cell(kind, true, dice)).collect();
    let mut keys = Vec::new();
    let mut valid = Vec::new();
    for row in rows {
        let null_key = *row == Cell::Null && (!can_be_null(kind) || dice.one_in(2));
        let known = entries.iter().position(|entry| entry == row).filter(|_| !dice.one_in(4) || entries.len() > 100);
        let at = match (null_key, known) {
            (true, _) => dice.below(entries.len()),
            (false, Some(at)) => at,
            (false, None) => {
                entries.push(row.clone());
                entries.len() - 1
            }
        };
        keys.push(K::Native::usize_as(at));
        valid.push(!null_key);
    }
    let keys = PrimitiveArray::<K>::new(ScalarBuffer::from(keys), Some(valid.into()));
    DictionaryArray::new(keys, array(kind, &entries, dice))
}

fn runs<R: RunEndIndexType>(kind: &DataType, rows: &[Cell], dice: &mut Dice) -> RunArray<R> {
    let mut ends: Vec<R::Native> = Vec::new();
    let mut values: Vec<Cell> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        // Neighbours that are equal are one run, mostly.
        match ends.last_mut() {
            Some(end) if values.last() == Some(row) && !dice.one_in(3) => *end = R::Native::usize_as(at + 1),
            _ => {
                ends.push(R::Native::usize_as(at + 1));
                values.push(row.clone());
            }
        }
    }
    let ends = PrimitiveArray::<R>::new(ends.into(), None);
    RunArray::try_new(&ends, &array(kind, &values, dice)).unwrap()
}

fn union(variants: &UnionFields, mode: UnionMode, rows: &[Cell], dice: &mut Dice) -> UnionArray {
    let mut ids = Vec::new();
    let mut offsets = Vec::new();
    let mut children: Vec<(i8, DataType, Vec<Cell>)> =
        variants.iter().map(|(id, field)| (id, field.data_type().clone(), Vec::new())).collect();
    for row in rows {
        let Cell::Variant(id, value) = row else { panic!("{row:?} is no variant") };
        ids.push(*id);
        for (of, kind, child) in &mut children {
            let garbage = mode == UnionMode::Sparse || dice.one_in(4);
            if of == id {
                offsets.push(child.len() as i32);
                child.push((**value).clone());
            } else if garbage {
                child.push(cell(kind, true, dice));
            }
        }
    }
    let children = children.iter().map(|(_, kind, rows)| array(kind, rows, dice)).collect();
    let offsets = (mode == UnionMode::Dense).then(|| offsets.into());
    UnionArray::try_new(variants.clone(), ids.into(), offsets, children).unwrap()
}
