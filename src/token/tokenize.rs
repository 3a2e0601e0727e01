use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::encoding::Atom;
use super::trace::Trace;
use super::{Token, Tokenizer};

/// A value that can be tokenized: it writes its whole content into a [`Tokenizer`].
///
/// `#[derive(Tokenize)]` does it for structs and enums: see [the derive](macro@super::Tokenize).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no token",
    label = "this would have to be a part of a token",
    note = "derive `leafhold::token::Tokenize` for `{Self}`, or leave the field out with `#[tokenize(skip)]`"
)]
pub trait Tokenize {
    /// Writes the content of this value.
    fn tokenize(&self, tokenizer: &mut Tokenizer);
}

/// The token of one value on its own.
///
/// ```
/// use leafhold::token::tokenize;
/// assert_eq!(tokenize(&vec![1u64, 2]), tokenize(&[1u64, 2][..]));
/// ```
pub fn tokenize<T: Tokenize + ?Sized>(value: &T) -> Token {
    let mut tokenizer = Tokenizer::new("value");
    value.tokenize(&mut tokenizer);
    tokenizer.finish()
}

/// The bytes that a value writes, before they are hashed: to see what is, and what is not, a part of a
/// token. The encodings of different values differ, and none of them is the beginning of another.
///
/// ```
/// use leafhold::token::encode;
/// assert_ne!(encode(&("ab", "c")), encode(&("a", "bc")));
/// assert_eq!(encode("ab"), b"\x42ab");
/// ```
pub fn encode<T: Tokenize + ?Sized>(value: &T) -> Vec<u8> {
    let mut tokenizer = Tokenizer::traced(Trace::of_encoding());
    value.tokenize(&mut tokenizer);
    tokenizer.into_trace().into_encoding()
}

macro_rules! tokenize_as {
    ($($ty:ty => $put:ident),* $(,)?) => {$(
        impl Tokenize for $ty {
            #[inline]
            fn tokenize(&self, tokenizer: &mut Tokenizer) {
                tokenizer.$put(*self);
            }
        }
    )*};
}

tokenize_as! {
    bool => put_bool, u64 => put_u64, i64 => put_i64, i128 => put_i128, f64 => put_f64, char => put_char,
    Token => put_token,
}

// Each width is its own type: a column of u8 is not a column of u64.
macro_rules! tokenize_atom {
    ($($ty:ty => $atom:ident),* $(,)?) => {$(
        impl Tokenize for $ty {
            #[inline]
            fn tokenize(&self, tokenizer: &mut Tokenizer) {
                tokenizer.atom(Atom::$atom, self.to_le_bytes());
            }
        }
    )*};
}

// Floats, too, go by their own bits: widening would make one NaN of two.
tokenize_atom! {
    u8 => U8, u16 => U16, u32 => U32, u128 => U128, i8 => I8, i16 => I16, i32 => I32, f32 => F32,
}

impl Tokenize for usize {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        // A count is the same on every machine, whatever its word size.
        tokenizer.put_u64(*self as u64);
    }
}

impl Tokenize for isize {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_i64(*self as i64);
    }
}

impl Tokenize for () {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_unit();
    }
}

impl<T: ?Sized> Tokenize for PhantomData<T> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_unit();
    }
}

impl Tokenize for str {
    #[inline]
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_str(self);
    }
}

impl Tokenize for String {
    #[inline]
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_str(self);
    }
}

impl<T: Tokenize> Tokenize for [T] {
    #[inline]
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        put_all(self.len(), self, tokenizer);
    }
}

impl<T: Tokenize, const N: usize> Tokenize for [T; N] {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        self.as_slice().tokenize(tokenizer);
    }
}

impl<T: Tokenize> Tokenize for Vec<T> {
    #[inline]
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        self.as_slice().tokenize(tokenizer);
    }
}

impl<T: Tokenize> Tokenize for BTreeSet<T> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        put_all(self.len(), self, tokenizer);
    }
}

/// In order, so that the order of insertion, and of hashes, does not matter.
impl<T: Tokenize + Ord, S> Tokenize for HashSet<T, S> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        let mut items: Vec<_> = self.iter().collect();
        items.sort();
        put_all(items.len(), items, tokenizer);
    }
}

impl<T: Tokenize> Tokenize for Option<T> {
    #[inline]
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self {
            None => tokenizer.put_none(),
            Some(value) => {
                tokenizer.put_some();
                value.tokenize(tokenizer);
            }
        }
    }
}

macro_rules! tokenize_pointer {
    ($($pointer:ty),* $(,)?) => {$(
        impl<T: Tokenize + ?Sized> Tokenize for $pointer {
            #[inline]
            fn tokenize(&self, tokenizer: &mut Tokenizer) {
                (**self).tokenize(tokenizer);
            }
        }
    )*};
}

// What is pointed to is the content; that it is shared is not.
tokenize_pointer!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: Tokenize + ToOwned + ?Sized> Tokenize for Cow<'_, T> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        (**self).tokenize(tokenizer);
    }
}

impl<K: Tokenize, V: Tokenize> Tokenize for BTreeMap<K, V> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        put_entries(self.len(), self, tokenizer);
    }
}

/// In the order of the keys, so that the order of insertion, and of hashes, does not matter.
impl<K: Tokenize + Ord, V: Tokenize, S> Tokenize for HashMap<K, V, S> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        put_entries(entries.len(), entries, tokenizer);
    }
}

#[inline]
fn put_all<T: Tokenize>(len: usize, items: impl IntoIterator<Item = T>, tokenizer: &mut Tokenizer) {
    tokenizer.put_sequence(len);
    for (position, item) in items.into_iter().enumerate() {
        tokenizer.put_item(position, &item);
    }
}

fn put_entries<K: Tokenize, V: Tokenize>(
    len: usize,
    entries: impl IntoIterator<Item = (K, V)>,
    tokenizer: &mut Tokenizer,
) {
    tokenizer.put_map(len);
    for (position, (key, value)) in entries.into_iter().enumerate() {
        tokenizer.put_item(position, &key);
        tokenizer.put_item(position, &value);
    }
}

macro_rules! tokenize_tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Tokenize),+> Tokenize for ($($name,)+) {
            #[inline]
            fn tokenize(&self, tokenizer: &mut Tokenizer) {
                tokenizer.put_tuple([$($index),+].len());
                $(tokenizer.put_item($index, &self.$index);)+
            }
        }
    };
}

tokenize_tuple!(A 0);
tokenize_tuple!(A 0, B 1);
tokenize_tuple!(A 0, B 1, C 2);
tokenize_tuple!(A 0, B 1, C 2, D 3);
tokenize_tuple!(A 0, B 1, C 2, D 3, E 4);
tokenize_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tokenize_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tokenize_tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
