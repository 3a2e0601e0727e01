//! The rule language.

mod forest;

pub use forest::{Forest, Plant};
