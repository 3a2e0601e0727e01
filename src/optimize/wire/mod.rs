//! Plans as documents: see [`crate::expr::wire`] for what documents share.

mod physical;

pub(crate) use physical::{PhysicalScope, PhysicalWire};
