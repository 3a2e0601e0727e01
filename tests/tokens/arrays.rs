//! Arrow data goes by logical content, for every type.

use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, Int64Array, LargeStringArray, ListArray, RecordBatch,
    RecordBatchOptions, StringArray, make_array,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType, Field, Schema};
use leafhold::token::{Token, tokenize};
use proptest::prelude::*;

use crate::batch;
use crate::layouts::{Cell, Dice, array, cell, leaf_types, nested_types};

fn token(array: &dyn Array) -> Token {
    tokenize(array)
}

/// Every leaf type; every nested type over some of them; and some nested twice.
fn types(dice: &mut Dice) -> Vec<DataType> {
    let leaves = leaf_types();
    let any = |types: &[DataType], dice: &mut Dice| types[dice.below(types.len())].clone();
    let nested = nested_types(&any(&leaves, dice), &any(&leaves, dice));
    let inner: Vec<DataType> = nested.iter().filter(|kind| fits_inside(kind)).cloned().collect();
    let twice = nested_types(&any(&inner, dice), &any(&inner, dice));
    leaves.into_iter().chain(nested).chain(twice).collect()
}

/// Keys of 8 bits are too few for the items of many lists.
fn fits_inside(kind: &DataType) -> bool {
    !matches!(kind, DataType::Dictionary(key, _) if **key == DataType::Int8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn layouts_do_not_matter_and_every_value_does(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for kind in types(&mut dice) {
            let len = dice.below(6);
            let rows: Vec<Cell> = (0..len).map(|_| cell(&kind, true, &mut dice)).collect();
            let (one, other) = (array(&kind, &rows, &mut dice), array(&kind, &rows, &mut dice));
            prop_assert_eq!(token(&one), token(&other), "{} {:?}", kind, rows);
            // Another row, one more, one less.
            let mut changed = rows.clone();
            match dice.below(3) {
                0 => changed.push(cell(&kind, true, &mut dice)),
                1 => drop(changed.pop()),
                _ if rows.is_empty() => {}
                _ => changed[dice.below(rows.len())] = cell(&kind, true, &mut dice),
            }
            let after = array(&kind, &changed, &mut dice);
            prop_assert_eq!(rows == changed, token(&one) == token(&after), "{} {:?} {:?}", kind, rows, changed);
        }
    }
}

/// The same rows in buffers of their own.
fn copy(array: &dyn Array) -> ArrayRef {
    let data = array.to_data();
    let mut rows = MutableArrayData::new(vec![&data], false, array.len());
    rows.try_extend(0, 0, array.len()).unwrap();
    make_array(rows.freeze())
}

/// So many rows that every kind of array is hashed in several blocks, and on several threads.
const MANY: usize = 150_000;

#[test]
fn long_arrays_are_equal_to_their_copies() {
    let mut dice = Dice(1);
    let text = DataType::Utf8;
    let kinds = [
        DataType::Boolean,
        DataType::Int64,
        text.clone(),
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::List(Arc::new(Field::new("item", DataType::Int64, true))),
        DataType::Dictionary(Box::new(DataType::Int64), Box::new(text.clone())),
        DataType::RunEndEncoded(
            Arc::new(Field::new("run_ends", DataType::Int32, false)),
            Arc::new(Field::new("values", text, true)),
        ),
    ];
    for kind in kinds {
        let mut rows: Vec<Cell> = (0..MANY).map(|_| cell(&kind, true, &mut dice)).collect();
        let one = array(&kind, &rows, &mut dice);
        let expected = token(&one);
        assert_eq!(token(&array(&kind, &rows, &mut dice)), expected, "{kind}");
        assert_eq!(token(&copy(&array(&kind, &rows, &mut dice))), expected, "{kind}");
        for at in [0, MANY / 2, MANY - 1] {
            let before = rows[at].clone();
            while rows[at] == before {
                rows[at] = cell(&kind, true, &mut dice);
            }
            assert_ne!(token(&array(&kind, &rows, &mut dice)), expected, "{kind} {at}");
            rows[at] = before;
        }
    }
}

#[test]
fn types_are_content() {
    let mut dice = Dice(2);
    let empty: Vec<_> =
        types(&mut dice).iter().map(|kind| (kind.clone(), token(&array(kind, &[], &mut Dice(3))))).collect();
    for (at, (kind, one)) in empty.iter().enumerate() {
        for (other_kind, other) in &empty[at + 1..] {
            assert_eq!(kind == other_kind, one == other, "{kind} and {other_kind}");
        }
    }
    let texts = ["a", "b"];
    assert_ne!(token(&StringArray::from(texts.to_vec())), token(&LargeStringArray::from(texts.to_vec())));
    assert_ne!(token(&Int32Array::from(vec![1, 2])), token(&Int64Array::from(vec![1, 2])));
}

#[test]
fn items_of_a_null_list_do_not_matter() {
    let list = |hidden: i64| {
        let item = Arc::new(Field::new_list_field(DataType::Int64, true));
        let items = Arc::new(Int64Array::from(vec![1, hidden]));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 1, 2]));
        ListArray::new(item, offsets, items, Some(vec![true, false].into()))
    };
    assert_eq!(token(&list(2)), token(&list(3)));
}

#[test]
fn a_dictionary_is_its_rows_and_its_type() {
    let values = |values: Vec<&str>, keys: Vec<Option<i8>>| {
        DictionaryArray::<Int8Type>::new(keys.into_iter().collect(), Arc::new(StringArray::from(values)))
    };
    let one = values(vec!["a", "b"], vec![Some(0), Some(1), None]);
    let other = values(vec!["unused", "b", "a"], vec![Some(2), Some(1), None]);
    assert_eq!(token(&one), token(&other));
    let plain = StringArray::from(vec![Some("a"), Some("b"), None]);
    assert_ne!(token(&one), token(&plain));
    // Nulls need no values at all.
    let empty = values(vec![], vec![None, None]);
    assert_eq!(token(&empty), token(&values(vec!["a"], vec![None, None])));
}

#[test]
fn a_batch_is_its_schema_its_length_and_its_rows() {
    let base = batch();
    assert_eq!(tokenize(&base), tokenize(&batch()));
    let rows = |count| {
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap()
    };
    assert_ne!(tokenize(&rows(1)), tokenize(&rows(2)));
    let fields = base.schema().fields().iter().map(|field| field.as_ref().clone().with_name("z")).collect::<Vec<_>>();
    let renamed = RecordBatch::try_new(Arc::new(Schema::new(fields)), base.columns().to_vec()).unwrap();
    assert_ne!(tokenize(&base), tokenize(&renamed));
    // Chunks of a larger batch, at an offset.
    assert_eq!(
        tokenize(&base.slice(1, 2)),
        tokenize(
            &RecordBatch::try_new(
                base.schema(),
                base.columns().iter().map(|column| copy(&column.slice(1, 2))).collect(),
            )
            .unwrap()
        )
    );
}
