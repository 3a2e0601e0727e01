//! Copies of terms that share columns and tables by name, and call what no text can.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::DataType;

use super::graft::Graft;
use crate::expr::{AggregateFunction, DataTypeKey, FunctionInfo, Name, ScalarOp, Volatility};
use crate::term::{ColumnId, ColumnSet, GetId, GetSpec, RelOp, ScalarId, Terms};

/// The name of the function that every call of which is its own.
pub(super) const VOLATILE: &str = "volatile";

/// The name of an aggregate of an engine's own, which may look at the order of rows.
const OPAQUE: &str = "opaque";

/// How a copy is made: columns by name, but for some.
#[derive(Default)]
pub(super) struct Plain {
    /// The columns of a place, in what stands there instead; `None` for those that it lacks.
    pub(super) translated: HashMap<ColumnId, Option<ColumnId>>,
    /// Columns of what stands there: others need other names.
    pub(super) taken: ColumnSet,
    /// The place, counted from here, that calls what no text can.
    pub(super) call: Option<usize>,
}

/// A [`Plain`] copy into the columns and tables that there are.
pub(super) struct Named<'a> {
    pub(super) how: &'a mut Plain,
    pub(super) columns: &'a mut HashMap<(Name, DataType, bool, bool), ColumnId>,
    pub(super) gets: &'a mut HashMap<(String, Vec<ColumnId>), GetId>,
}

/// The column of the copy that a column is by name; `second` is another one, for what stands beside a column of that name.
pub(super) fn named(
    columns: &mut HashMap<(Name, DataType, bool, bool), ColumnId>,
    from: &Terms,
    to: &mut Terms,
    column: ColumnId,
    second: bool,
) -> ColumnId {
    let info = from.column(column);
    let key = (info.name.clone(), info.data_type.clone(), info.nullable, second);
    let base = info.name.split(':').next().unwrap_or(&info.name);
    let name = if second { base } else { &info.name };
    *columns.entry(key).or_insert_with(|| to.add_column(name, info.data_type.clone(), info.nullable))
}

impl Named<'_> {
    /// Whether this is the place of the call.
    fn is_here(&mut self) -> bool {
        match &mut self.how.call {
            Some(0) => {
                self.how.call = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }
}

impl Graft for Named<'_> {
    fn column(&mut self, from: &Terms, to: &mut Terms, column: ColumnId) -> Option<ColumnId> {
        if let Some(translated) = self.how.translated.get(&column) {
            return *translated;
        }
        let plain = named(self.columns, from, to, column, false);
        Some(match self.how.taken.contains(plain) {
            true => named(self.columns, from, to, column, true),
            false => plain,
        })
    }

    fn get(&mut self, from: &Terms, to: &mut Terms, get: GetId, columns: Vec<ColumnId>) -> RelOp {
        let leaf = &from.get_spec(get).leaf;
        let index = to.gets().len();
        let spec = GetSpec { leaf: leaf.clone(), index, columns: columns.clone() };
        RelOp::Get(*self.gets.entry((leaf.name().to_owned(), columns)).or_insert_with(|| to.add_get(spec)))
    }

    fn conjuncts(&mut self, to: &mut Terms, mut conjuncts: Vec<ScalarId>) -> Vec<ScalarId> {
        if self.is_here() {
            conjuncts.push(volatile(to, &ColumnSet::new(), &DataType::Boolean));
        }
        if self.is_here() {
            return vec![volatile(to, &ColumnSet::new(), &DataType::Boolean)];
        }
        for conjunct in conjuncts.clone() {
            if self.is_here() {
                let reads = to.scalar_facts(conjunct).columns.clone();
                conjuncts.push(volatile(to, &reads, &DataType::Boolean));
            }
        }
        conjuncts
    }

    fn aggregate(&mut self, to: &Terms, column: ColumnId, function: AggregateFunction) -> AggregateFunction {
        match self.is_here() {
            true => {
                let data_type = to.column(column).data_type.clone();
                AggregateFunction::Other(Arc::new(function_info(OPAQUE, Volatility::Immutable, data_type)))
            }
            false => function,
        }
    }

    fn computed(&mut self, to: &mut Terms, scalar: ScalarId) -> ScalarId {
        // A column that is only kept stays what it is.
        if to.as_column(scalar).is_some() || !self.is_here() {
            return scalar;
        }
        let facts = to.scalar_facts(scalar);
        let (reads, data_type) = (facts.columns.clone(), facts.data_type.clone());
        volatile(to, &reads, &data_type)
    }
}

/// A call of the volatile function over columns.
fn volatile(terms: &mut Terms, reads: &ColumnSet, data_type: &DataType) -> ScalarId {
    let info = function_info(VOLATILE, Volatility::Volatile, data_type.clone());
    let args: Vec<ScalarId> = reads.iter().map(|column| terms.column_scalar(column)).collect();
    terms.scalar(ScalarOp::Call(Arc::new(info)), args)
}

pub(super) fn function_info(name: &str, volatility: Volatility, data_type: DataType) -> FunctionInfo {
    FunctionInfo {
        name: name.into(),
        version: "1".into(),
        volatility,
        return_type: DataTypeKey(data_type),
        nullable: true,
        strict: false,
        fallible: false,
    }
}
