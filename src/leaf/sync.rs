//! What the table of instances is made of. `tests/leaf_model.rs` compiles the very same table over a model
//! checker's types instead.

pub use std::sync::{Arc, Weak};

pub use parking_lot::Mutex;
