use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};

use super::{Expr, ExprError, Frame, Name, Op};

/// What `unnest` does with a list that is null. An empty list never gives a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NullLists {
    /// One row with a null, as DataFusion does when nobody says otherwise.
    #[default]
    Preserve,
    /// No row.
    Drop,
}

impl NullLists {
    /// The word in plans.
    pub fn name(self) -> &'static str {
        match self {
            NullLists::Preserve => "preserve-nulls",
            NullLists::Drop => "drop-nulls",
        }
    }
}

/// The elements of a list type.
pub(crate) fn element(list: &DataType) -> Option<&Arc<Field>> {
    match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

impl Expr {
    /// One row for each element of a list column, which becomes the elements; the other columns repeat.
    ///
    /// # Errors
    /// An unknown column, and one that is no list.
    pub fn unnest(self, column: impl Into<Name>, nulls: NullLists) -> Result<Expr, ExprError> {
        let column = column.into();
        let schema = self.schema().clone();
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        let Some((at, list)) = schema.fields().find(&column) else {
            return Err(ExprError::unknown_column(&column, names()));
        };
        let Some(item) = element(list.data_type()) else {
            return Err(ExprError::NotAList { column: column.to_string(), found: list.data_type().clone() });
        };
        let null_list = list.is_nullable() && nulls == NullLists::Preserve;
        let made = Field::new(list.name(), item.data_type().clone(), item.is_nullable() || null_list);
        let fields = schema.fields().iter().enumerate();
        let fields = fields.map(|(place, field)| if place == at { made.clone() } else { field.as_ref().clone() });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Expr::intern(Op::Unnest { column, nulls }, [self], schema))
    }
}

impl Frame {
    /// One row for each element of a list column, which becomes the elements; the other columns repeat.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{Frame, NullLists};
    ///
    /// let list = DataType::new_list(DataType::Utf8, true);
    /// let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("tags", list, true)]));
    /// let frame = Frame::from_batches("t", schema, vec![])?.unnest("tags", NullLists::Drop)?;
    /// assert_eq!(frame.schema().field(1).data_type(), &DataType::Utf8);
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// An unknown column, and one that is no list.
    pub fn unnest(self, column: &str, nulls: NullLists) -> Result<Frame, ExprError> {
        self.map(|expr, _| expr.unnest(column, nulls))
    }
}
