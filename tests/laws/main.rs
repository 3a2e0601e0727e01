//! The laws of live data: L1 and L1b, L2 to L5, and the four failures that they make impossible.

mod adapters;
mod collisions;
mod engine;
mod failures;
mod handles;
#[path = "../common/kernels.rs"]
mod kernels;
mod lifetimes;
mod nested;
mod never_silent;
mod persisted;
mod random;
mod round_trip;
