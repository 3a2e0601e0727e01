use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{self as df, AggregateUDF, ColumnarValue, ReturnFieldArgs, ScalarUDF};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal as PhysicalLiteral;
use datafusion::scalar::ScalarValue;
use leafhold::expr::{
    AggregateFunction, BinaryOp, DataTypeKey, FunctionInfo, Functions, Literal, ScalarOp, Volatility,
};

use crate::engine;
use crate::kernels::scalar::{combine, operator};

/// The version of DataFusion's functions; another version is another function.
pub(crate) const FUNCTION_VERSION: &str = "datafusion-55";

/// Functions that are known to raise no error, whatever their arguments of the right type.
const INFALLIBLE: [&str; 18] = [
    "abs",
    "ascii",
    "btrim",
    "character_length",
    "coalesce",
    "contains",
    "date_part",
    "date_trunc",
    "ends_with",
    "lower",
    "ltrim",
    "now",
    "nullif",
    "octet_length",
    "rtrim",
    "starts_with",
    "substr",
    "upper",
];

/// DataFusion's types, functions and constants.
///
/// ```
/// use arrow_schema::DataType;
/// use leafhold::expr::{BinaryOp, Functions};
/// use leafhold_datafusion::EngineFunctions;
///
/// let wide = EngineFunctions.binary_type(BinaryOp::Plus, &DataType::Int32, &DataType::Int64);
/// assert_eq!(wide, Some(DataType::Int64));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineFunctions;

impl Functions for EngineFunctions {
    fn binary_type(&self, op: BinaryOp, left: &DataType, right: &DataType) -> Option<DataType> {
        // The common cases of plans that are typed already, without asking.
        if left == right && op.is_comparison() {
            return Some(DataType::Boolean);
        }
        if left == right && (left.is_integer() || left.is_floating()) && op != BinaryOp::Concat {
            return Some(left.clone());
        }
        BinaryTypeCoercer::new(left, &operator(op), right).get_result_type().ok()
    }

    fn aggregate_type(&self, function: &AggregateFunction, args: &[DataType]) -> Option<DataType> {
        match function {
            AggregateFunction::Count => Some(DataType::Int64),
            AggregateFunction::Min | AggregateFunction::Max if args.len() == 1 => Some(args[0].clone()),
            AggregateFunction::Other(function) => Some(function.return_type.0.clone()),
            AggregateFunction::Grouping => None,
            known => {
                let udaf = engine::state().aggregate_functions().get(known.name())?;
                let coerced = udaf.coerce_types(args).unwrap_or_else(|_| args.to_vec());
                udaf.return_type(&coerced).ok()
            }
        }
    }

    fn function(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        self.function_of(name, args, &vec![None; args.len()])
    }

    fn function_of(&self, name: &str, args: &[DataType], constants: &[Option<&Literal>]) -> Option<FunctionInfo> {
        let function = engine::state().scalar_functions().get(name)?;
        let fields: Vec<_> = args.iter().map(|kind| Arc::new(Field::new("arg", kind.clone(), false))).collect();
        let constant = |literal: &Option<&Literal>| {
            literal.map(|literal| ScalarValue::try_from_array(literal.array(), 0)).transpose().ok()
        };
        let constants = constants.iter().map(constant).collect::<Option<Vec<_>>>()?;
        let scalars: Vec<_> = constants.iter().map(Option::as_ref).collect();
        let field = function
            .return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &scalars })
            .ok()?;
        Some(function_info(function, field.data_type().clone()))
    }

    fn aggregate(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        let function = engine::state().aggregate_functions().get(name)?;
        let coerced = function.coerce_types(args).unwrap_or_else(|_| args.to_vec());
        let fields: Vec<_> = coerced.into_iter().map(|kind| Arc::new(Field::new("arg", kind, true))).collect();
        let field = function.return_field(&fields).ok()?;
        Some(aggregate_info(function, field.data_type().clone()))
    }

    fn function_names(&self) -> Vec<String> {
        let mut names: Vec<String> = engine::state().scalar_functions().keys().cloned().collect();
        names.sort();
        names
    }

    fn evaluate(&self, op: &ScalarOp<()>, args: &[Literal]) -> Option<Literal> {
        let schema = Schema::empty();
        let args = args
            .iter()
            .map(|arg| {
                let value = ScalarValue::try_from_array(arg.array(), 0).ok()?;
                Some(Arc::new(PhysicalLiteral::new(value)) as Arc<dyn PhysicalExpr>)
            })
            .collect::<Option<Vec<_>>>()?;
        let expr = combine(op, args, &schema, None).ok()?;
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let row = RecordBatch::try_new_with_options(Arc::new(schema), Vec::new(), &options).ok()?;
        let array = match expr.evaluate(&row).ok()? {
            ColumnarValue::Array(array) => array,
            ColumnarValue::Scalar(value) => value.to_array_of_size(1).ok()?,
        };
        (array.len() == 1).then(|| Literal::new(array))
    }
}

/// What Leafhold should know of a function of DataFusion's.
pub(crate) fn function_info(function: &ScalarUDF, return_type: DataType) -> FunctionInfo {
    let strict = function.inner().is_strict();
    FunctionInfo {
        name: function.name().into(),
        version: FUNCTION_VERSION.into(),
        volatility: volatility(function.signature().volatility),
        return_type: DataTypeKey(return_type),
        // A strict function may still answer null (`to_date` of nonsense in a lenient mode), so only the
        // functions known to be total promise not to.
        nullable: !(strict && INFALLIBLE.contains(&function.name())),
        strict,
        fallible: !INFALLIBLE.contains(&function.name()),
    }
}

/// What Leafhold should know of an aggregate of DataFusion's.
pub(crate) fn aggregate_info(function: &AggregateUDF, return_type: DataType) -> FunctionInfo {
    FunctionInfo {
        name: function.name().into(),
        version: FUNCTION_VERSION.into(),
        volatility: volatility(function.signature().volatility),
        return_type: DataTypeKey(return_type),
        nullable: true,
        strict: false,
        fallible: true,
    }
}

pub(crate) fn volatility(volatility: df::Volatility) -> Volatility {
    match volatility {
        df::Volatility::Immutable => Volatility::Immutable,
        df::Volatility::Stable => Volatility::Stable,
        df::Volatility::Volatile => Volatility::Volatile,
    }
}
