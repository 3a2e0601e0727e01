//! The promises of tokens: injective, deterministic, honest, and pinned.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, StringDictionaryBuilder};
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array,
    LargeStringArray, ListArray, NullArray, RecordBatch, RecordBatchOptions, RunArray, StringArray, StringViewArray,
    StructArray, TimestampMicrosecondArray, make_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{
    CoreFunctions, DataTypeKey, Expr, Frame, FunctionInfo, Functions, JoinKind, Literal, Scalar, ScalarOp, Volatility,
    avg, case, col, count, count_all, lit, max, min, sum,
};
use leafhold::leaf::{Leaf, Values, value};
use leafhold::token::{Determinism, Token, Tokenize, Tokenizer, tokenize, tokenize_array, tokenize_batch};
use proptest::prelude::*;

fn array_token(array: &dyn Array) -> Token {
    let mut tokenizer = Tokenizer::new("test");
    tokenize_array(array, &mut tokenizer);
    tokenizer.finish()
}

fn batch_token(batch: &RecordBatch) -> Token {
    let mut tokenizer = Tokenizer::new("test");
    tokenize_batch(batch, &mut tokenizer);
    tokenizer.finish()
}

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([
        ("a", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as ArrayRef, true),
        ("s", Arc::new(StringArray::from(vec!["x", "", "y"])) as ArrayRef, false),
    ])
    .unwrap()
}

// ---- golden --------------------------------------------------------------------------------

/// One array of each kind that hashing treats in a way of its own.
fn arrays() -> Vec<(&'static str, ArrayRef)> {
    let mut list = ListBuilder::new(Int64Builder::new());
    list.append_value([Some(1), None]);
    list.append_null();
    list.append_value([]);
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.extend([Some("b"), None, Some("a"), Some("b")]);
    let fields =
        vec![Arc::new(Field::new("x", DataType::Int64, true)), Arc::new(Field::new("y", DataType::Utf8, true))];
    let children: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(vec![Some(1), Some(2)])), Arc::new(StringArray::from(vec![None, Some("t")]))];
    let runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![2, 3]), &StringArray::from(vec![Some("r"), None]))
        .unwrap();
    vec![
        ("null", Arc::new(NullArray::new(2))),
        ("boolean", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("int32", Arc::new(Int32Array::from(vec![1, 2]))),
        ("int64", Arc::new(Int64Array::from(vec![1, 2]))),
        ("int64-nulls", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("float64", Arc::new(Float64Array::from(vec![0.0, -0.0, f64::INFINITY]))),
        ("decimal", Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(9, 2).unwrap())),
        ("date", Arc::new(Date32Array::from(vec![-1, 0]))),
        ("timestamp", Arc::new(TimestampMicrosecondArray::from(vec![7]).with_timezone("Europe/Berlin"))),
        ("utf8", Arc::new(StringArray::from(vec![Some("ab"), None, Some("c")]))),
        ("large-utf8", Arc::new(LargeStringArray::from(vec!["ab", "c"]))),
        ("utf8-view", Arc::new(StringViewArray::from(vec!["ab", "longer than twelve bytes"]))),
        ("list", Arc::new(list.finish())),
        ("struct", Arc::new(StructArray::new(fields.into(), children, Some(vec![true, false].into())))),
        ("dictionary", Arc::new(dictionary.finish())),
        ("runs", Arc::new(runs)),
    ]
}

/// Expressions over content alone: one per operator, and most scalars.
fn frames() -> Vec<(&'static str, Frame)> {
    let t = || Frame::from_batches("t", batch().schema(), vec![batch()]).unwrap();
    let u = || {
        let columns = [("b", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        Frame::from_batches("u", batch.schema(), vec![batch]).unwrap()
    };
    let mut frames = vec![
        ("values", t()),
        ("project", t().project([("c", col("a") + lit(1i64)), ("s", col("s"))]).unwrap()),
        ("filter", t().filter(col("a").gt(lit(1i64)).and(col("s").like(lit("x%")))).unwrap()),
        ("scalars", {
            let chosen = case([(col("a").is_null(), lit(0i64))], -(col("a") * lit(2i64)));
            let truth = (!col("a").in_list([lit(1i64), lit(2i64)])).or(col("a").between(lit(1i64), lit(9i64)));
            t().project([("chosen", chosen), ("truth", truth), ("text", col("a").cast(DataType::Utf8))]).unwrap()
        }),
        ("aggregate", {
            let calls = [
                ("n", count_all()),
                ("d", count(col("a")).distinct()),
                ("f", sum(col("a")).filter(col("s").eq(lit("x")))),
                ("lo", min(col("a"))),
                ("hi", max(col("a"))),
                ("mean", avg(col("a"))),
            ];
            t().group_by(["s"]).aggregate(calls).unwrap()
        }),
        ("sort", t().sort([col("a").desc(), col("s").asc()]).unwrap()),
        ("limit", t().limit(1, 2)),
        ("distinct", t().distinct()),
        ("union", t().union(&t()).unwrap()),
    ];
    for kind in JoinKind::ALL {
        frames.push((kind.name(), t().join(&u(), kind, [col("a").eq(col("b"))]).unwrap()));
    }
    frames
}

fn future_frame() -> Frame {
    Frame::from_delayed("t", batch().schema(), vec![value("k", vec![batch()])]).unwrap()
}

fn corpus() -> String {
    let mut lines = String::new();
    let mut line = |name: String, token: Token| writeln!(lines, "{name} {token}").unwrap();
    line("value unit".into(), tokenize(&()));
    line("value true".into(), tokenize(&true));
    line("value 1u8".into(), tokenize(&1u8));
    line("value 1u64".into(), tokenize(&1u64));
    line("value 1i64".into(), tokenize(&1i64));
    line("value 1i128".into(), tokenize(&1i128));
    line("value 1f32".into(), tokenize(&1f32));
    line("value 1f64".into(), tokenize(&1f64));
    line("value -0.0".into(), tokenize(&-0.0));
    line("value text".into(), tokenize("text"));
    line("value empty-sequence".into(), tokenize::<[u64]>(&[]));
    line("value sequence".into(), tokenize(&[1u64, 2][..]));
    line("value tuple".into(), tokenize(&(1u64, 2u64)));
    line("value some".into(), tokenize(&Some(1u64)));
    line("value none".into(), tokenize(&None::<u64>));
    line("value map".into(), tokenize(&BTreeMap::from([("b", 1u64), ("a", 2)])));
    for (name, array) in arrays() {
        line(format!("array {name}"), array_token(&array));
    }
    line("batch".into(), batch_token(&batch()));
    line("literal 1".into(), Literal::from(1i64).token());
    line("literal null".into(), Literal::null(&DataType::Int64).token());
    for (name, frame) in frames() {
        line(format!("expr {name}"), frame.token());
        line(format!("shape {name}"), frame.expr().shape());
    }
    line("shape from-delayed".into(), future_frame().expr().shape());
    lines
}

/// Pins the scheme across versions, processes and machines. When it fails and the change is meant,
/// change `SCHEME` as well, and rewrite the file with `LEAFHOLD_UPDATE=1`.
#[test]
fn tokens_of_the_corpus_are_pinned() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tokens.txt");
    let corpus = corpus();
    if std::env::var_os("LEAFHOLD_UPDATE").is_some() {
        std::fs::write(path, &corpus).unwrap();
    }
    let pinned = std::fs::read_to_string(path).unwrap();
    for (ours, pinned) in corpus.lines().zip(pinned.lines()) {
        assert_eq!(ours, pinned, "the scheme of tokens has changed");
    }
    assert_eq!(corpus.lines().count(), pinned.lines().count());
}

#[test]
fn no_two_tokens_of_the_corpus_are_equal() {
    let corpus = corpus();
    let mut seen = HashMap::new();
    for line in corpus.lines() {
        let (name, token) = line.rsplit_once(' ').unwrap();
        assert_eq!(seen.insert(token, name), None, "{name}");
    }
}

#[test]
fn threads_agree_on_every_token() {
    let expected = corpus();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(corpus)).collect();
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), expected));
    });
}

// ---- injective -----------------------------------------------------------------------------

/// A small value of any kind.
#[derive(Clone, Debug)]
enum Mix {
    Unit,
    Bool(bool),
    U8(u8),
    U64(u64),
    I64(i64),
    I128(i128),
    F32(u32),
    F64(u64),
    Text(String),
    Option(Option<Box<Mix>>),
    Sequence(Vec<Mix>),
    Pair(Box<(Mix, Mix)>),
    Map(BTreeMap<String, Mix>),
}

impl Tokenize for Mix {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self {
            Mix::Unit => tokenizer.put(&()),
            Mix::Bool(value) => tokenizer.put(value),
            Mix::U8(value) => tokenizer.put(value),
            Mix::U64(value) => tokenizer.put(value),
            Mix::I64(value) => tokenizer.put(value),
            Mix::I128(value) => tokenizer.put(value),
            Mix::F32(bits) => tokenizer.put(&f32::from_bits(*bits)),
            Mix::F64(bits) => tokenizer.put(&f64::from_bits(*bits)),
            Mix::Text(value) => tokenizer.put(value),
            Mix::Option(value) => tokenizer.put(value),
            Mix::Sequence(values) => tokenizer.put(values),
            Mix::Pair(pair) => tokenizer.put(&**pair),
            Mix::Map(map) => tokenizer.put(map),
        }
    }
}

fn mix() -> impl Strategy<Value = Mix> {
    let leaf = prop_oneof![
        Just(Mix::Unit),
        any::<bool>().prop_map(Mix::Bool),
        (0u8..3).prop_map(Mix::U8),
        (0u64..3).prop_map(Mix::U64),
        (-1i64..2).prop_map(Mix::I64),
        (-1i128..2).prop_map(Mix::I128),
        // Zeros of both signs, and NaNs, quiet and signalling.
        prop::sample::select(vec![0u32, 1 << 31, 0x7f80_0001, 0x7fc0_0001]).prop_map(Mix::F32),
        prop::sample::select(vec![0u64, 1 << 63, 0x7ff0_0000_0000_0001, 0x7ff8_0000_0000_0001]).prop_map(Mix::F64),
        "[ab]{0,2}".prop_map(Mix::Text),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::option::of(inner.clone().prop_map(Box::new)).prop_map(Mix::Option),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Mix::Sequence),
            (inner.clone(), inner.clone()).prop_map(|pair| Mix::Pair(Box::new(pair))),
            prop::collection::btree_map("[ab]{0,1}", inner, 0..3).prop_map(Mix::Map),
        ]
    })
}

proptest! {
    #[test]
    fn tokens_are_equal_exactly_when_values_are(values in prop::collection::vec(mix(), 2..40)) {
        let known: Vec<_> = values.iter().map(|value| (format!("{value:?}"), tokenize(value))).collect();
        for (a, x) in &known {
            for (b, y) in &known {
                prop_assert_eq!(a == b, x == y, "{} and {}", a, b);
            }
        }
    }

    #[test]
    fn two_texts_split_at_two_places_differ(text in "[ab]{1,6}") {
        let splits: Vec<_> = (0..=text.len()).map(|at| tokenize(&text.split_at(at))).collect();
        for (at, token) in splits.iter().enumerate() {
            prop_assert!(!splits[at + 1..].contains(token));
        }
    }

    #[test]
    fn maps_do_not_depend_on_insertion(entries in prop::collection::btree_map("[a-z]{1,3}", any::<u64>(), 0..8)) {
        let forward: HashMap<_, _> = entries.clone().into_iter().collect();
        let backward: HashMap<_, _> = entries.clone().into_iter().rev().collect();
        prop_assert_eq!(tokenize(&forward), tokenize(&entries));
        prop_assert_eq!(tokenize(&backward), tokenize(&entries));
    }
}

#[test]
fn widths_signs_and_containers_are_types() {
    let tokens = [tokenize(&1u8), tokenize(&1u16), tokenize(&1u32), tokenize(&1u64), tokenize(&1i64), tokenize(&1i128)];
    for (at, token) in tokens.iter().enumerate() {
        assert!(!tokens[at + 1..].contains(token));
    }
    assert_ne!(tokenize(&(1u64, 2u64)), tokenize(&[1u64, 2][..]));
    assert_ne!(tokenize(&vec![vec![1u64], vec![]]), tokenize(&vec![vec![], vec![1u64]]));
    assert_ne!(tokenize(&vec![(1u64, 2u64)]), tokenize(&BTreeMap::from([(1u64, 2u64)])));
    assert_ne!(Tokenizer::new("a").finish(), Tokenizer::new("b").finish(), "domains differ");
}

// ---- logical content of arrays -------------------------------------------------------------

/// The same rows in buffers of their own.
fn copy(array: &dyn Array) -> ArrayRef {
    let data = array.to_data();
    let mut rows = MutableArrayData::new(vec![&data], false, array.len());
    for row in 0..array.len() {
        rows.try_extend(0, row, row + 1).unwrap();
    }
    make_array(rows.freeze())
}

#[test]
fn slices_are_equal_to_copies() {
    for (name, array) in arrays() {
        for from in 0..=array.len() {
            for to in from..=array.len() {
                let slice = array.slice(from, to - from);
                assert_eq!(array_token(&slice), array_token(&copy(&slice)), "{name} {from}..{to}");
                if (from, to) != (0, array.len()) {
                    assert_ne!(array_token(&slice), array_token(&array), "{name} {from}..{to}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn slices_of_random_arrays_are_equal_to_copies(
        numbers in prop::collection::vec(prop::option::of(-2i64..3), 0..24),
        texts in prop::collection::vec(prop::option::of("[ab]{0,20}"), 0..24),
        bounds in (0.0f64..1.0, 0.0f64..1.0),
    ) {
        let dictionary: DictionaryArray<Int8Type> = texts.iter().map(Option::as_deref).collect();
        let truths = numbers.iter().map(|number| number.map(|number| number > 0));
        let arrays: [ArrayRef; 5] = [
            Arc::new(Int64Array::from(numbers.clone())),
            Arc::new(truths.collect::<BooleanArray>()),
            Arc::new(StringArray::from(texts.clone())),
            Arc::new(StringViewArray::from_iter(texts.clone())),
            Arc::new(dictionary),
        ];
        for array in arrays {
            let from = (bounds.0 * array.len() as f64) as usize;
            let len = (bounds.1 * (array.len() - from) as f64) as usize;
            let slice = array.slice(from, len);
            prop_assert_eq!(array_token(&slice), array_token(&copy(&slice)));
        }
    }

    #[test]
    fn arrays_of_different_rows_differ(
        a in prop::collection::vec(prop::option::of("[ab]{0,2}"), 0..4),
        b in prop::collection::vec(prop::option::of("[ab]{0,2}"), 0..4),
    ) {
        let token = |rows: &[Option<String>]| array_token(&StringArray::from(rows.to_vec()));
        prop_assert_eq!(a == b, token(&a) == token(&b));
    }

    #[test]
    fn what_lies_in_null_slots_does_not_matter(
        rows in prop::collection::vec((any::<bool>(), any::<i64>(), any::<i64>()), 1..20),
    ) {
        let nulls = || NullBuffer::from_iter(rows.iter().map(|row| row.0));
        let array = |garbage: bool| {
            let value = |row: &(bool, i64, i64)| if row.0 || !garbage { row.1 } else { row.2 };
            Int64Array::new(rows.iter().map(value).collect(), Some(nulls()))
        };
        prop_assert_eq!(array_token(&array(true)), array_token(&array(false)));
        // Below a null parent, too.
        let parent = |garbage| {
            let child = Int64Array::new(array(garbage).values().clone(), None);
            let fields = vec![Arc::new(Field::new("x", DataType::Int64, true))];
            StructArray::new(fields.into(), vec![Arc::new(child)], Some(nulls()))
        };
        prop_assert_eq!(array_token(&parent(true)), array_token(&parent(false)));
    }
}

#[test]
fn items_of_a_null_list_do_not_matter() {
    let list = |hidden: i64| {
        let item = Arc::new(Field::new_list_field(DataType::Int64, true));
        let items = Arc::new(Int64Array::from(vec![1, hidden]));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 1, 2]));
        ListArray::new(item, offsets, items, Some(vec![true, false].into()))
    };
    assert_eq!(array_token(&list(2)), array_token(&list(3)));
}

#[test]
fn a_dictionary_is_its_rows_and_its_type() {
    let values = |values: Vec<&str>, keys: Vec<Option<i8>>| {
        DictionaryArray::<Int8Type>::new(keys.into_iter().collect(), Arc::new(StringArray::from(values)))
    };
    let one = values(vec!["a", "b"], vec![Some(0), Some(1), None]);
    let other = values(vec!["unused", "b", "a"], vec![Some(2), Some(1), None]);
    assert_eq!(array_token(&one), array_token(&other));
    let plain = StringArray::from(vec![Some("a"), Some("b"), None]);
    assert_ne!(array_token(&one), array_token(&plain));
    // Nulls need no values at all.
    let empty = values(vec![], vec![None, None]);
    assert_eq!(array_token(&empty), array_token(&values(vec!["a"], vec![None, None])));
}

#[test]
fn a_batch_is_its_schema_its_length_and_its_rows() {
    let base = batch();
    assert_eq!(batch_token(&base), batch_token(&batch()));
    let rows = |count| {
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap()
    };
    assert_ne!(batch_token(&rows(1)), batch_token(&rows(2)));
    let fields = base.schema().fields().iter().map(|field| field.as_ref().clone().with_name("z")).collect::<Vec<_>>();
    let renamed = RecordBatch::try_new(Arc::new(Schema::new(fields)), base.columns().to_vec()).unwrap();
    assert_ne!(batch_token(&base), batch_token(&renamed));
}

// ---- determinism, shapes, serde ------------------------------------------------------------

#[test]
fn tokens_survive_serde() {
    let token = tokenize("text");
    let json = serde_json::to_string(&token).unwrap();
    assert_eq!(json, format!("\"{token}\""));
    assert_eq!(serde_json::from_str::<Token>(&json).unwrap(), token);
    for broken in ["\"\"", "\"abc\"", &json.replace(&token.to_string()[..2], "zz"), "7"] {
        assert!(serde_json::from_str::<Token>(broken).is_err(), "{broken}");
    }
}

#[test]
fn only_what_rests_on_instances_has_identity() {
    let content = Frame::from_batches("t", batch().schema(), vec![batch()]).unwrap();
    assert_eq!(content.expr().determinism(), Determinism::Content);
    let future = future_frame().filter(col("a").gt(lit(1i64))).unwrap();
    assert_eq!(future.expr().determinism(), Determinism::Identity);
    let both = content.distinct().union(&future).unwrap();
    assert_eq!(both.expr().determinism(), Determinism::Identity);
}

struct Random;

impl Functions for Random {
    fn function(&self, name: &str, _: &[DataType]) -> Option<FunctionInfo> {
        Some(FunctionInfo {
            name: name.into(),
            version: "1".into(),
            volatility: Volatility::Volatile,
            return_type: DataTypeKey(DataType::Float64),
            nullable: false,
            strict: true,
            fallible: false,
        })
    }
}

#[test]
fn a_volatile_call_has_identity() {
    let leaf = Expr::leaf(Leaf::Values(Values::new("t", batch().schema(), vec![vec![batch()]]))).unwrap();
    let random = Random.function("random", &[]).unwrap();
    let call: Scalar = Scalar::new(ScalarOp::Call(Arc::new(random)), []);
    let expr = leaf.filter(call.lt(lit(0.5)), &CoreFunctions).unwrap();
    assert_eq!(expr.determinism(), Determinism::Identity);
}

#[test]
fn a_shape_forgets_which_future_it_was() {
    let (one, other) = (future_frame(), future_frame());
    assert_ne!(one.token(), other.token());
    assert_eq!(one.expr().shape(), other.expr().shape());
    let renamed = Frame::from_delayed("u", batch().schema(), vec![value("k", vec![batch()])]).unwrap();
    assert_ne!(one.expr().shape(), renamed.expr().shape());
}
