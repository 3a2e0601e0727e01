//! The functions that examples may call.

use std::sync::Arc;

use arrow_schema::DataType;

use crate::expr::{AggregateFunction, DataTypeKey, FunctionInfo, Functions, Volatility};

/// The core operators, and one function of each sort that rules must beware of.
///
/// | call | is |
/// |---|---|
/// | `(random)` | volatile: 0 or 1, drawn anew at every call |
/// | `(today)` | stable: one whole number within a run |
/// | `(drawn x)` | volatile: `x` or 0, drawn anew at every call |
/// | `(checked x)` | an error for zero, else `x` |
/// | `(coalesce x ..)` | the first of some values of one type that is not null |
/// | `(first x)` | an aggregate that depends on the order of rows: `x` of the first one |
///
/// Verification knows what they give; nothing else evaluates them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExampleFunctions;

impl ExampleFunctions {
    fn info(name: &str, volatility: Volatility, returns: DataType) -> FunctionInfo {
        FunctionInfo {
            name: name.into(),
            version: "1".into(),
            volatility,
            return_type: DataTypeKey(returns),
            nullable: false,
            strict: true,
            fallible: false,
        }
    }

    /// The aggregate `(first x)` of a type.
    pub fn first(of: &DataType) -> AggregateFunction {
        let info = ExampleFunctions::info("first", Volatility::Immutable, of.clone());
        AggregateFunction::Other(Arc::new(FunctionInfo { nullable: true, strict: false, ..info }))
    }
}

impl Functions for ExampleFunctions {
    fn function(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        match (name, args) {
            ("random", []) => Some(ExampleFunctions::info(name, Volatility::Volatile, DataType::Int64)),
            ("today", []) => Some(ExampleFunctions::info(name, Volatility::Stable, DataType::Int64)),
            ("drawn", [DataType::Int64]) => Some(ExampleFunctions::info(name, Volatility::Volatile, DataType::Int64)),
            ("coalesce", [first, rest @ ..]) if rest.iter().all(|kind| kind == first) => {
                let info = ExampleFunctions::info(name, Volatility::Immutable, first.clone());
                Some(FunctionInfo { nullable: true, strict: false, ..info })
            }
            ("checked", [DataType::Int64]) => {
                let info = ExampleFunctions::info(name, Volatility::Immutable, DataType::Int64);
                Some(FunctionInfo { fallible: true, ..info })
            }
            _ => None,
        }
    }

    fn aggregate(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        match (name, args) {
            ("first", [kind]) => match ExampleFunctions::first(kind) {
                AggregateFunction::Other(info) => Some(info.as_ref().clone()),
                _ => None,
            },
            _ => None,
        }
    }

    fn function_names(&self) -> Vec<String> {
        ["checked", "coalesce", "drawn", "random", "today"].map(str::to_owned).to_vec()
    }
}
