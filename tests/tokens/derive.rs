//! `#[derive(Tokenize)]`.

use std::collections::HashSet;
use std::marker::PhantomData;

use leafhold::token::{Tokenize, Tokenizer, encode, ensure_deterministic_value, tokenize};

#[derive(Tokenize)]
struct Named {
    x: u64,
    r#type: String,
}

#[derive(Tokenize)]
struct Pair(u64, String);

#[derive(Tokenize)]
struct Unit;

#[derive(Tokenize)]
enum Shape {
    Point,
    Circle(f64),
    Rectangle { width: f64, height: f64 },
}

#[derive(Tokenize)]
enum Never {}

/// A type that refers to itself, a lifetime, a constant, and parameters with bounds of their own.
#[derive(Tokenize)]
enum Tree<'a, T: Copy, const N: usize>
where
    T: PartialEq,
{
    Leaf(&'a [T; N]),
    Node { children: Vec<Tree<'a, T, N>> },
}

/// What has no token.
#[derive(Clone, Copy, PartialEq)]
struct Opaque;

#[derive(Tokenize)]
struct Cached<K, C> {
    key: K,
    #[tokenize(skip)]
    cache: C,
    kind: PhantomData<Opaque>,
}

#[test]
fn names_and_values_of_fields_are_written_in_order() {
    let by_hand = |put: &dyn Fn(&mut Tokenizer)| {
        let mut tokenizer = Tokenizer::new("value");
        put(&mut tokenizer);
        tokenizer.finish()
    };
    let named = by_hand(&|to| {
        to.put_record("Named");
        to.put_tuple(2);
        to.put_field("x", &1u64);
        to.put_field("type", "t");
    });
    assert_eq!(tokenize(&Named { x: 1, r#type: "t".into() }), named);
    let rectangle = by_hand(&|to| {
        to.put_record("Shape");
        to.put_record("Rectangle");
        to.put_tuple(2);
        to.put_field("width", &1.0);
        to.put_field("height", &2.0);
    });
    assert_eq!(tokenize(&Shape::Rectangle { width: 1.0, height: 2.0 }), rectangle);
    assert_eq!(encode(&Unit), b"\x94Unit\x70");
    assert_eq!(encode(&Pair(1, "t".into())), b"\x94Pair\x72\x11\x41t");
}

/// Types of one content that differ in a name or an order.
mod renamed {
    use leafhold::token::{Token, Tokenize, tokenize};

    pub fn tokens() -> Vec<Token> {
        let mut tokens = Vec::new();
        macro_rules! token {
            ({ $item:item } $value:expr) => {{
                #[derive(Tokenize)]
                $item
                tokens.push(tokenize(&$value));
            }};
        }
        token!({ struct A { x: u64, y: u64 } } A { x: 1, y: 1 });
        token!({ struct B { x: u64, y: u64 } } B { x: 1, y: 1 });
        token!({ struct A { x: u64, z: u64 } } A { x: 1, z: 1 });
        token!({ struct A { y: u64, x: u64 } } A { y: 1, x: 1 });
        token!({ struct A(u64, u64); } A(1, 1));
        token!({ struct A { x: u64 } } A { x: 1 });
        token!({ struct A; } A);
        token!({ enum A { A } } A::A);
        token!({ enum A { B } } A::B);
        token!({ enum A { B() } } A::B());
        token!({ enum A { B { x: u64 } } } A::B { x: 1 });
        tokens
    }
}

#[test]
fn types_variants_fields_and_their_order_are_content() {
    let tokens = renamed::tokens();
    // `B` and `B()` are written alike: both have no field.
    assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), tokens.len() - 1);
}

#[test]
fn variants_and_their_values_differ() {
    let shapes = [
        Shape::Point,
        Shape::Circle(1.0),
        Shape::Circle(2.0),
        Shape::Rectangle { width: 1.0, height: 2.0 },
        Shape::Rectangle { width: 2.0, height: 1.0 },
    ];
    assert_eq!(shapes.iter().map(tokenize).collect::<HashSet<_>>().len(), shapes.len());
    assert_eq!(tokenize(&Vec::<Never>::new()), tokenize::<[u64]>(&[]));
}

#[test]
fn generic_and_recursive_types_have_tokens() {
    let (one, two) = ([1u64, 2], [3u64, 4]);
    let tree = |first, second| Tree::Node { children: vec![Tree::Leaf(first), Tree::Leaf(second)] };
    assert_eq!(tokenize(&tree(&one, &two)), tokenize(&tree(&[1, 2], &[3, 4])));
    assert_ne!(tokenize(&tree(&one, &two)), tokenize(&tree(&two, &one)));
}

#[test]
fn what_is_skipped_is_no_content_and_needs_no_token() {
    let cached = |key: u64, cache: Opaque| Cached { key, cache, kind: PhantomData };
    assert_eq!(tokenize(&cached(1, Opaque)), tokenize(&Cached { key: 1u64, cache: "other", kind: PhantomData }));
    assert_ne!(tokenize(&cached(1, Opaque)), tokenize(&cached(2, Opaque)));
    assert!(cached(1, Opaque).cache == Opaque);
}

#[derive(Tokenize)]
struct Job {
    inputs: Vec<Input>,
    #[tokenize(identity)]
    session: u64,
}

#[derive(Tokenize)]
enum Input {
    File(String),
    #[tokenize(identity)]
    Socket(u16),
}

#[derive(Tokenize)]
#[tokenize(identity)]
struct Handle;

#[test]
fn what_is_marked_has_identity_and_is_named() {
    let inputs = vec![Input::File("a".into()), Input::Socket(1), Input::Socket(2)];
    let error = ensure_deterministic_value(&(Job { inputs, session: 1 }, Handle)).unwrap_err();
    let lines = [
        "[0].inputs[1]: variant `Input::Socket` has identity, not content",
        "[0].inputs[2]: variant `Input::Socket` has identity, not content",
        "[0]: field `session` of `Job` has identity, not content",
        "[1]: type `Handle` has identity, not content",
    ];
    assert_eq!(error.to_string(), lines.join("\n"));
    assert_eq!(ensure_deterministic_value(&Handle).unwrap_err().places[0].path, "value");
    let file = Input::File("a".into());
    assert_eq!(ensure_deterministic_value(&file), Ok(tokenize(&file)));
}
