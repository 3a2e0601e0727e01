//! Leafhold on DataFusion: SQL in, execution kernels, tables.
//!
//! * [`Session`] turns SQL over a [`Catalog`] of leaves into [`leafhold::expr::Expr`]s;
//! * [`EngineFunctions`] are DataFusion's types, functions and constants.

mod catalog;
mod convert;
mod engine;
mod error;
mod functions;
mod kernels;
mod prepare;
mod session;
pub mod tpch;

pub use catalog::Catalog;
pub use error::{Place, SqlError};
pub use functions::EngineFunctions;
pub use session::Session;
