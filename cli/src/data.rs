//! The tables that a query may name.

use leafhold_datafusion::{Catalog, files, tpch};

use crate::args::InputArgs;
use crate::error::CliError;
use crate::query;

/// What a query that comes with Leafhold runs on when nothing else is asked for.
const DEFAULT_SCALE: f64 = 0.1;

/// The tables that the arguments name.
pub fn catalog(args: &InputArgs) -> Result<Catalog, CliError> {
    let mut catalog = Catalog::new();
    let shipped = args.query.as_deref().is_some_and(|name| name.starts_with(query::TPCH));
    let scale = args.tpch.or((shipped && args.tables.is_empty()).then_some(DEFAULT_SCALE));
    if let Some(scale) = scale {
        tpch::register(&mut catalog, scale, tpch::PARTITIONS)
            .map_err(|error| CliError::new(format!("--tpch: {error}")))?;
    }
    for table in &args.tables {
        let leaf = files::table(&table.name, &table.path).map_err(CliError::of)?;
        catalog.add(table.name.as_str(), leaf);
    }
    Ok(catalog)
}
