//! The encoding of plain values is injective, and no encoding is the beginning of another.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use leafhold::token::{SCHEME, Token, Tokenize, Tokenizer, encode, tokenize};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A small value of any kind. Floats are kept as bits, so that equality is identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Value {
    Unit,
    Bool(bool),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    I128(i128),
    F32(u32),
    F64(u64),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Token(Token),
    Option(Option<Box<Value>>),
    Sequence(Vec<Value>),
    Pair(Box<(Value, Value)>),
    Map(BTreeMap<String, Value>),
    Record(Record),
    Choice(Choice),
}

/// What the derive writes lies among the other values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Tokenize)]
struct Record {
    a: Box<Value>,
    b: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Tokenize)]
enum Choice {
    A,
    B,
    C(Box<Value>),
    D { a: Box<Value> },
}

impl Tokenize for Value {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self {
            Value::Unit => tokenizer.put_unit(),
            Value::Bool(value) => tokenizer.put_bool(*value),
            Value::U8(value) => tokenizer.put(value),
            Value::U16(value) => tokenizer.put(value),
            Value::U32(value) => tokenizer.put(value),
            Value::U64(value) => tokenizer.put_u64(*value),
            Value::U128(value) => tokenizer.put(value),
            Value::I8(value) => tokenizer.put(value),
            Value::I16(value) => tokenizer.put(value),
            Value::I32(value) => tokenizer.put(value),
            Value::I64(value) => tokenizer.put_i64(*value),
            Value::I128(value) => tokenizer.put_i128(*value),
            Value::F32(bits) => tokenizer.put(&f32::from_bits(*bits)),
            Value::F64(bits) => tokenizer.put_f64(f64::from_bits(*bits)),
            Value::Char(value) => tokenizer.put_char(*value),
            Value::Text(value) => tokenizer.put_str(value),
            Value::Bytes(value) => tokenizer.put_bytes(value),
            Value::Token(value) => tokenizer.put_token(*value),
            Value::Option(value) => tokenizer.put(value),
            Value::Sequence(values) => tokenizer.put(values),
            Value::Pair(pair) => tokenizer.put(&**pair),
            Value::Map(map) => tokenizer.put(map),
            Value::Record(record) => tokenizer.put(record),
            Value::Choice(choice) => tokenizer.put(choice),
        }
    }
}

/// Numbers at which the encoding changes its length, and small ones.
fn numbers() -> impl Strategy<Value = u64> {
    let edges = [0u64, 1, 2, 11, 12, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX];
    prop::sample::select(edges.to_vec())
}

/// Values from sets so small that equal ones come up, with bytes that are headers of the encoding.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Unit),
        any::<bool>().prop_map(Value::Bool),
        numbers().prop_map(|number| Value::U8(number as u8)),
        numbers().prop_map(|number| Value::U16(number as u16)),
        numbers().prop_map(|number| Value::U32(number as u32)),
        numbers().prop_map(Value::U64),
        numbers().prop_map(|number| Value::U128(u128::from(number))),
        numbers().prop_map(|number| Value::I8(number as i8)),
        numbers().prop_map(|number| Value::I16(number as i16)),
        numbers().prop_map(|number| Value::I32(number as i32)),
        numbers().prop_map(|number| Value::I64(number.cast_signed())),
        numbers().prop_map(|number| Value::I128(i128::from(number.cast_signed()))),
        // Zeros of both signs, and NaNs, quiet and signalling.
        prop::sample::select(vec![0u32, 1 << 31, 0x7f80_0001, 0x7fc0_0001]).prop_map(Value::F32),
        prop::sample::select(vec![0u64, 1 << 63, 0x7ff0_0000_0000_0001, 0x7ff8_0000_0000_0001]).prop_map(Value::F64),
        prop::sample::select(vec!['\0', 'a', 'B', '\u{c}', '\u{10ffff}']).prop_map(Value::Char),
        "[aA\u{0}\u{4}]{0,3}".prop_map(Value::Text),
        "[a]{11,13}".prop_map(Value::Text),
        prop::collection::vec(prop::sample::select(vec![0u8, 4, 0x41, 0x61]), 0..3).prop_map(Value::Bytes),
        (0u8..2).prop_map(|byte| Value::Token(Token::from_bytes([byte; 32]))),
        Just(Value::Choice(Choice::A)),
        Just(Value::Choice(Choice::B)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            prop::option::of(boxed.clone()).prop_map(Value::Option),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Sequence),
            (inner.clone(), inner.clone()).prop_map(|pair| Value::Pair(Box::new(pair))),
            prop::collection::btree_map("[ab]{0,1}", inner, 0..3).prop_map(Value::Map),
            (boxed.clone(), numbers()).prop_map(|(a, b)| Value::Record(Record { a, b })),
            boxed.clone().prop_map(|value| Value::Choice(Choice::C(value))),
            boxed.prop_map(|a| Value::Choice(Choice::D { a })),
        ]
    })
}

proptest! {
    #[test]
    fn tokens_are_equal_exactly_when_values_are(values in prop::collection::vec(value(), 2..40)) {
        let known: Vec<_> = values.iter().map(|value| (value, tokenize(value), encode(value))).collect();
        for (a, token, encoding) in &known {
            for (b, other_token, other_encoding) in &known {
                prop_assert_eq!(a == b, token == other_token, "{:?} and {:?}", a, b);
                prop_assert_eq!(a == b, other_encoding.starts_with(encoding), "{:?} and {:?}", a, b);
            }
        }
    }

    #[test]
    fn values_keep_their_tokens_through_serde(value in value()) {
        let json = serde_json::to_string(&value).unwrap();
        let read: Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(tokenize(&read), tokenize(&value));
    }

    // 0x41 is the header of a text of one byte: without lengths, `("a", "Aa")` would read as `("aA", "a")`.
    #[test]
    fn two_texts_split_at_two_places_differ(text in "[aA]{1,6}") {
        let splits: Vec<_> = (0..=text.len()).map(|at| tokenize(&text.split_at(at))).collect();
        prop_assert_eq!(splits.iter().collect::<HashSet<_>>().len(), splits.len());
    }

    #[test]
    fn maps_and_sets_do_not_depend_on_insertion(
        entries in prop::collection::btree_map("[a-z]{1,3}", any::<u64>(), 0..8),
    ) {
        let forward: HashMap<_, _> = entries.clone().into_iter().collect();
        let backward: HashMap<_, _> = entries.clone().into_iter().rev().collect();
        prop_assert_eq!(tokenize(&forward), tokenize(&entries));
        prop_assert_eq!(tokenize(&backward), tokenize(&entries));
        let keys: BTreeSet<_> = entries.keys().collect();
        prop_assert_eq!(tokenize(&keys.iter().rev().collect::<HashSet<_>>()), tokenize(&keys));
    }
}

/// What a token is, without the means that make it fast: a buffer, a stream, several threads.
fn slow_token(value: &(impl Tokenize + ?Sized)) -> Token {
    let key = blake3::derive_key(SCHEME, &[]);
    let message = [encode("value"), encode(value)].concat();
    Token::from_bytes(*blake3::keyed_hash(&key, &message).as_bytes())
}

#[test]
fn a_token_is_one_hash_of_the_encoding_however_long_it_is() {
    // Around the buffer's size and that of a chunk, in small pieces and in one.
    for len in (0..1_100).chain([4_000, 300_000, 1_000_000]) {
        let pieces: Vec<u64> = (0..len / 2).collect();
        assert_eq!(tokenize(&pieces), slow_token(&pieces), "{len}");
        let text = "t".repeat(len as usize);
        assert_eq!(tokenize(&(1u64, &text, 2u64)), slow_token(&(1u64, &text, 2u64)), "{len}");
    }
}

#[test]
fn order_is_content() {
    assert_ne!(tokenize(&(1u64, 2u64)), tokenize(&(2u64, 1u64)));
    assert_ne!(tokenize(&[1u64, 2]), tokenize(&[2u64, 1]));
}

#[test]
fn containers_and_domains_are_types() {
    assert_ne!(tokenize(&(1u64, 2u64)), tokenize(&[1u64, 2][..]));
    assert_ne!(tokenize(&vec![vec![1u64], vec![]]), tokenize(&vec![vec![], vec![1u64]]));
    assert_ne!(tokenize(&vec![(1u64, 2u64)]), tokenize(&BTreeMap::from([(1u64, 2u64)])));
    assert_ne!(Tokenizer::new("a").finish(), Tokenizer::new("b").finish());
}

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
