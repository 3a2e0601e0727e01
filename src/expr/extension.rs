use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::build::check_unique;
use super::{Expr, ExprError, Op};
use crate::token::{Determinism, Token, Tokenizer};

/// What the owner of an [`Extension`] declares of it. Nobody checks it: rewrites are sound modulo these.
///
/// An extension that declares nothing is a *barrier*: it sees all rows of all inputs at once, in one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionTraits {
    /// Its result over several partitions is what it gives over each: it runs where the rows are.
    pub partition_wise: bool,
    /// It gives one row for each input row, in the order of the input. Implies `partition_wise`.
    pub row_wise: bool,
    /// Output columns that have the name of an input column have that column's values. Needs `row_wise`.
    pub column_preserving: bool,
    /// Two runs over the same rows may differ, so its token stands for an identity, not for content. Two
    /// occurrences that must not be one need two tokens.
    pub volatile: bool,
}

impl ExtensionTraits {
    /// Nothing is declared.
    pub const BARRIER: ExtensionTraits =
        ExtensionTraits { partition_wise: false, row_wise: false, column_preserving: false, volatile: false };
    /// One row per row.
    pub const ROW_WISE: ExtensionTraits =
        ExtensionTraits { partition_wise: true, row_wise: true, column_preserving: false, volatile: false };

    /// Whether it may run on each partition by itself.
    pub fn is_partition_wise(self) -> bool {
        self.partition_wise || self.row_wise
    }

    pub(super) fn tokenize(self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("traits");
        tokenizer.put_bool(self.partition_wise);
        tokenizer.put_bool(self.row_wise);
        tokenizer.put_bool(self.column_preserving);
        tokenizer.put_bool(self.volatile);
    }
}

/// An operator of an engine's own. Its inputs stay visible and are optimized; they are read by position.
pub trait Extension: Send + Sync + fmt::Debug + 'static {
    /// What it is, in one word, for plans: `window`, `unnest`.
    fn name(&self) -> &str;
    /// Its identity, without that of its inputs.
    fn token(&self) -> Token;
    /// The columns that it gives.
    fn schema(&self) -> SchemaRef;
    /// The engine's own view: its kernels downcast it.
    fn as_any(&self) -> &dyn Any;
    /// What is known of it. By default nothing: a barrier.
    fn traits(&self) -> ExtensionTraits {
        ExtensionTraits::BARRIER
    }
}

impl dyn Extension {
    /// The operator's word in texts: `barrier` where nothing is declared.
    pub fn operator(&self) -> &'static str {
        match self.as_any().is::<super::MapPartitions>() {
            true => "map-partitions",
            false if self.traits() == ExtensionTraits::BARRIER => "barrier",
            false => "extension",
        }
    }

    /// Writes identity and traits; what is volatile is an instance of its own.
    pub(super) fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_token(self.token());
        let traits = self.traits();
        if traits != ExtensionTraits::BARRIER {
            traits.tokenize(tokenizer);
        }
        if traits.volatile {
            tokenizer.set_determinism(Determinism::Identity);
        }
    }
}

impl Expr {
    /// An operator of an engine's own over any inputs; one that declares nothing is a barrier.
    ///
    /// # Errors
    /// Output columns of one name, and traits that contradict each other or the number of inputs.
    pub fn extension(extension: Arc<dyn Extension>, inputs: Vec<Expr>) -> Result<Expr, ExprError> {
        let schema = extension.schema();
        check_unique(schema.fields().iter().map(|field| field.name().as_str()))?;
        let traits = extension.traits();
        let contradiction = |reason| ExprError::Traits { name: extension.name().to_owned(), reason };
        if traits.column_preserving && !traits.row_wise {
            return Err(contradiction("columns are preserved row by row; declare `row_wise`, too"));
        }
        if traits.is_partition_wise() && inputs.len() != 1 {
            return Err(contradiction("what works partition by partition has exactly one input"));
        }
        if extension.as_any().is::<super::MapPartitions>() && inputs.len() != 1 {
            return Err(contradiction("a function on partitions has exactly one input"));
        }
        if traits.column_preserving {
            for field in schema.fields() {
                let kept = inputs[0].schema().fields().find(field.name());
                if kept.is_some_and(|(_, kept)| kept.data_type() != field.data_type()) {
                    return Err(contradiction("a preserved column has another type than in the input"));
                }
            }
        }
        Ok(Expr::intern(Op::Extension(extension), inputs, schema))
    }
}
