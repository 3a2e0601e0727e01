//! `leafhold diff`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use leafhold::explain::{PlanDiff, PlanRecord};
use leafhold::optimize::Planner;
use leafhold::rules::RuleSet;
use leafhold_datafusion::{EngineFunctions, Session, tpch};

use crate::args::DiffArgs;
use crate::data;
use crate::error::CliError;
use crate::output::Screen;
use crate::query::TPCH;
use crate::rules;

/// The rules that ship, as one side.
const SHIPPED: &str = "shipped";

/// Compares two sides: plans as JSON, or rule sets over a corpus.
pub fn diff(args: &DiffArgs) -> Result<(), CliError> {
    let first = side(&args.first, args)?;
    let second = side(&args.second, args)?;
    let mut diff = PlanDiff::new(&args.first, &first, &args.second, &second);
    let of_tpch = |plans: &BTreeMap<String, PlanRecord>| plans.keys().all(|name| name.starts_with(TPCH));
    if of_tpch(&first) && of_tpch(&second) {
        diff = diff.over("TPC-H");
    }
    Screen::Stdout.say(if args.json { diff.to_json().to_string() } else { diff.to_string() })
}

/// The plans of a side, by name.
fn side(name: &str, args: &DiffArgs) -> Result<BTreeMap<String, PlanRecord>, CliError> {
    let path = Path::new(name);
    if name == SHIPPED {
        return corpus(RuleSet::builtin(), args);
    }
    if let Some(more) = name.strip_prefix(SHIPPED).and_then(|name| name.strip_prefix('+')) {
        return corpus(rules::with_folder(RuleSet::builtin(), Some(Path::new(more)))?, args);
    }
    let fail = |error: std::io::Error| CliError::new(format!("{name}: {error}"));
    if !path.metadata().map_err(fail)?.is_dir() {
        return match path.extension().is_some_and(|extension| extension == "rules") {
            true => corpus(rules::with_folder(Arc::new(RuleSet::empty()), Some(path))?, args),
            // Two files are two plans of one query, whatever they are called.
            false => Ok(BTreeMap::from([("plan".to_owned(), record(path)?)])),
        };
    }
    let entries = std::fs::read_dir(path).map_err(fail)?;
    let files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(fail)?;
    let of_kind = |kind: &str| {
        files.iter().filter(|file| file.extension().is_some_and(|extension| extension == kind)).collect::<Vec<_>>()
    };
    match (of_kind("json").as_slice(), of_kind("rules").as_slice()) {
        ([], []) => Err(CliError::new(format!("{name}: there is no .json and no .rules file in this folder"))),
        ([], _) => corpus(rules::with_folder(Arc::new(RuleSet::empty()), Some(path))?, args),
        (plans, _) => {
            let named = |file: &&std::path::PathBuf| {
                let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                Ok((name, record(file)?))
            };
            plans.iter().map(named).collect()
        }
    }
}

/// A plan as `leafhold explain --format json` wrote it.
fn record(file: &Path) -> Result<PlanRecord, CliError> {
    let fail = |error: String| CliError::new(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| fail(error.to_string()))?;
    PlanRecord::from_json(&text).map_err(|error| fail(error.to_string()))
}

/// The plans of the TPC-H queries under some rules.
fn corpus(rules: Arc<RuleSet>, args: &DiffArgs) -> Result<BTreeMap<String, PlanRecord>, CliError> {
    let session = Session::new(data::tables(Some(args.tpch), &[])?);
    let planner =
        Planner::new(Arc::new(EngineFunctions)).with_rules(rules).with_target_partitions(args.partitions.get());
    let mut plans = BTreeMap::new();
    for (name, sql) in tpch::QUERIES {
        let name = format!("{TPCH}{name}");
        let fail = |error: String| CliError::new(format!("{name}: {error}"));
        let bound = session.bind(sql).map_err(|error| fail(error.to_string()))?;
        let expr = session.to_expr(&bound).map_err(|error| fail(error.to_string()))?;
        let plan = planner.plan(&expr).map_err(|error| fail(error.to_string()))?;
        plans.insert(name, PlanRecord::of(&plan));
    }
    Ok(plans)
}
