//! Documents: what is written comes back as the same thing, and what is no document is an error.

mod altered;
mod arrays;
mod deep;
mod dice;
mod engine;
mod errors;
mod golden;
mod literals;
mod round_trip;
