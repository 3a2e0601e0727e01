use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Token, Tokenizer};

/// A value that can be tokenized: it writes its whole content into a [`Tokenizer`].
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
    tokenizer.put(value);
    tokenizer.finish()
}

macro_rules! tokenize_as {
    ($($ty:ty => $put:ident as $wide:ty),* $(,)?) => {$(
        impl Tokenize for $ty {
            fn tokenize(&self, tokenizer: &mut Tokenizer) {
                tokenizer.put_record(stringify!($ty));
                tokenizer.$put(<$wide>::from(*self));
            }
        }
    )*};
}

// Each width is its own type: a column of u8 is not a column of u64.
tokenize_as! {
    u8 => put_u64 as u64, u16 => put_u64 as u64, u32 => put_u64 as u64, u64 => put_u64 as u64,
    i8 => put_i64 as i64, i16 => put_i64 as i64, i32 => put_i64 as i64, i64 => put_i64 as i64,
    i128 => put_i128 as i128, f64 => put_f64 as f64, bool => put_bool as bool,
}

impl Tokenize for f32 {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("f32");
        // Its own bits: widening would make one NaN of two.
        tokenizer.put_u64(u64::from(self.to_bits()));
    }
}

impl Tokenize for usize {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        // A count is the same on every machine, whatever its word size.
        (*self as u64).tokenize(tokenizer);
    }
}

impl Tokenize for () {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_unit();
    }
}

impl Tokenize for Token {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_token(*self);
    }
}

impl Tokenize for str {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_str(self);
    }
}

impl Tokenize for String {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_str(self);
    }
}

impl<T: Tokenize> Tokenize for [T] {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_sequence(self.len());
        self.iter().for_each(|item| item.tokenize(tokenizer));
    }
}

impl<T: Tokenize> Tokenize for Vec<T> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        self.as_slice().tokenize(tokenizer);
    }
}

impl<T: Tokenize> Tokenize for Option<T> {
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

impl<T: Tokenize + ?Sized> Tokenize for &T {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        (**self).tokenize(tokenizer);
    }
}

impl<T: Tokenize + ?Sized> Tokenize for Box<T> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        (**self).tokenize(tokenizer);
    }
}

impl<T: Tokenize + ?Sized> Tokenize for Arc<T> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        (**self).tokenize(tokenizer);
    }
}

impl<K: Tokenize + Ord, V: Tokenize> Tokenize for BTreeMap<K, V> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_map(self.len());
        for (key, value) in self {
            key.tokenize(tokenizer);
            value.tokenize(tokenizer);
        }
    }
}

impl<K: Tokenize + Ord, V: Tokenize, S> Tokenize for HashMap<K, V, S> {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_by(|left, right| left.0.cmp(right.0));
        tokenizer.put_map(entries.len());
        for (key, value) in entries {
            key.tokenize(tokenizer);
            value.tokenize(tokenizer);
        }
    }
}

macro_rules! tokenize_tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Tokenize),+> Tokenize for ($($name,)+) {
            fn tokenize(&self, tokenizer: &mut Tokenizer) {
                tokenizer.put_tuple([$($index),+].len());
                $(self.$index.tokenize(tokenizer);)+
            }
        }
    };
}

tokenize_tuple!(A 0);
tokenize_tuple!(A 0, B 1);
tokenize_tuple!(A 0, B 1, C 2);
tokenize_tuple!(A 0, B 1, C 2, D 3);
