//! What the weak table is made of. `tests/interner_model.rs` compiles the very same table over a model
//! checker's types instead.

pub use std::sync::{Arc, Weak};

pub use parking_lot::Mutex;

pub use crate::token::Token;
