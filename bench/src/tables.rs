//! The TPC-H tables, for us and for the peer: the same batches.

use std::sync::Arc;

use anyhow::Context;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use leafhold_datafusion::{Catalog, Session, tpch};

/// Generates the tables, waits until every partition is there (the generator must not run beside what is
/// measured), and gives our session and DataFusion's over them.
pub fn sessions(scale: f64, threads: usize) -> anyhow::Result<(Session, SessionContext)> {
    let theirs = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
    let mut catalog = Catalog::new();
    for (name, leaf) in tpch::tables(scale, tpch::PARTITIONS)? {
        let partitions = leaf.futures().iter().map(|future| Ok(future.wait()?.to_vec()));
        let partitions = partitions.collect::<anyhow::Result<Vec<_>>>().with_context(|| format!("table {name}"))?;
        let table = MemTable::try_new(leaf.schema().clone(), partitions)?;
        theirs.register_table(name, Arc::new(table))?;
        catalog.add(name, leaf);
    }
    Ok((Session::new(catalog), theirs))
}
