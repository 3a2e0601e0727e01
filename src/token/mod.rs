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
//!
//! # Types of your own
//!
//! The derive puts names and values of all fields. `skip` leaves out what is no content; `identity` says
//! that a value is an instance, which [`ensure_deterministic_value`] then names:
//!
//! ```
//! use leafhold::token::{Tokenize, ensure_deterministic_value, tokenize};
//!
//! #[derive(Tokenize)]
//! struct Sample<T> {
//!     seed: u64,
//!     of: Vec<T>,
//!     #[tokenize(skip)]
//!     calls: usize,
//! }
//!
//! #[derive(Tokenize)]
//! enum Source {
//!     File { path: String },
//!     #[tokenize(identity)]
//!     Connection(u32),
//! }
//!
//! let file = || Source::File { path: "a.csv".into() };
//! let token = tokenize(&Sample { seed: 1, of: vec![file()], calls: 0 });
//! assert_eq!(token, tokenize(&Sample { seed: 1, of: vec![file()], calls: 9 }));
//! assert_ne!(token, tokenize(&Sample { seed: 2, of: vec![file()], calls: 0 }));
//!
//! let live = Sample { seed: 1, of: vec![file(), Source::Connection(7)], calls: 0 };
//! let error = ensure_deterministic_value(&live).unwrap_err();
//! assert_eq!(error.to_string(), "of[1]: variant `Source::Connection` has identity, not content");
//! ```
//!
//! What has no token is an error where the field stands:
//!
//! ```compile_fail,E0277
//! #[derive(leafhold::token::Tokenize)]
//! struct Job {
//!     started: std::time::Instant,
//! }
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
pub use leafhold_derive::Tokenize;
pub(crate) use not_deterministic::identities;
pub use not_deterministic::{IdentityPlace, NotDeterministic, ensure_deterministic_value};
pub use token::Token;
pub use tokenize::{Tokenize, encode, tokenize};
pub use tokenizer::{SCHEME, Tokenizer};
