use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::token::{Determinism, Tokenize, Tokenizer};

/// The generation of a live instance: which process session met it, and as the how-manieth.
///
/// The session part is drawn at random once per process, so that two processes on one scheduler never
/// collide; it takes part in tokens (identity) and never in shapes, plans or texts of plans. Its written
/// form, in JSON too, is `session-counter`: 32 hexadecimal digits, a dash, a decimal number. Whoever
/// reads it back in the same session finds the instance again with [`live_future`](super::live_future),
/// as long as that lives.
///
/// ```
/// use leafhold::leaf::{Generation, live_future, value};
/// let handle = value("answer", vec![]);
/// let written = serde_json::to_string(&handle.generation())?;
/// let read: Generation = serde_json::from_str(&written)?;
/// assert_eq!(live_future(read), Some(handle));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    pub(super) session: u128,
    pub(super) counter: u64,
}

/// A text that is no generation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no generation of a future; it should be 32 hexadecimal digits, a dash and a number")]
pub struct GenerationError(String);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{}", self.session, self.counter)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({self})")
    }
}

impl FromStr for Generation {
    type Err = GenerationError;

    fn from_str(text: &str) -> Result<Self, GenerationError> {
        let read = || {
            let (session, counter) = text.split_once('-')?;
            // `from_str_radix` takes signs, too; and one generation has one written form.
            let generation =
                Generation { session: u128::from_str_radix(session, 16).ok()?, counter: counter.parse().ok()? };
            (generation.to_string() == text).then_some(generation)
        };
        read().ok_or_else(|| GenerationError(text.to_owned()))
    }
}

impl Serialize for Generation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Generation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Tokenize for Generation {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("generation");
        tokenizer.put_bytes(&self.session.to_le_bytes());
        tokenizer.put_u64(self.counter);
        tokenizer.set_determinism(Determinism::Identity);
    }
}
