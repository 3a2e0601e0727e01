//! The Python package `leafhold`.
