//! What may be written after `leafhold`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use leafhold::expr::{Errors, Semantics};
use leafhold::optimize::{DEFAULT_FAN_IN, DEFAULT_PARTITIONS};
use leafhold::run::work::ObserverRequest;

use crate::argument::{self, utf8};
use crate::query::TPCH;
use crate::report::ReportArg;

/// The planner's default, as the options have it.
const PARTITIONS: NonZeroUsize = NonZeroUsize::new(DEFAULT_PARTITIONS).unwrap();

/// Plan and run queries over live data.
#[derive(Debug, Parser)]
#[command(name = "leafhold", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plan a query, run it, and report what happened
    Run(RunArgs),
    /// Show what becomes of a query
    Explain(ExplainArgs),
    /// Show how a plan came about: every rewrite, the facts its guards asked for, every choice by cost
    Why(WhyArgs),
    /// Show why a rule has no part in a plan: the node that differs, the guard that says no, the cap, the cost
    WhyNot(WhyNotArgs),
    /// Compare plans: of two rule sets over TPC-H, or as two versions wrote them
    Diff(DiffArgs),
    /// The rewrite rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Run tasks for the driver at the other end of standard input: what `run --isolate` starts
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, clap::Args)]
pub struct WhyArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// Take every step again on tiny tables, and name the first that changes the result
    #[arg(long)]
    pub replay: bool,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct WhyNotArgs {
    /// The rule's name
    pub rule: String,
    #[command(flatten)]
    pub input: InputArgs,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// `shipped`, `shipped+DIR`, a folder of .rules files, or plans: a .json file of `explain --format json`, or a
    /// folder of them
    #[arg(value_name = "A")]
    pub first: String,
    /// The same
    #[arg(value_name = "B")]
    pub second: String,
    /// Rule sets plan the TPC-H queries at this scale factor
    #[arg(long, value_name = "SF", default_value_t = crate::data::DEFAULT_SCALE, allow_negative_numbers = true, value_parser = argument::scale)]
    pub tpch: f64,
    /// Partitions into which rows are hashed
    #[arg(long, value_name = "N", default_value_t = PARTITIONS, value_parser = argument::positive)]
    pub partitions: NonZeroUsize,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// How to print the result. With csv and json, standard output holds the result alone
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    #[command(flatten)]
    pub execution: ExecutionArgs,
}

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// Which form of the query to show
    #[arg(long, value_enum, default_value_t = Stage::Plan)]
    pub stage: Stage,
    /// For people or for programs; dot and mermaid draw the tasks
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
    /// Run the query, and add actual rows and C_out (actual rows over the outputs of all joins). A filter right below a
    /// project runs as one with it, and has the rows that are shown there
    #[arg(long)]
    pub analyze: bool,
    #[command(flatten)]
    pub execution: ExecutionArgs,
}

/// The query, its tables and its rules.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("source").args(["query", "sql"]).required(true))]
pub struct InputArgs {
    /// A query: tpch/q01 .. tpch/q22, a .sql file, or - for standard input
    #[arg(value_parser = utf8(argument::text))]
    pub query: Option<String>,
    /// The query's text
    #[arg(short = 'c', long = "command", value_name = "SQL", value_parser = utf8(argument::text))]
    pub sql: Option<String>,
    #[command(flatten)]
    pub setting: SettingArgs,
}

impl InputArgs {
    /// What to call the query: its name, its file, or the beginning of its text.
    pub fn title(&self) -> String {
        const LENGTH: usize = 80;
        match (&self.query, &self.sql) {
            (Some(query), _) => query.clone(),
            (None, Some(sql)) => {
                let words = sql.split_whitespace().collect::<Vec<_>>().join(" ");
                match words.char_indices().nth(LENGTH) {
                    Some((end, _)) => format!("{}..", &words[..end]),
                    None => words,
                }
            }
            (None, None) => String::new(),
        }
    }

    /// The files that are read for the rows, and the query's own, with what to call them.
    pub fn files(&self) -> impl Iterator<Item = (String, &Path)> {
        let own = self.query.as_deref().filter(|query| *query != "-" && !query.starts_with(TPCH));
        let tables = self.setting.tables.iter();
        let tables = tables.map(|table| (format!("the file of table `{}`", table.name), &*table.path));
        own.map(|path| ("the query's file".to_owned(), Path::new(path))).into_iter().chain(tables)
    }
}

/// What a query is planned with.
#[derive(Clone, Debug, clap::Args)]
pub struct SettingArgs {
    /// Generate the TPC-H tables at this scale factor (0.1 when a tpch/ query names no data)
    #[arg(long, value_name = "SF", allow_negative_numbers = true, value_parser = argument::scale)]
    pub tpch: Option<f64>,
    /// A table from a Parquet or CSV file
    #[arg(long = "table", value_name = "NAME=PATH", value_parser = utf8(table))]
    pub tables: Vec<TableArg>,
    /// Partitions into which rows are hashed
    #[arg(long, value_name = "N", default_value_t = PARTITIONS, value_parser = argument::positive)]
    pub partitions: NonZeroUsize,
    /// Partitions that one task merges at most; more are merged by a tree of tasks
    #[arg(long, value_name = "N", default_value_t = DEFAULT_FAN_IN, value_parser = argument::fan_in)]
    pub fan_in: usize,
    /// What a plan may do to errors: strict plans raise none that the query as it is written does not raise
    #[arg(long, value_enum, default_value_t = ErrorsArg::Relaxed)]
    pub errors: ErrorsArg,
    /// Plan without this rule
    #[arg(long = "disable-rule", value_name = "NAME")]
    pub disabled: Vec<String>,
    /// Load the rules of a folder, too
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
}

impl SettingArgs {
    /// What plans mean.
    pub fn semantics(&self) -> Semantics {
        let errors = match self.errors {
            ErrorsArg::Relaxed => Errors::Relaxed,
            ErrorsArg::Strict => Errors::Strict,
        };
        Semantics { errors, ..Semantics::DEFAULT }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ErrorsArg {
    Relaxed,
    Strict,
}

#[derive(Debug, clap::Args)]
pub struct ExecutionArgs {
    /// Worker threads, 1,024 at most; all cores when not given. They never change a plan
    #[arg(long, value_name = "N", value_parser = argument::workers)]
    pub threads: Option<NonZeroUsize>,
    /// Keep at most this many bytes of rows between tasks, such as 512MB: what is more goes to a temporary folder (TMPDIR or
    /// --spill-folder says which). Sorts and aggregates do the same with what they hold, but each may hold 16MB; a join holds its smaller side
    /// in any case. With --isolate this process keeps so much, and each worker process has an equal share of as much again
    #[arg(long, value_name = "SIZE", value_parser = crate::size::size)]
    pub memory_limit: Option<u64>,
    /// The folder for what the memory limit leaves no room for. Nothing in it outlives the program
    #[arg(long, value_name = "DIR", requires = "memory_limit")]
    pub spill_folder: Option<PathBuf>,
    /// What to make of the run's report, also when it fails: table, jsonl=FILE, chrome=FILE (JSON, for Perfetto too),
    /// perfetto=FILE (binary, for large runs), html=FILE (a page for a browser). Give it several times for several. `run` prints the table when none is given; any other form
    /// replaces that, unless `--report table` is given as well
    #[arg(long = "report", value_name = "FORM[=FILE]", value_parser = utf8(crate::report::parse))]
    pub reports: Vec<ReportArg>,
    /// Have an observer watch every attempt where it runs; what it says is in the report. `cpu` is the processor's time.
    /// Give it several times for several
    #[arg(long = "observe", value_name = "NAME", value_parser = crate::worker::observer)]
    pub observers: Vec<ObserverRequest>,
    /// Run tasks in this many worker processes, 1,024 at most: what crashes there takes nothing else down. What cannot be
    /// sent (recursive queries and whatever else `explain` shows as a barrier) runs in this process, which the report names
    /// `driver-0`. Not with --threads: each process runs one task at a time
    #[arg(long, value_name = "N", conflicts_with = "threads", value_parser = argument::workers)]
    pub isolate: Option<NonZeroUsize>,
    /// Try a task again, so many times, that raised an error, or whose worker process died or hangs [default: 0]
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
}

impl ExecutionArgs {
    /// Which of them were given. All of them say how to run, so they say nothing where nothing runs.
    pub fn given(&self) -> Vec<&'static str> {
        let ExecutionArgs { threads, memory_limit, spill_folder, reports, observers, isolate, retries } = self;
        let given = [
            ("--threads", threads.is_some()),
            ("--memory-limit", memory_limit.is_some()),
            ("--spill-folder", spill_folder.is_some()),
            ("--report", !reports.is_empty()),
            ("--observe", !observers.is_empty()),
            ("--isolate", isolate.is_some()),
            ("--retries", retries.is_some()),
        ];
        given.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }

    /// How many threads to run with.
    pub fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(cores, NonZeroUsize::get)
    }
}

/// `NAME=PATH`.
#[derive(Clone, Debug)]
pub struct TableArg {
    pub name: String,
    pub path: PathBuf,
}

fn table(text: &str) -> Result<TableArg, String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok(TableArg { name: name.to_owned(), path: path.into() })
        }
        _ => Err("write a table as NAME=PATH, such as sales=data/sales.parquet".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
pub struct StatsArgs {
    /// Queries: tpch for all 22, tpch/q01 .. tpch/q22, or .sql files
    #[arg(required = true)]
    pub queries: Vec<String>,
    #[command(flatten)]
    pub setting: SettingArgs,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List all rules in canonical order
    List,
    /// Show one rule: why, what, examples
    Show {
        /// The rule's name
        name: String,
    },
    /// Check rule files and run their examples; those that ship, when no path is given
    Check {
        /// Rule files, or folders of them
        paths: Vec<PathBuf>,
    },
    /// Bring rule files into their one layout; those of `planner-rules`, when no path is given
    Fmt {
        /// Rule files, or folders of them; `-` reads standard input and writes standard output
        paths: Vec<PathBuf>,
        /// Change nothing; say what would change, and fail
        #[arg(long)]
        check: bool,
    },
    /// Look for tables on which a rule is wrong, and for guards that it does not need
    Verify(VerifyArgs),
    /// Change rules a little, and tell which changes verification does not notice
    Mutate(VerifyArgs),
    /// Say what a code such as R012 means, with a wrong rule and the mended one; all codes, when none is given
    Explain {
        /// The code
        code: Option<String>,
    },
    /// List the functions that guards and `let`s may call
    Guards {
        /// Only those whose name, sorts or description have this in them
        word: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Check golden files: which plan each query gets, and which rules made it
    Test(TestArgs),
    /// Count what the rules do over some queries, and what becomes of the plans without each
    Stats(StatsArgs),
}

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Rule files, or folders of them; those that ship, when none is given
    pub paths: Vec<PathBuf>,
    /// Only this rule
    #[arg(long = "rule", value_name = "NAME")]
    pub names: Vec<String>,
    /// Comparisons per rule, exhaustive ones and samples together
    #[arg(long, value_name = "N", default_value = "20000", value_parser = argument::positive)]
    pub cases: NonZeroUsize,
    /// Another seed tries other terms and other samples
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Worker threads, 1,024 at most. They never change a result
    #[arg(long, value_name = "N", default_value = "2", value_parser = argument::workers)]
    pub threads: NonZeroUsize,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

impl VerifyArgs {
    /// For people or for programs.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// Golden files, or folders of them
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Record what changed, and say why, instead of failing
    #[arg(long)]
    pub update: bool,
    /// Load the rules of a folder, too
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Queries in SQL read the TPC-H tables at this scale factor
    #[arg(long, value_name = "SF", default_value_t = crate::data::DEFAULT_SCALE, allow_negative_numbers = true, value_parser = argument::scale)]
    pub tpch: f64,
    /// Partitions into which rows of queries in SQL are hashed
    #[arg(long, value_name = "N", default_value_t = PARTITIONS, value_parser = argument::positive)]
    pub partitions: NonZeroUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Table,
    Csv,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// What was written
    Expr,
    /// After the rules that are never worse
    Normalized,
    /// The physical plan
    Plan,
    /// The task graph
    Tasks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// A drawing for Graphviz
    Dot,
    /// A drawing for Markdown
    Mermaid,
}
