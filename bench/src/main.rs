//! Side-by-side measurements: the same work by Leafhold and by a peer, in one process, as ratios.

#[path = "../../tests/common/allocations.rs"]
mod allocations;
mod cancellation;
mod execution;
mod executor;
mod expressions;
mod interner;
mod lowering;
mod measure;
mod memory;
mod peers;
mod planning;
mod processes;
mod python;
mod quality;
mod report;
mod reporting;
mod rules;
mod tables;
mod threads;
mod tokens;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use report::Report;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Measure Leafhold beside its peers.
#[derive(Parser)]
#[command(name = "leafhold-bench", version, arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Subcommand)]
enum Suite {
    /// Planning time per TPC-H query, beside DataFusion's `optimize` and physical planning
    Planning(SuiteArgs),
    /// C_out per TPC-H query, beside what DuckDB and DataFusion were measured at
    Quality(SuiteArgs),
    /// Run time per TPC-H query on the same in-memory data, beside DataFusion
    Execution(SuiteArgs),
    /// Loading and checking the rule base, and planning time with a trace beside without
    Rules(SuiteArgs),
    /// Hashing Arrow data and small values, and `tokenize` of Python objects beside Dask's
    Tokens(CoreArgs),
    /// Building expressions, and planning and lowering of chains, beside Dask
    Interner(CoreArgs),
    /// Time of lowering, and bytes of task graphs: a million edges, and 100,000 tasks
    Lowering(CoreArgs),
    /// Time and bytes of a million fresh nodes
    Memory(CoreArgs),
    /// What an executor adds to a task that does nothing
    Executor(CoreArgs),
    /// What the executor suite starts
    #[command(hide = true)]
    Worker,
}

#[derive(clap::Args)]
struct CoreArgs {
    /// Write rows and summary as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How often each case is measured; the minimum counts
    #[arg(long, default_value = "5")]
    repetitions: NonZeroUsize,
}

#[derive(clap::Args)]
struct SuiteArgs {
    /// Write rows and summary as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these queries, such as q05
    #[arg(long = "query", value_name = "NAME")]
    queries: Vec<String>,
    /// The TPC-H scale factor
    #[arg(long, default_value_t = 0.1)]
    scale: f64,
    /// How often each query is measured; the minimum counts
    #[arg(long, default_value = "15")]
    repetitions: NonZeroUsize,
    /// Threads for execution, both ours and the peer's
    #[arg(long, default_value = "2")]
    threads: NonZeroUsize,
}

impl SuiteArgs {
    /// Name and text of the queries that are asked for.
    fn queries(&self) -> anyhow::Result<Vec<(&'static str, &'static str)>> {
        let all = leafhold_datafusion::tpch::QUERIES;
        if self.queries.is_empty() {
            return Ok(all.to_vec());
        }
        let find = |name: &String| {
            let short = name.trim_start_matches("tpch/");
            let found = all.iter().find(|(known, _)| *known == short);
            found.copied().with_context(|| format!("no query `{name}`; there are q01 to q22"))
        };
        self.queries.iter().map(find).collect()
    }
}

fn main() -> ExitCode {
    let (outcome, json) = match Args::parse().suite {
        Suite::Planning(args) => (planning::measure(&args), args.json),
        Suite::Quality(args) => (quality::measure(&args), args.json),
        Suite::Execution(args) => (execution::measure(&args), args.json),
        Suite::Rules(args) => (rules::measure(&args), args.json),
        Suite::Tokens(args) => (tokens::measure(&args), args.json),
        Suite::Interner(args) => (interner::measure(&args), args.json),
        Suite::Lowering(args) => (lowering::measure(&args), args.json),
        Suite::Memory(args) => (memory::measure(&args), args.json),
        Suite::Executor(args) => (executor::measure(&args), args.json),
        Suite::Worker => return exit(processes::worker()),
    };
    exit(outcome.and_then(|report| publish(&report, json)))
}

fn exit(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn publish(report: &Report, json: Option<PathBuf>) -> anyhow::Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{report}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("standard output")?,
        _ => {}
    }
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(report)?;
        std::fs::write(&path, text + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}
