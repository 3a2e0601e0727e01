use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow_schema::SchemaRef;
use datafusion::logical_expr::{TableSource, TableType};
use indexmap::IndexMap;
use leafhold::expr::Expr;
use leafhold::leaf::Leaf;

use crate::SqlError;

type Make = Box<dyn Fn() -> Result<Expr, String> + Send + Sync>;

/// Tables by name. A table is a leaf, the promise of one that is made when a query first names it, or an
/// expression that stands for its rows, as a view does.
///
/// ```
/// use leafhold::leaf::{Leaf, Values};
/// use leafhold_datafusion::Catalog;
/// # use std::sync::Arc;
/// # use arrow_schema::{DataType, Field, Schema};
///
/// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// let mut catalog = Catalog::new();
/// catalog.add("t", Leaf::Values(Values::empty(schema)));
/// assert_eq!(catalog.names(), ["t"]);
/// ```
#[derive(Default)]
pub struct Catalog {
    tables: IndexMap<String, Arc<Table>>,
}

/// A table: what SQL needs to know of it, and its rows.
pub(crate) struct Table {
    name: String,
    schema: SchemaRef,
    make: Make,
    expr: OnceLock<Result<Expr, String>>,
}

impl Catalog {
    /// No tables.
    pub fn new() -> Self {
        Catalog::default()
    }

    /// Adds a table, or replaces the one of that name. SQL folds names that are not quoted to lower case.
    pub fn add(&mut self, name: impl Into<String>, leaf: Leaf) {
        let schema = leaf.schema().clone();
        self.add_lazy(name, schema, move || Ok(leaf.clone()));
    }

    /// Adds a table whose leaf is made when a query first names it; an error is the query's error.
    pub fn add_lazy(
        &mut self,
        name: impl Into<String>,
        schema: SchemaRef,
        make: impl Fn() -> Result<Leaf, String> + Send + Sync + 'static,
    ) {
        self.insert(name.into(), schema, move || Expr::leaf(make()?).map_err(|error| error.to_string()));
    }

    /// Adds an expression as a table, or replaces the one of that name: queries go on from there.
    ///
    /// ```
    /// use leafhold::expr::{Frame, col, lit};
    /// use leafhold_datafusion::{Catalog, Session};
    /// # use std::sync::Arc;
    /// # use arrow_schema::{DataType, Field, Schema};
    ///
    /// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
    /// let positive = Frame::from_batches("t", schema, vec![])?.filter(col("a").gt(lit(0i64)))?;
    /// let mut catalog = Catalog::new();
    /// catalog.add_expr("positive", positive.expr().clone());
    /// let frame = Session::new(catalog).frame("select a + 1 as b from positive").unwrap();
    /// assert_eq!(frame.schema().field(0).name(), "b");
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    pub fn add_expr(&mut self, name: impl Into<String>, expr: Expr) {
        let schema = expr.schema().clone();
        self.insert(name.into(), schema, move || Ok(expr.clone()));
    }

    fn insert(
        &mut self,
        name: String,
        schema: SchemaRef,
        make: impl Fn() -> Result<Expr, String> + Send + Sync + 'static,
    ) {
        let table = Table { name: name.clone(), schema, make: Box::new(make), expr: OnceLock::new() };
        self.tables.insert(name, Arc::new(table));
    }

    /// The names, in the order in which they were added.
    pub fn names(&self) -> Vec<String> {
        self.tables.keys().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(name)
    }
}

impl Table {
    /// The rows as an expression; made once.
    pub(crate) fn expr(&self) -> Result<Expr, SqlError> {
        let made = self.expr.get_or_init(|| (self.make)());
        made.clone().map_err(|message| SqlError::Table { table: self.name.clone(), message })
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What DataFusion sees of a table: a schema, and the way back to its rows.
#[derive(Debug)]
pub(crate) struct LeafSource(pub(crate) Arc<Table>);

impl TableSource for LeafSource {
    fn schema(&self) -> SchemaRef {
        self.0.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }
}

/// The table behind a source, if it is one of ours.
pub(crate) fn table_of(source: &Arc<dyn TableSource>) -> Option<&Arc<Table>> {
    let any: &dyn std::any::Any = &**source;
    any.downcast_ref::<LeafSource>().map(|source| &source.0)
}
