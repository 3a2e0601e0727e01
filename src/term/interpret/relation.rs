use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema};

use super::arrow::{array_of, values_of};
use super::{EvalError, Value};
use crate::leaf::{Leaf, Values};
use crate::term::{ColumnId, GetSpec, RelNode, RelOp, TermId, Terms};

/// One row.
pub type Row = Vec<Value>;

/// A bag of rows. The rows have some order, which means something only below a sort; the order of
/// the columns never does.
#[derive(Clone, Debug, Default)]
pub struct Relation {
    /// The columns, in the order of each row's values.
    pub columns: Vec<ColumnId>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Relation {
    /// Rows of columns; an error when a row has another number of values.
    ///
    /// # Errors
    /// A row of another number of values than there are columns.
    pub fn new(columns: Vec<ColumnId>, rows: Vec<Row>) -> Result<Self, EvalError> {
        if let Some(row) = rows.iter().find(|row| row.len() != columns.len()) {
            let expected = format!("a row of {} values", columns.len());
            return Err(EvalError::Type { expected, found: format!("a row of {}", row.len()) });
        }
        Ok(Relation { columns, rows })
    }

    /// The rows of batches, whose columns by position are `columns`.
    ///
    /// # Errors
    /// Batches of another number of columns.
    pub fn from_batches<'a>(
        columns: Vec<ColumnId>,
        batches: impl IntoIterator<Item = &'a RecordBatch>,
    ) -> Result<Self, EvalError> {
        let mut rows = Vec::new();
        for batch in batches {
            let first = rows.len();
            rows.resize_with(first + batch.num_rows(), || Vec::with_capacity(columns.len()));
            for column in batch.columns() {
                for (row, value) in rows[first..].iter_mut().zip(values_of(column)) {
                    row.push(value);
                }
            }
        }
        Relation::new(columns, rows)
    }

    /// The rows as one batch, with the names and types that the query gives to the columns.
    ///
    /// # Errors
    /// A value of another type than its column has in the query.
    pub fn to_batch(&self, terms: &Terms) -> Result<RecordBatch, EvalError> {
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let info = terms.column(*column);
            fields.push(Field::new(&*info.name, info.data_type.clone(), true));
            arrays.push(array_of(self.rows.iter().map(|row| &row[at]), &info.data_type)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| EvalError::Type { expected: "columns of their types".into(), found: error.to_string() })
    }

    /// The same rows with the columns in another order, or fewer of them.
    ///
    /// # Errors
    /// A column that there is not.
    pub fn select(&self, columns: &[ColumnId]) -> Result<Relation, EvalError> {
        let at = columns.iter().map(|column| {
            let at = self.columns.iter().position(|known| known == column);
            at.ok_or(EvalError::MissingColumn { place: "a selection", column: *column })
        });
        let at = at.collect::<Result<Vec<_>, _>>()?;
        let rows = self.rows.iter().map(|row| at.iter().map(|at| row[*at].clone()).collect()).collect();
        Ok(Relation { columns: columns.to_vec(), rows })
    }
}

impl fmt::Display for Relation {
    /// One line per row, values in the order of the columns: how counterexamples print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<_> = self.columns.iter().map(ColumnId::to_string).collect();
        writeln!(f, "{}", head.join(" "))?;
        self.rows.iter().try_for_each(|row| {
            let row: Vec<_> = row.iter().map(Value::to_string).collect();
            writeln!(f, "{}", row.join(" "))
        })
    }
}

/// Adds a tiny table to a query, as a `Values` leaf: the term that reads it, and its columns.
///
/// ```
/// use std::sync::Arc;
/// use arrow_schema::DataType;
/// use leafhold::expr::{CoreFunctions, Semantics};
/// use leafhold::term::{interpret::{interpret, table, Tables, Value}, Terms};
///
/// let mut terms = Terms::new(Arc::new(CoreFunctions));
/// let rows = vec![vec![Value::from(1i64)], vec![Value::Null]];
/// let (t, columns) = table(&mut terms, "t", &[("a", DataType::Int64)], rows)?;
/// let relation = interpret(&terms, t, &Semantics::default(), &Tables::new())?;
/// assert_eq!(relation.columns, columns);
/// assert_eq!(relation.rows.len(), 2);
/// # Ok::<_, leafhold::term::interpret::EvalError>(())
/// ```
///
/// # Errors
/// A row of another number of values than there are columns, and a value of another type than its column has.
pub fn table(
    terms: &mut Terms,
    name: &str,
    columns: &[(&str, DataType)],
    rows: Vec<Row>,
) -> Result<(TermId, Vec<ColumnId>), EvalError> {
    let ids: Vec<_> = columns.iter().map(|(name, kind)| terms.add_column(name, kind.clone(), true)).collect();
    let fields: Vec<_> = columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
    let relation = Relation::new(ids.clone(), rows)?;
    let schema = Arc::new(Schema::new(fields));
    // The query may have made the names unique; the leaf keeps them as they were given.
    let batch = relation.to_batch(terms)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options)
        .map_err(|error| EvalError::Type { expected: "columns of their types".into(), found: error.to_string() })?;
    let leaf = Leaf::Values(Values::new(name, schema, vec![vec![batch]]));
    let get = terms.add_get(GetSpec { leaf, index: terms.gets().len(), columns: ids.clone() });
    Ok((terms.add(RelNode::new(RelOp::Get(get), [])), ids))
}
