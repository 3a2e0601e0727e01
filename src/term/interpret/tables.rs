use std::collections::HashMap;
use std::sync::Arc;

use super::Value;
use crate::expr::{FunctionInfo, Literal};
use crate::term::GetId;

/// How a function is called: with constants, giving a constant or the message of an error.
pub type Calls = Arc<dyn Fn(&FunctionInfo, &[Literal]) -> Result<Literal, String> + Send + Sync>;

/// How an engine's own aggregate is computed: from the arguments of each row, in the order of the rows, nulls
/// included.
pub type AggregateCalls = Arc<dyn Fn(&FunctionInfo, &[Vec<Value>]) -> Result<Value, String> + Send + Sync>;

/// What a plan is interpreted over: the rows of leaves, and the engine's functions.
///
/// A `Values` leaf has its own rows; rows given here take their place. Without a way to call
/// functions, [`crate::expr::Functions::evaluate`] of the query's functions is asked.
#[derive(Clone, Default)]
pub struct Tables {
    rows: HashMap<GetId, Vec<Vec<Value>>>,
    calls: Option<Calls>,
    aggregates: Option<AggregateCalls>,
}

impl Tables {
    /// No rows but those of `Values` leaves.
    pub fn new() -> Self {
        Tables::default()
    }

    /// The rows of one reading of a leaf, with values in the order of the leaf's schema.
    pub fn with_table(mut self, get: GetId, rows: Vec<Vec<Value>>) -> Self {
        self.rows.insert(get, rows);
        self
    }

    /// How functions are called.
    pub fn with_calls(
        mut self,
        calls: impl Fn(&FunctionInfo, &[Literal]) -> Result<Literal, String> + Send + Sync + 'static,
    ) -> Self {
        self.calls = Some(Arc::new(calls));
        self
    }

    /// How the engine's own aggregates are computed.
    pub fn with_aggregates(
        mut self,
        aggregates: impl Fn(&FunctionInfo, &[Vec<Value>]) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Self {
        self.aggregates = Some(Arc::new(aggregates));
        self
    }

    pub(super) fn aggregates(&self) -> Option<&AggregateCalls> {
        self.aggregates.as_ref()
    }

    pub(super) fn rows(&self, get: GetId) -> Option<&[Vec<Value>]> {
        self.rows.get(&get).map(Vec::as_slice)
    }

    pub(super) fn calls(&self) -> Option<&Calls> {
        self.calls.as_ref()
    }
}
