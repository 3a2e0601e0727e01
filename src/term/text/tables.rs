use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema};
use indexmap::IndexMap;

use crate::leaf::{Leaf, Values};

/// The tables that a text may name.
#[derive(Clone, Debug, Default)]
pub struct Tables(IndexMap<String, Leaf>);

impl Tables {
    /// No tables.
    pub fn new() -> Self {
        Tables::default()
    }

    /// The tables of examples: `t(a, b, c)`, `u(x, y, z)` and `v(d, e, f)`, all of nullable `Int64`
    /// and without rows.
    pub fn examples() -> &'static Tables {
        static EXAMPLES: LazyLock<Tables> = LazyLock::new(|| {
            let mut tables = Tables::new();
            for (name, columns) in [("t", ["a", "b", "c"]), ("u", ["x", "y", "z"]), ("v", ["d", "e", "f"])] {
                let columns = columns.map(|column| (column, DataType::Int64, true));
                tables.declare(name, columns);
            }
            tables
        });
        &EXAMPLES
    }

    /// Adds a leaf under its own name.
    pub fn add(&mut self, leaf: Leaf) {
        self.0.insert(leaf.name().to_owned(), leaf);
    }

    /// Adds a table without rows, of columns of a name, a type and nullability.
    pub fn declare<'a>(&mut self, name: &str, columns: impl IntoIterator<Item = (&'a str, DataType, bool)>) {
        let fields = columns.into_iter().map(|(column, data_type, nullable)| Field::new(column, data_type, nullable));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        self.add(Leaf::Values(Values::new(name, schema, Vec::new())));
    }

    /// The table of a name.
    pub fn get(&self, name: &str) -> Option<&Leaf> {
        self.0.get(name)
    }

    /// All names, as they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
