//! The tables that a query may name.

use leafhold_datafusion::{Catalog, tpch};

use crate::args::{InputArgs, TableArg};
use crate::error::CliError;
use crate::query;

/// What a query that comes with Leafhold runs on when nothing else is asked for.
pub const DEFAULT_SCALE: f64 = 0.1;

/// The tables that the arguments name.
pub fn catalog(args: &InputArgs) -> Result<Catalog, CliError> {
    let shipped = args.query.as_deref().is_some_and(|name| name.starts_with(query::TPCH));
    let scale = args.setting.tpch.or((shipped && args.setting.tables.is_empty()).then_some(DEFAULT_SCALE));
    tables(scale, &args.setting.tables)
}

/// Makes sure that no table has two files, of which one would be left out.
pub fn distinct(files: &[TableArg]) -> Result<(), CliError> {
    for (at, table) in files.iter().enumerate() {
        if let Some(first) = files[..at].iter().find(|first| first.name == table.name) {
            let TableArg { name, path } = table;
            let (one, other) = (first.path.display(), path.display());
            let message = format!("--table: `{name}` is {one} and {other}; give each table a name of its own");
            return Err(CliError::Usage(message));
        }
    }
    Ok(())
}

/// The TPC-H tables at a scale factor, and tables from files.
pub fn tables(scale: Option<f64>, files: &[TableArg]) -> Result<Catalog, CliError> {
    let mut catalog = Catalog::new();
    if let Some(scale) = scale {
        tpch::register(&mut catalog, scale, tpch::PARTITIONS)
            .map_err(|error| CliError::new(format!("--tpch: {error}")))?;
    }
    for table in files {
        let leaf = leafhold_datafusion::files::table(&table.name, &table.path).map_err(CliError::of)?;
        catalog.add(table.name.as_str(), leaf);
    }
    Ok(catalog)
}
