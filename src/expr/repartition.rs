use super::{Expr, ExprError, Frame, Name, Op};
use crate::token::{Tokenize, Tokenizer};

/// How rows should lie in partitions. It changes no row.
///
/// As the outermost operator, or with nothing but filters and projections above it that keep the columns, it says how the
/// result lies: rows are moved once, when all that drops some is done. Below other operators a plan leaves it out, and says
/// so (`Plan::repartitions_left_out`): joins, aggregates, windows and sorts put rows where they need them, over the
/// planner's partitions, and would move them again. To have rows lie so for several queries, persist them: what
/// [`persist`](crate::run::persist) gives is joined and aggregated where it lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repartitioning {
    /// Rows that agree on these columns in one partition, of so many. A column that is named twice counts once.
    Hash(Vec<Name>, usize),
    /// Evenly, over so many partitions.
    RoundRobin(usize),
}

impl Repartitioning {
    /// How many partitions are wished for.
    pub fn partitions(&self) -> usize {
        match self {
            Repartitioning::Hash(_, partitions) | Repartitioning::RoundRobin(partitions) => *partitions,
        }
    }
}

impl Tokenize for Repartitioning {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        match self {
            Repartitioning::Hash(columns, partitions) => {
                tokenizer.put_record("hash");
                tokenizer.put_sequence(columns.len());
                columns.iter().for_each(|column| tokenizer.put_str(column));
                tokenizer.put(partitions);
            }
            Repartitioning::RoundRobin(partitions) => {
                tokenizer.put_record("round-robin");
                tokenizer.put(partitions);
            }
        }
    }
}

impl Expr {
    /// The same rows, with a wish how they should lie in partitions.
    ///
    /// # Errors
    /// Unknown columns, a hash of no column, and no partition at all.
    pub fn repartition(self, to: Repartitioning) -> Result<Expr, ExprError> {
        if to.partitions() == 0 {
            return Err(ExprError::Inputs { operator: "repartition", expected: "at least one partition" });
        }
        if let Repartitioning::Hash(columns, _) = &to {
            if columns.is_empty() {
                let expected = "at least one column to hash; or use `RoundRobin`";
                return Err(ExprError::Inputs { operator: "repartition", expected });
            }
            let names = || self.schema().fields().iter().map(|field| field.name().as_str());
            if let Some(unknown) = columns.iter().find(|column| !names().any(|name| name == &***column)) {
                return Err(ExprError::unknown_column(unknown, names()));
            }
        }
        let schema = self.schema().clone();
        Ok(Expr::intern(Op::Repartition(to), [self], schema))
    }
}

impl Frame {
    /// The same rows, and how they should lie in partitions: see [`Repartitioning`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{Frame, Repartitioning};
    ///
    /// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
    /// let frame = Frame::from_batches("t", schema, vec![])?;
    /// let spread = frame.clone().repartition(Repartitioning::Hash(vec!["a".into()], 8))?;
    /// assert_eq!(spread.schema(), frame.schema());
    /// # Ok::<_, leafhold::expr::ExprError>(())
    /// ```
    ///
    /// # Errors
    /// Unknown columns, a hash of no column, and no partition at all.
    pub fn repartition(self, to: Repartitioning) -> Result<Frame, ExprError> {
        self.map(|expr, _| expr.repartition(to))
    }
}
