//! The tables and queries of TPC-H: generated in this process, every partition a live future.

mod columns;
mod generate;
mod queries;

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use leafhold::leaf::{ColumnStatistics, FromDelayed, Leaf, TableStatistics};

use crate::Catalog;
pub use queries::{QUERIES, query};

/// The partitions of a big table, unless told otherwise.
pub const PARTITIONS: usize = 4;

/// The largest scale factor: 100 TB, the benchmark's own limit.
pub const LARGEST_SCALE: f64 = 100_000.0;

/// A table of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TpchTable {
    /// 200,000 parts at scale 1.
    Part,
    /// 10,000 suppliers at scale 1.
    Supplier,
    /// Four suppliers of each part.
    PartSupp,
    /// 150,000 customers at scale 1.
    Customer,
    /// 1,500,000 orders at scale 1.
    Orders,
    /// One to seven lines of each order.
    LineItem,
    /// 25 nations.
    Nation,
    /// Five regions.
    Region,
}

/// What cannot be generated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TpchError {
    /// A scale factor that is no size.
    #[error("scale factor {scale}: must be greater than 0 and at most {LARGEST_SCALE}, such as 0.1")]
    Scale {
        /// The scale factor.
        scale: f64,
    },
    /// A number of partitions that cannot be.
    #[error("{partitions} partitions: must be between 1 and 10000")]
    Partitions {
        /// How many.
        partitions: usize,
    },
    /// A table that the benchmark does not have.
    #[error("TPC-H has no table `{name}`; it has {}", TpchTable::ALL.map(|table| table.name()).join(", "))]
    Table {
        /// The name.
        name: String,
    },
}

impl TpchTable {
    /// All tables.
    pub const ALL: [TpchTable; 8] = [
        TpchTable::Part,
        TpchTable::Supplier,
        TpchTable::PartSupp,
        TpchTable::Customer,
        TpchTable::Orders,
        TpchTable::LineItem,
        TpchTable::Nation,
        TpchTable::Region,
    ];

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            TpchTable::Part => "part",
            TpchTable::Supplier => "supplier",
            TpchTable::PartSupp => "partsupp",
            TpchTable::Customer => "customer",
            TpchTable::Orders => "orders",
            TpchTable::LineItem => "lineitem",
            TpchTable::Nation => "nation",
            TpchTable::Region => "region",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        TpchTable::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The columns.
    pub fn schema(self) -> SchemaRef {
        let columns = columns::columns(self, 1.0).into_iter();
        let fields = columns.map(|column| Field::new(column.name, column.data_type, false));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// What the specification says of the data at a scale factor.
    pub fn statistics(self, scale: f64) -> TableStatistics {
        let rows = columns::rows(self, scale);
        let columns = columns::columns(self, scale).into_iter().map(|column| ColumnStatistics {
            distinct: Some(column.distinct.round().min(rows)),
            min: column.range.map(|range| range.0),
            max: column.range.map(|range| range.1),
            null_fraction: Some(0.0),
        });
        TableStatistics { rows: Some(rows), bytes: None, columns: columns.collect() }
    }

    /// Nation and region are one partition whatever is asked for.
    fn partitions(self, asked: usize) -> usize {
        match self {
            TpchTable::Nation | TpchTable::Region => 1,
            _ => asked,
        }
    }
}

/// A table as a leaf of live futures, one per partition, that background threads are about to generate.
///
/// # Errors
/// When the table does not exist, or the scale factor or the number of partitions is out of range.
pub fn table(name: &str, scale: f64, partitions: usize) -> Result<Leaf, TpchError> {
    let table = TpchTable::from_name(name).ok_or_else(|| TpchError::Table { name: name.to_owned() })?;
    check(scale, partitions)?;
    let parts = i32::try_from(table.partitions(partitions)).map_err(|_| TpchError::Partitions { partitions })?;
    let handles: Vec<_> = (1..=parts).map(|part| generate::request(table, scale, part, parts)).collect();
    let leaf = FromDelayed::new(name, table.schema(), handles).map_err(|_| TpchError::Partitions { partitions })?;
    Ok(Leaf::FromDelayed(leaf.with_statistics(table.statistics(scale))))
}

/// All tables, all being generated.
///
/// # Errors
/// As [`table`].
pub fn tables(scale: f64, partitions: usize) -> Result<Vec<(&'static str, Leaf)>, TpchError> {
    TpchTable::ALL.into_iter().map(|name| Ok((name.name(), table(name.name(), scale, partitions)?))).collect()
}

/// Adds all tables to a catalog; a table is generated when a query first names it.
///
/// # Errors
/// As [`table`].
pub fn register(catalog: &mut Catalog, scale: f64, partitions: usize) -> Result<(), TpchError> {
    check(scale, partitions)?;
    for name in TpchTable::ALL {
        catalog.add_lazy(name.name(), name.schema(), move || {
            table(name.name(), scale, partitions).map_err(|error| error.to_string())
        });
    }
    Ok(())
}

fn check(scale: f64, partitions: usize) -> Result<(), TpchError> {
    // Not a number fails this, too.
    if !(scale > 0.0 && scale <= LARGEST_SCALE) {
        return Err(TpchError::Scale { scale });
    }
    if !(1..=10_000).contains(&partitions) {
        return Err(TpchError::Partitions { partitions });
    }
    Ok(())
}
