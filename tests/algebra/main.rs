//! The whole algebra: what constructors check and infer, what plans mean, and how they are planned and run.

mod applies;
mod domains;
mod errors;
#[path = "../common/kernels.rs"]
mod kernels;
mod meaning;
mod planned;
mod running;
mod schemas;
mod tables;
