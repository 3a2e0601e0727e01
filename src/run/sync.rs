//! What the account of memory is made of. `tests/memory_model.rs` compiles the very same account over a model checker's
//! types instead.

pub use std::sync::atomic::{AtomicU64, Ordering};
