//! Peers in Python: `bench/python/peers.py`, run with the interpreter of `.venv` at the checkout's root.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The peer.
pub const DASK: &str = "Dask";

/// What Dask needs for expressions.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Expressions {
    /// To build one of a chain of assignments.
    pub assignment_us: f64,
    /// How many of Dask's expressions that makes.
    pub nodes_per_assignment: f64,
    /// To optimize 150 of them.
    pub plan_150_ms: f64,
}

/// What tokenizing two Python objects takes.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct ObjectTokens {
    /// A frame of a million rows and ten columns.
    pub frame_ms: f64,
    /// A list of 100,000 tuples.
    pub list_ms: f64,
}

/// Dask's `tokenize`, and Leafhold's where its package is installed.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Tokens {
    pub dask_tokens: ObjectTokens,
    pub leafhold_tokens: Option<ObjectTokens>,
}

/// Microseconds per task of a thousand that do nothing, on a cluster of this machine.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Executors {
    /// Dask's `LocalCluster` of two worker processes.
    pub dask_us: f64,
    /// Ray with two CPUs, where it is installed.
    pub ray_us: Option<f64>,
}

/// Runs the suite `executor`; `None`, and a word on standard error, where it cannot run.
pub fn executors(repetitions: usize) -> Option<Executors> {
    run("executor", repetitions)
}

/// Runs the suite `interner`; `None`, and a word on standard error, where it cannot run.
pub fn expressions(repetitions: usize) -> Option<Expressions> {
    #[derive(Deserialize)]
    struct Answer {
        expressions: Expressions,
    }
    run::<Answer>("interner", repetitions).map(|answer| answer.expressions)
}

/// Runs the suite `tokens`; `None`, and a word on standard error, where it cannot run.
pub fn tokens(repetitions: usize) -> Option<Tokens> {
    run("tokens", repetitions)
}

fn run<T: DeserializeOwned>(suite: &str, repetitions: usize) -> Option<T> {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    let interpreter = bench.join("../.venv/bin/python");
    if !interpreter.exists() {
        eprintln!("no .venv at the root of the checkout, so no figures of {DASK}: `cargo xtask test` makes one");
        return None;
    }
    let output = Command::new(interpreter)
        .arg(bench.join("python/peers.py"))
        .args([suite, "--repetitions", &repetitions.to_string()])
        .stderr(Stdio::inherit())
        .output();
    let answer = match output {
        Ok(output) if output.status.success() => serde_json::from_slice(&output.stdout).map_err(anyhow::Error::from),
        Ok(output) => Err(anyhow::anyhow!("it ended with {}", output.status)),
        Err(error) => Err(error.into()),
    };
    answer.inspect_err(|error| eprintln!("no figures of {DASK}: bench/python/peers.py: {error}")).ok()
}
