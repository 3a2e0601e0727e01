//! Structural tokens: what "the same" means for everything that a plan is made of.
//!
//! A [`Token`] is 32 bytes of BLAKE3 over an *injective* encoding: every field is tagged with its
//! type and prefixed with its length, so `("ab", "c")` and `("a", "bc")` differ. Equal content gives
//! equal tokens in every process, on every machine and with any number of threads, for one
//! [`SCHEME`]; what cannot promise that says so through [`Determinism`].
//!
//! ```
//! use leafhold::token::{tokenize, Tokenize};
//!
//! assert_eq!(tokenize(&("ab", "c")), tokenize(&("ab", "c")));
//! assert_ne!(tokenize(&("ab", "c")), tokenize(&("a", "bc")));
//! ```

mod arrow;
mod determinism;
mod encoding;
mod not_deterministic;
#[allow(clippy::module_inception, reason = "one noun per file, and here the noun is the token")]
mod token;
mod tokenize;
mod tokenizer;
mod trace;

pub use arrow::{tokenize_array, tokenize_batch};
pub use determinism::Determinism;
pub use not_deterministic::{IdentityPlace, NotDeterministic, ensure_deterministic_value};
pub use token::Token;
pub use tokenize::{Tokenize, encode, tokenize};
pub use tokenizer::{SCHEME, Tokenizer};
