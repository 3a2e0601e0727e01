//! Runs on threads of this process: what becomes of them when something goes wrong, and what they share.

#[path = "../workers/behaviour.rs"]
#[allow(dead_code)]
mod behaviour;
mod faults;
#[path = "../common/kernels.rs"]
mod kernels;
mod laws;
mod observing;
#[path = "../tasks/plans.rs"]
#[allow(dead_code)]
mod plans;
mod retries;
mod scene;
mod sharing;
mod spill;
mod stages;
#[path = "../common/witness.rs"]
mod witness;
