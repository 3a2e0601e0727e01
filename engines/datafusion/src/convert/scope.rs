use arrow_schema::{DataType, SchemaRef};
use datafusion::common::{Column, DFSchema, DFSchemaRef};
use leafhold::expr::{DataTypeKey, Name, OuterColumn};

/// Where columns of an expression are looked up: DataFusion's schema of an input, and beside it, by
/// position, the columns that the converted input really has.
pub(super) struct Scope<'a> {
    parts: Vec<(&'a DFSchema, SchemaRef)>,
    outer: &'a [OuterScope],
}

/// The columns of a relation for whose rows another one is computed.
pub(super) type OuterScope = (DFSchemaRef, SchemaRef);

impl<'a> Scope<'a> {
    pub fn new(parts: impl Into<Vec<(&'a DFSchema, SchemaRef)>>) -> Self {
        Scope { parts: parts.into(), outer: &[] }
    }

    /// The same within the right sides of applies to these, the innermost last.
    pub fn within(self, outer: &'a [OuterScope]) -> Self {
        Scope { outer, ..self }
    }

    /// What a reference to a row further out is called here.
    pub fn resolve_outer(&self, column: &Column) -> Option<OuterColumn> {
        self.outer.iter().rev().find_map(|(df, schema)| {
            let field = schema.field(df.index_of_column_by_name(column.relation.as_ref(), &column.name)?);
            let data_type = DataTypeKey(field.data_type().clone());
            Some(OuterColumn { name: field.name().as_str().into(), data_type, nullable: field.is_nullable() })
        })
    }

    /// What a column of DataFusion's is called here, and its type.
    pub fn resolve(&self, column: &Column) -> Option<(Name, DataType)> {
        self.parts.iter().find_map(|(df, schema)| {
            let at = df.index_of_column_by_name(column.relation.as_ref(), &column.name)?;
            let field = schema.field(at);
            Some((field.name().as_str().into(), field.data_type().clone()))
        })
    }

    /// DataFusion's type of an expression over these columns.
    pub fn schema(&self) -> Option<DFSchema> {
        let (first, rest) = self.parts.split_first()?;
        let mut schema = first.0.clone();
        for (more, _) in rest {
            schema.merge(more);
        }
        Some(schema)
    }
}
