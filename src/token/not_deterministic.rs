use std::fmt;

use super::trace::Trace;
use super::{Token, Tokenize, Tokenizer, tokenize};

/// So many places are named; the others are counted.
const MOST_NAMED: usize = 32;

/// Something has identity where content was asked for: its token means nothing to another process.
///
/// Prints one line per place: `join.right.from_delayed[3]: future "gen-7" has identity, not content`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotDeterministic {
    /// The first places, in the order in which they are written.
    pub places: Vec<IdentityPlace>,
    /// How many more there are.
    pub more: usize,
}

/// A place that has identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityPlace {
    /// Where: operators, fields and positions from the outside in, `join.right.from_delayed[3]`.
    pub path: String,
    /// Why, naming the instance.
    pub why: String,
}

impl NotDeterministic {
    /// Adds a place; its path is made only while it will be shown.
    pub(crate) fn add(&mut self, path: impl FnOnce() -> String, why: String) {
        if self.places.len() < MOST_NAMED {
            self.places.push(IdentityPlace { path: path(), why });
        } else {
            self.more += 1;
        }
    }

    /// Whether there is none, after all.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl fmt::Display for NotDeterministic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, place) in self.places.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{}: {}", place.path, place.why)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n.. and {more} more"),
        }
    }
}

impl std::error::Error for NotDeterministic {}

/// The token of a value, or every place in it that has identity instead of content.
///
/// ```
/// use leafhold::token::{ensure_deterministic_value, tokenize};
/// assert_eq!(ensure_deterministic_value(&[1u64, 2]), Ok(tokenize(&[1u64, 2])));
/// ```
///
/// # Errors
/// When something in the value called [`Tokenizer::set_determinism`] or [`Tokenizer::set_identity`]. For an
/// expression use [`ensure_deterministic`](crate::expr::ensure_deterministic).
pub fn ensure_deterministic_value<T: Tokenize + ?Sized>(value: &T) -> Result<Token, NotDeterministic> {
    let mut found = NotDeterministic::default();
    for (path, why) in identities(|tokenizer| tokenizer.put(value)) {
        found.add(|| if path.is_empty() { "value".to_owned() } else { path }, why);
    }
    match found.is_empty() {
        true => Ok(tokenize(value)),
        false => Err(found),
    }
}

/// Path and reason of everything with identity that `put` puts: fields by points, positions in brackets.
pub(crate) fn identities(put: impl FnOnce(&mut Tokenizer)) -> Vec<(String, String)> {
    let mut tokenizer = Tokenizer::traced(Trace::default());
    put(&mut tokenizer);
    tokenizer.into_trace().into_identities()
}
