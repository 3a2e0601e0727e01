//! Leafhold on DataFusion: SQL in, execution kernels, tables.
//!
//! * [`Session`] turns SQL over a [`Catalog`] of leaves into [`leafhold::expr::Expr`]s;
//! * [`EngineFunctions`] are DataFusion's types, functions and constants;
//! * [`DataFusionKernels`] run fragments of plans on DataFusion's operators;
//! * [`to_execution_plan`] makes a whole plan one of DataFusion's own, for those who run these;
//! * [`DataFusionCodec`] lets plans over its tables travel to other processes;
//! * [`tpch`] generates the benchmark's tables as live futures, [`files`] reads Parquet and CSV.

mod applied;
mod catalog;
mod codec;
mod convert;
mod engine;
mod error;
pub mod files;
mod functions;
mod kernels;
mod physical;
mod prepare;
mod refused;
mod session;
mod single_value;
mod subqueries;
pub mod tpch;

pub use catalog::Catalog;
pub use codec::DataFusionCodec;
pub use error::{Place, SqlError};
pub use functions::EngineFunctions;
pub use kernels::DataFusionKernels;
pub use physical::to_execution_plan;
pub use session::Session;
