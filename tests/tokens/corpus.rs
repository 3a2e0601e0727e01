//! Tokens of a fixed corpus: pinned across versions, processes, machines and thread counts.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, LargeStringArray,
    NullArray, RecordBatch, RunArray, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{Frame, JoinKind, Literal, Scalar, avg, case, col, count, count_all, lit, max, min, sum};
use leafhold::token::{SCHEME, Token, Tokenize, tokenize};

use crate::layouts::{Cell, Dice, array, cell, leaf_types, nested_types};
use crate::{batch, content, live};

#[derive(Tokenize)]
enum Derived {
    Unit,
    Tuple(u64, Option<String>),
    Named { x: f64, y: Vec<u8> },
}

fn values(line: &mut dyn FnMut(&str, Token)) {
    line("unit", tokenize(&()));
    line("true", tokenize(&true));
    line("1u8", tokenize(&1u8));
    line("1u16", tokenize(&1u16));
    line("1u32", tokenize(&1u32));
    line("1u64", tokenize(&1u64));
    line("300u64", tokenize(&300u64));
    line("max-u64", tokenize(&u64::MAX));
    line("1u128", tokenize(&1u128));
    line("1i8", tokenize(&1i8));
    line("1i16", tokenize(&1i16));
    line("1i32", tokenize(&1i32));
    line("1i64", tokenize(&1i64));
    line("min-i64", tokenize(&i64::MIN));
    line("1i128", tokenize(&1i128));
    line("1f32", tokenize(&1f32));
    line("1f64", tokenize(&1f64));
    line("-0.0", tokenize(&-0.0));
    line("char", tokenize(&'x'));
    line("text", tokenize("text"));
    line("long-text", tokenize(&"long ".repeat(1_000)));
    line("empty-sequence", tokenize::<[u64]>(&[]));
    line("sequence", tokenize(&[1u64, 2]));
    line("tuple", tokenize(&(1u64, 2u64)));
    line("some", tokenize(&Some(1u64)));
    line("none", tokenize(&None::<u64>));
    line("map", tokenize(&BTreeMap::from([("b", 1u64), ("a", 2)])));
    line("token", tokenize(&tokenize("text")));
    line("derived-unit", tokenize(&Derived::Unit));
    line("derived-tuple", tokenize(&Derived::Tuple(1, None)));
    line("derived-named", tokenize(&Derived::Named { x: 1.0, y: vec![1] }));
}

/// One array of each kind that hashing treats in a way of its own, and every type without rows.
fn arrays(line: &mut dyn FnMut(&str, Token)) {
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
    let runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![2, 3]), &StringArray::from(vec![Some("r"), None]));
    let arrays: Vec<(&str, ArrayRef)> = vec![
        ("null", Arc::new(NullArray::new(2))),
        ("boolean", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("int32", Arc::new(Int32Array::from(vec![1, 2]))),
        ("int64", Arc::new(Int64Array::from(vec![1, 2]))),
        ("int64-nulls", Arc::new(Int64Array::from(vec![Some(1), None]))),
        // Long enough for several threads.
        ("int64-long", Arc::new(Int64Array::from_iter_values(0..500_000))),
        ("int64-long-nulls", Arc::new(Int64Array::from_iter((0..500_000).map(|at| (at % 7 != 0).then_some(at))))),
        ("float64", Arc::new(Float64Array::from(vec![0.0, -0.0, f64::INFINITY]))),
        ("decimal", Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(9, 2).unwrap())),
        ("date", Arc::new(Date32Array::from(vec![-1, 0]))),
        ("timestamp", Arc::new(TimestampMicrosecondArray::from(vec![7]).with_timezone("Europe/Berlin"))),
        ("utf8", Arc::new(StringArray::from(vec![Some("ab"), None, Some("c")]))),
        ("utf8-long", Arc::new(StringArray::from_iter_values((0..200_000).map(|at| format!("text {at}"))))),
        ("large-utf8", Arc::new(LargeStringArray::from(vec!["ab", "c"]))),
        ("utf8-view", Arc::new(StringViewArray::from(vec!["ab", "longer than twelve bytes"]))),
        ("list", Arc::new(list.finish())),
        ("struct", Arc::new(StructArray::new(fields.into(), children, Some(vec![true, false].into())))),
        ("dictionary", Arc::new(dictionary.finish())),
        ("runs", Arc::new(runs.unwrap())),
    ];
    for (name, array) in arrays {
        line(name, tokenize(&array));
    }
    let (a, b) = (DataType::Int64, DataType::Utf8);
    for (at, kind) in leaf_types().into_iter().chain(nested_types(&a, &b)).enumerate() {
        let mut dice = Dice(at as u64);
        let rows: Vec<Cell> = (0..5).map(|_| cell(&kind, true, &mut dice)).collect();
        line(&format!("{at}-{}", kind.to_string().replace(' ', "")), tokenize(&array(&kind, &rows, &mut dice)));
    }
}

fn schemas(line: &mut dyn FnMut(&str, Token)) {
    let schema = batch().schema();
    line("batch", tokenize(&*schema));
    line("empty", tokenize(&Schema::empty()));
    let metadata = HashMap::from([("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
    line("metadata", tokenize(&Field::new("x", DataType::Utf8, false).with_metadata(metadata)));
    let (a, b) = (DataType::Int64, DataType::Utf8);
    for (at, kind) in leaf_types().into_iter().chain(nested_types(&a, &b)).enumerate() {
        line(&format!("{at}-{}", kind.to_string().replace(' ', "")), tokenize(&kind));
    }
}

fn scalars() -> Vec<(&'static str, Scalar)> {
    vec![
        ("column", col("a")),
        ("literal", lit(1i64)),
        ("null", Scalar::literal(Literal::null(&DataType::Int64))),
        ("arithmetic", -(col("a") * lit(2i64) + lit(1i64))),
        ("comparison", col("a").gt(lit(1i64)).and(col("s").like(lit("x%")))),
        ("case", case([(col("a").is_null(), lit(0i64))], col("a"))),
        ("in", (!col("a").in_list([lit(1i64), lit(2i64)])).or(col("a").between(lit(1i64), lit(9i64)))),
        ("cast", col("a").cast(DataType::Utf8)),
    ]
}

/// Expressions over content alone, one per operator.
fn frames() -> Vec<(&'static str, Frame)> {
    let u = || {
        let columns = [("b", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        Frame::from_batches("u", batch.schema(), vec![batch]).unwrap()
    };
    let calls = || {
        [
            ("n", count_all()),
            ("d", count(col("a")).distinct()),
            ("f", sum(col("a")).filter(col("s").eq(lit("x")))),
            ("lo", min(col("a"))),
            ("hi", max(col("a"))),
            ("mean", avg(col("a"))),
        ]
    };
    let mut frames = vec![
        ("values", content()),
        ("project", content().project([("c", col("a") + lit(1i64)), ("s", col("s"))]).unwrap()),
        ("filter", content().filter(col("a").gt(lit(1i64))).unwrap()),
        ("aggregate", content().group_by(["s"]).aggregate(calls()).unwrap()),
        ("sort", content().sort([col("a").desc(), col("s").asc()]).unwrap()),
        ("limit", content().limit(1, 2)),
        ("distinct", content().distinct()),
        ("union", content().union(&content()).unwrap()),
    ];
    for kind in JoinKind::ALL {
        frames.push((kind.name(), content().join(&u(), kind, [col("a").eq(col("b"))]).unwrap()));
    }
    frames
}

/// A line per member: its name and its token.
pub fn corpus() -> String {
    let mut lines = format!("{SCHEME}\n");
    let mut line = |kind: &str, name: &str, token: Token| writeln!(lines, "{kind} {name} {token}").unwrap();
    values(&mut |name, token| line("value", name, token));
    arrays(&mut |name, token| line("array", name, token));
    schemas(&mut |name, token| line("schema", name, token));
    line("batch", "batch", tokenize(&batch()));
    line("literal", "1", Literal::from(1i64).token());
    for (name, scalar) in scalars() {
        line("scalar", name, tokenize(&scalar));
    }
    for (name, frame) in frames() {
        line("expr", name, frame.token());
    }
    line("shape", "values", content().expr().shape());
    line("shape", "from-delayed", live(&["k"]).expr().shape());
    line("shape", "filter", live(&["k"]).filter(col("a").gt(lit(1i64))).unwrap().expr().shape());
    lines
}

/// When this fails and the change is meant, change `SCHEME` as well, and rewrite the file with
/// `LEAFHOLD_UPDATE=1`.
#[test]
fn tokens_of_the_corpus_are_pinned() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tokens/corpus.txt");
    let corpus = corpus();
    if std::env::var_os("LEAFHOLD_UPDATE").is_some() {
        std::fs::write(path, &corpus).unwrap();
    }
    let pinned = std::fs::read_to_string(path).unwrap();
    for (ours, pinned) in corpus.lines().zip(pinned.lines()) {
        assert_eq!(ours, pinned, "the encoding has changed");
    }
    assert_eq!(corpus.lines().count(), pinned.lines().count());
}

#[test]
fn no_two_tokens_of_the_corpus_are_equal() {
    let corpus = corpus();
    let mut seen = HashMap::new();
    for line in corpus.lines().skip(1).filter(|line| !line.starts_with("shape values")) {
        let (name, token) = line.rsplit_once(' ').unwrap();
        assert_eq!(seen.insert(token, name), None, "{name}");
    }
}

/// What [`told_to_another_process`] tells when it runs in a process of its own.
pub fn from_another_process(what: &str, threads: &str) -> String {
    let answer = std::env::temp_dir().join(format!("leafhold-tokens-{}-{what}-{threads}", std::process::id()));
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "corpus::told_to_another_process", "--ignored"])
        .env("LEAFHOLD_TEST_WHAT", what)
        .env("LEAFHOLD_TEST_ANSWER", &answer)
        .env("RAYON_NUM_THREADS", threads)
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
    let text = std::fs::read_to_string(&answer).unwrap();
    std::fs::remove_file(&answer).unwrap();
    text
}

#[test]
#[ignore = "run by `from_another_process`, which says what to tell and where"]
fn told_to_another_process() {
    let told = match std::env::var("LEAFHOLD_TEST_WHAT").unwrap().as_str() {
        "corpus" => corpus(),
        "future" => live(&["k"]).token().to_string(),
        other => panic!("nothing is known of {other}"),
    };
    std::fs::write(std::env::var_os("LEAFHOLD_TEST_ANSWER").unwrap(), told).unwrap();
}
