//! Worker processes: what they do right, and what becomes of a run when they do wrong. The worker program is
//! this test program itself, so no engine is needed.

mod attempts;
#[path = "../common/behaviour.rs"]
mod behaviour;
mod crowds;
mod families;
mod faults;
mod functions;
#[path = "../common/kernels.rs"]
mod kernels;
mod laws;
mod memory;
mod observing;
mod panics;
#[path = "../common/planning.rs"]
mod planning;
#[path = "../common/plans.rs"]
#[allow(dead_code)]
mod plans;
mod program;
#[path = "../common/scene.rs"]
mod run_scene;
mod scene;
mod serving;
mod sharing;
mod spill;
#[path = "../common/spilling.rs"]
mod spilling;
mod stages;
mod tamper;
#[path = "../common/trace_format.rs"]
mod trace_format;
#[path = "../common/upstream.rs"]
mod upstream;
#[path = "../common/witness.rs"]
mod witness;
