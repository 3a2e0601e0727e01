//! Runs on threads of this process: what becomes of them when something goes wrong, and what they share.

#[path = "../common/behaviour.rs"]
#[allow(dead_code)]
mod behaviour;
mod faults;
#[path = "../common/kernels.rs"]
mod kernels;
mod laws;
mod observing;
mod on_threads;
mod panics;
#[path = "../common/planning.rs"]
mod planning;
#[path = "../common/plans.rs"]
#[allow(dead_code)]
mod plans;
mod pressure;
mod retries;
#[path = "../common/scene.rs"]
mod scene;
mod sharing;
mod spill;
#[path = "../common/spilling.rs"]
mod spilling;
mod stages;
#[path = "../common/trace_format.rs"]
mod trace_format;
#[path = "../common/upstream.rs"]
mod upstream;
#[path = "../common/witness.rs"]
mod witness;
