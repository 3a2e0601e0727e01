use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::{Expr, ExprError, Extension, ExtensionTraits, Frame};
use crate::token::{Token, Tokenize, Tokenizer};

/// What a [`MapPartitions`] runs: from the batches of one partition to the batches of the result, or the
/// message of an error.
pub type PartitionFunction = Arc<dyn Fn(&[RecordBatch]) -> Result<Vec<RecordBatch>, String> + Send + Sync>;

/// An opaque function on the rows of a partition, with declared traits. It runs in this process, beside
/// whatever kernels the engine has.
///
/// Its identity is its name, its version and the token of its payload (what the function closes over), with
/// the columns that it sees and gives: two functions that agree in these are taken as one.
#[derive(Clone)]
pub struct MapPartitions {
    name: Arc<str>,
    version: Arc<str>,
    payload: Option<Token>,
    input: Option<SchemaRef>,
    schema: SchemaRef,
    traits: ExtensionTraits,
    function: PartitionFunction,
}

impl MapPartitions {
    /// A function of a name and version that gives these columns. Without [traits](Self::with_traits) it
    /// sees all rows in one partition.
    pub fn new(
        name: &str,
        version: &str,
        schema: SchemaRef,
        function: impl Fn(&[RecordBatch]) -> Result<Vec<RecordBatch>, String> + Send + Sync + 'static,
    ) -> Self {
        MapPartitions {
            name: name.into(),
            version: version.into(),
            payload: None,
            input: None,
            schema,
            traits: ExtensionTraits::BARRIER,
            function: Arc::new(function),
        }
    }

    /// The same function with what its owner declares of it.
    pub fn with_traits(mut self, traits: ExtensionTraits) -> Self {
        self.traits = traits;
        self
    }

    /// The same function, told apart from others of its name and version by what it closes over.
    pub fn with_payload(mut self, payload: &impl Tokenize) -> Self {
        self.payload = Some(crate::token::tokenize(payload));
        self
    }

    /// The function that an extension is, if it is one.
    pub fn of(extension: &dyn Extension) -> Option<&MapPartitions> {
        extension.as_any().downcast_ref()
    }

    /// The same function over an input of these columns: it sees them by these names, which are a part of
    /// its identity.
    pub(crate) fn over(mut self, input: SchemaRef) -> Self {
        self.input = Some(input);
        self
    }

    /// The columns as the function sees them.
    pub(crate) fn input(&self) -> Option<&SchemaRef> {
        self.input.as_ref()
    }

    /// The version that is a part of its identity.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Calls the function on batches whose columns are the input's by position, and checks what it gives.
    ///
    /// # Errors
    /// The function's own message; batches of other columns than it promised; another number of rows
    /// than the input's from a function that declares one row per row.
    pub fn call(&self, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, String> {
        let named = batches.iter().map(|batch| match &self.input {
            Some(schema) => renamed(batch, schema),
            None => Ok(batch.clone()),
        });
        let named = named.collect::<Result<Vec<_>, _>>()?;
        let result = (self.function)(&named).map_err(|message| format!("`{}`: {message}", self.name))?;
        for batch in &result {
            let (found, promised) = (batch.schema_ref().fields(), self.schema.fields());
            let same = found.len() == promised.len()
                && found.iter().zip(promised).all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
            if !same {
                let columns = |fields: &arrow_schema::Fields| {
                    let text = fields.iter().map(|field| format!("{} {}", field.name(), field.data_type()));
                    text.collect::<Vec<_>>().join(", ")
                };
                return Err(format!("`{}` gave [{}] instead of [{}]", self.name, columns(found), columns(promised)));
            }
        }
        let rows = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        if self.traits.row_wise && rows(&named) != rows(&result) {
            let (found, expected) = (rows(&result), rows(&named));
            return Err(format!("`{}` is declared row-wise, but gave {found} rows for {expected}", self.name));
        }
        Ok(result)
    }
}

fn renamed(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let nullable = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Arc::new(arrow_schema::Schema::new(nullable.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, batch.columns().to_vec(), &options).map_err(|error| error.to_string())
}

impl fmt::Debug for MapPartitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MapPartitions { name, version, traits, .. } = self;
        f.debug_struct("MapPartitions").field("name", name).field("version", version).field("traits", traits).finish()
    }
}

impl Extension for MapPartitions {
    fn name(&self) -> &str {
        &self.name
    }

    fn token(&self) -> Token {
        let mut tokenizer = Tokenizer::new("map-partitions");
        tokenizer.put_str(&self.name);
        tokenizer.put_str(&self.version);
        match self.payload {
            Some(payload) => {
                tokenizer.put_some();
                tokenizer.put_token(payload);
            }
            None => tokenizer.put_none(),
        }
        tokenizer.put(&*self.schema);
        match &self.input {
            Some(input) => {
                tokenizer.put_some();
                tokenizer.put(&**input);
            }
            None => tokenizer.put_none(),
        }
        tokenizer.finish()
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn traits(&self) -> ExtensionTraits {
        self.traits
    }
}

impl Expr {
    /// The rows that a function makes of the rows of each partition (of all rows, if it declares nothing).
    ///
    /// # Errors
    /// See [`Expr::extension`].
    pub fn map_partitions(self, function: MapPartitions) -> Result<Expr, ExprError> {
        let function = function.over(self.schema().clone());
        Expr::extension(Arc::new(function), vec![self])
    }
}

impl Frame {
    /// The rows that an opaque function makes of the rows of each partition.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_array::{cast::AsArray, types::Int64Type, Int64Array, RecordBatch};
    /// use leafhold::expr::{ExtensionTraits, Frame, MapPartitions};
    ///
    /// let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
    /// let schema = batch.schema();
    /// let double = MapPartitions::new("double", "1", schema.clone(), |batches| {
    ///     let double = |batch: &RecordBatch| {
    ///         let values: Int64Array = batch.column(0).as_primitive::<Int64Type>().unary(|a| 2 * a);
    ///         RecordBatch::try_new(batch.schema(), vec![Arc::new(values)]).map_err(|error| error.to_string())
    ///     };
    ///     batches.iter().map(double).collect()
    /// });
    /// let frame = Frame::from_batches("t", schema, vec![batch])?
    ///     .map_partitions(double.with_traits(ExtensionTraits::ROW_WISE))?;
    /// assert_eq!(frame.expr().op().name(), "map-partitions");
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// Two columns of one name among those that the function promises, and traits that contradict each other.
    pub fn map_partitions(self, function: MapPartitions) -> Result<Frame, ExprError> {
        self.map(|expr, _| expr.map_partitions(function))
    }
}
