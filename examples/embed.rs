//! An engine of its own in one file, and no change in Leafhold: sensors' readings that are still on their way.
//! It brings its futures, a function, an operator with a rule, prices, and kernels for what it can run.
//!
//! ```text
//! cargo run -p leafhold --example embed
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;
use leafhold::explain::PlanText;
use leafhold::expr::{BinaryOp, DataTypeKey, Expr, Extension, Frame, FunctionInfo, Functions, Scalar};
use leafhold::expr::{ScalarOp, Volatility, col, lit};
use leafhold::leaf::{EngineId, FromDelayed, FutureError, FutureErrorKind, FutureHandle, FutureStatus, InstanceId};
use leafhold::leaf::{Leaf, PartitionData, RemoteFuture, TableStatistics};
use leafhold::lower::{Fragment, FragmentOp, FragmentOutput};
use leafhold::optimize::{CostModel, DefaultCost, Movement, PhysicalOp, Planner, Sizes};
use leafhold::rules::{Args, Body, Function, Given, Registry, RuleSet, Sort};
use leafhold::run::{Collected, KernelError, Kernels, LocalExecutor, SlotData, TaskContext, TaskOutput, collect};
use leafhold::term::{AlternativeOp, ColumnSet, Terms};
use leafhold::token::{Token, tokenize};

/// `RemoteFuture`: what a station has measured. A real one would be asked over a wire.
struct Station {
    key: String,
    readings: Option<PartitionData>,
}

impl RemoteFuture for Station {
    fn key(&self) -> &str {
        &self.key
    }
    fn engine(&self) -> EngineId {
        EngineId("stations".into())
    }
    fn instance(&self) -> Option<InstanceId> {
        None
    }
    fn status(&self) -> FutureStatus {
        match &self.readings {
            // How much it is, it could say; nobody has counted.
            Some(_) => FutureStatus::Finished { rows: None, bytes: None },
            None => FutureStatus::Lost,
        }
    }
    fn on_done(&self, done: Box<dyn FnOnce() + Send>) {
        done();
    }
    fn data(&self) -> Result<PartitionData, FutureError> {
        let (key, engine, kind) = (self.key.clone(), self.engine(), FutureErrorKind::Lost);
        self.readings.clone().ok_or(FutureError { key, engine, kind, message: "the station is offline".into() })
    }
}

/// `Functions`: Leafhold's operators, and `fahrenheit`.
struct Weather;

impl Functions for Weather {
    fn function(&self, name: &str, args: &[DataType]) -> Option<FunctionInfo> {
        (name == "fahrenheit" && args == [DataType::Int64]).then(|| FunctionInfo {
            name: name.into(),
            version: "1".into(),
            volatility: Volatility::Immutable,
            return_type: DataTypeKey(DataType::Int64),
            nullable: false,
            strict: true,
            fallible: false,
        })
    }
    fn function_names(&self) -> Vec<String> {
        vec!["fahrenheit".into()]
    }
}

/// An operator of the engine's own: of each value of a column the last row. It declares nothing, so that
/// Leafhold would give it all rows in one partition; the rules below know better.
#[derive(Debug)]
struct Latest {
    schema: SchemaRef,
    by: usize,
}

impl Extension for Latest {
    fn name(&self) -> &str {
        "latest"
    }
    fn token(&self) -> Token {
        tokenize(&("latest", self.by))
    }
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn latest(frame: &Frame, by: &str) -> Result<Frame, Box<dyn Error>> {
    let operator = Latest { schema: frame.schema().clone(), by: frame.schema().index_of(by)? };
    Ok(Frame::new(Expr::extension(Arc::new(operator), vec![frame.expr().clone()])?, frame.functions().clone()))
}

const RULES: &str = r#"
;; A condition on what rows are told apart by keeps or drops all rows of a value, so the last one with them.
(rule push-filter-into-latest
  (phase normalize)
  (keeps bag)
  (match   (filter ?p (extension ?e [?r])))
  (let     ?by (within ?p (latest-output ?e)))
  (when    (not (trivial ?by)))
  (replace (filter (beyond ?p (latest-output ?e)) (extension ?e [(filter (below-latest ?by ?e) ?r)])))
  (not "filter (a = 1) t"))

;; All rows of a value in one partition are enough.
(rule implement-latest
  (phase implement)
  (match    (extension ?e ?all))
  (replace  (extension ?e ?all))
  (requires (?all (hashed-by (layout (latest-input ?e)))))
  (not "t"))
"#;

/// The column that tells rows apart: what it is called above the operator and below. `None` for other operators,
/// where the rules then do not apply.
fn told_apart_by(terms: &Terms, args: Args<'_>, at: usize) -> Option<[leafhold::term::ColumnId; 2]> {
    let spec = terms.extension(args.extension(at)?);
    let by = spec.extension.as_any().downcast_ref::<Latest>()?.by;
    Some([spec.output[by], spec.inputs[0][by]])
}

fn functions_of_rules() -> Registry {
    let column = |name, doc, body| Function { name, args: &[Sort::Extension], gives: Sort::Columns, doc, body };
    let above =
        |terms: &Terms, args: Args<'_>| Some(Given::Columns(ColumnSet::from_iter([told_apart_by(terms, args, 0)?[0]])));
    let below =
        |terms: &Terms, args: Args<'_>| Some(Given::Columns(ColumnSet::from_iter([told_apart_by(terms, args, 0)?[1]])));
    let through = |terms: &mut Terms, args: Args<'_>| {
        let [above, below] = told_apart_by(terms, args, 1)?;
        let (below, all) = (terms.column_scalar(below), terms.predicates(args.predicates(0)?).to_vec());
        let all: Vec<_> =
            all.into_iter().map(|one| terms.substitute(one, &|column| (column == above).then_some(below))).collect();
        Some(Given::Predicates(terms.intern_predicates(all)))
    };
    Registry::core().with([
        column("latest-output", "What tells the rows of `latest` apart.", Body::Fact(above)),
        column("latest-input", "The same, of its input.", Body::Fact(below)),
        Function {
            name: "below-latest",
            args: &[Sort::Predicates, Sort::Extension],
            gives: Sort::Predicates,
            doc: "The conjunction over the input of `latest`.",
            body: Body::Make(through),
        },
    ])
}

/// `CostModel`: an operator of the engine's own is slow, and the partitions' work counts side by side.
struct Slow;

impl CostModel for Slow {
    fn operator(&self, op: AlternativeOp, sizes: Sizes<'_>) -> f64 {
        match op {
            AlternativeOp::Extension(_) => 20.0 * sizes.inputs[0] / sizes.partitions,
            op => DefaultCost.operator(op, sizes),
        }
    }
    fn movement(&self, movement: Movement, rows: f64, partitions: f64) -> f64 {
        DefaultCost.movement(movement, rows, partitions)
    }
}

/// `Kernels`: filters, projections and `latest`, over numbers.
struct NumberKernels;

fn arrow_error(error: ArrowError) -> KernelError {
    KernelError::Compute(error.to_string())
}

fn unsupported(operator: impl ToString) -> KernelError {
    KernelError::Unsupported {
        operator: operator.to_string(),
        reason: "stations know filters, projections, latest".into(),
    }
}

fn compute(scalar: &Scalar<usize>, batch: &RecordBatch) -> Result<ArrayRef, KernelError> {
    let args: Vec<_> = scalar.args.iter().map(|arg| compute(arg, batch)).collect::<Result<_, _>>()?;
    let number = |at: usize| args[at].as_primitive::<Int64Type>();
    Ok(match &scalar.op {
        ScalarOp::Column(position) => batch.column(*position).clone(),
        ScalarOp::Literal(literal) => {
            let same = UInt64Array::from(vec![0; batch.num_rows()]);
            arrow_select::take::take(literal.array(), &same, None).map_err(arrow_error)?
        }
        ScalarOp::Binary(BinaryOp::Gt) => Arc::new(arrow_ord::cmp::gt(number(0), number(1)).map_err(arrow_error)?),
        ScalarOp::Binary(BinaryOp::Lt) => Arc::new(arrow_ord::cmp::lt(number(0), number(1)).map_err(arrow_error)?),
        ScalarOp::Call(function) if &*function.name == "fahrenheit" => {
            Arc::new(number(0).unary::<_, Int64Type>(|celsius| celsius * 9 / 5 + 32))
        }
        _ => return Err(unsupported(scalar)),
    })
}

fn last_rows(batch: &RecordBatch, by: usize) -> Result<RecordBatch, KernelError> {
    let values = batch.column(by).as_primitive::<Int64Type>().iter();
    let last: BTreeMap<_, u64> = values.zip(0..).collect();
    take_record_batch(batch, &UInt64Array::from_iter_values(last.into_values())).map_err(arrow_error)
}

fn operate(op: &PhysicalOp<usize>, schema: &SchemaRef, input: &RecordBatch) -> Result<RecordBatch, KernelError> {
    match op {
        PhysicalOp::Filter { predicate } => {
            let keep: BooleanArray = compute(predicate, input)?.as_boolean().clone();
            filter_record_batch(input, &keep).map_err(arrow_error)
        }
        PhysicalOp::Project { columns } => {
            let columns = columns.iter().map(|column| compute(column, input)).collect::<Result<_, _>>()?;
            RecordBatch::try_new(schema.clone(), columns).map_err(arrow_error)
        }
        PhysicalOp::Extension { extension } => match extension.as_any().downcast_ref::<Latest>() {
            Some(latest) => last_rows(input, latest.by),
            None => Err(unsupported(extension.name())),
        },
        op => Err(unsupported(op.name())),
    }
}

impl Kernels for NumberKernels {
    fn run(
        &self,
        fragment: &Fragment,
        inputs: Vec<SlotData>,
        context: &TaskContext,
    ) -> Result<TaskOutput, KernelError> {
        let mut results: Vec<RecordBatch> = Vec::new();
        for node in &fragment.nodes {
            if context.is_cancelled() {
                return Err(KernelError::Cancelled);
            }
            results.push(match &node.op {
                FragmentOp::Input { slot, columns } => {
                    let batches: Vec<_> = inputs[*slot].iter().flat_map(|source| source.iter()).collect();
                    let all = concat_batches(&batches[0].schema(), batches).map_err(arrow_error)?;
                    columns.as_ref().map_or(Ok(all.clone()), |columns| all.project(columns)).map_err(arrow_error)?
                }
                FragmentOp::Compute { op, .. } => operate(op, &node.schema, &results[node.inputs[0]])?,
                _ => return Err(unsupported(&fragment.label)),
            });
        }
        let node_rows = results.iter().map(|batch| Some(batch.num_rows() as u64)).collect();
        let root = results.pop().ok_or_else(|| unsupported(&fragment.label))?;
        let ports = match &fragment.output {
            FragmentOutput::Hashed { columns, ports, .. } => {
                let hash = |row: usize| {
                    let value = |column: &usize| root.column(*column).as_primitive::<Int64Type>().value(row);
                    columns.iter().map(value).fold(0_u64, |hash, value| hash.wrapping_mul(31) ^ value as u64)
                };
                let of: Vec<u64> = (0..root.num_rows()).map(|row| hash(row) % *ports as u64).collect();
                let port = |port| BooleanArray::from_iter(of.iter().map(|of| Some(*of == port)));
                (0..*ports as u64).map(|at| filter_record_batch(&root, &port(at))).collect::<Result<Vec<_>, _>>()
            }
            // Leafhold cuts the others into their ports.
            _ => Ok(vec![root]),
        };
        Ok(TaskOutput {
            ports: ports.map_err(arrow_error)?.into_iter().map(|port| vec![port]).collect(),
            node_rows,
            ..TaskOutput::default()
        })
    }
}

fn readings(rows: [(i64, i64, i64); 3]) -> Result<PartitionData, ArrowError> {
    let column =
        |of: fn(&(i64, i64, i64)) -> i64| Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) as ArrayRef;
    let columns = [("sensor", column(|row| row.0)), ("hour", column(|row| row.1)), ("celsius", column(|row| row.2))];
    Ok(Arc::new(vec![RecordBatch::try_from_iter(columns)?]))
}

/// The last reading of each sensor behind the third, where it is warm.
fn warm(stations: Vec<FutureHandle>) -> Result<Frame, Box<dyn Error>> {
    let fields = ["sensor", "hour", "celsius"].map(|name| Field::new(name, DataType::Int64, false));
    let leaf = FromDelayed::new("readings", Arc::new(Schema::new(fields.to_vec())), stations)?;
    let expected = TableStatistics { rows: Some(100_000.0), ..TableStatistics::default() };
    let leaf = Leaf::FromDelayed(leaf.with_statistics(expected));
    let readings = Frame::new(Expr::leaf(leaf)?, Arc::new(Weather));
    let last = latest(&readings, "sensor")?;
    let fahrenheit = last.call("fahrenheit", [col("celsius")])?;
    Ok(last
        .with_column("fahrenheit", fahrenheit)?
        .filter(col("sensor").gt(lit(3i64)))?
        .filter(col("fahrenheit").gt(lit(60i64)))?)
}

fn planner() -> Result<Planner, Box<dyn Error>> {
    let rules = RuleSet::builtin().with_more(&[("stations.rules", RULES)], &functions_of_rules())?;
    Ok(Planner::new(Arc::new(Weather)).with_rules(Arc::new(rules)).with_cost(Arc::new(Slow)))
}

fn station(key: &str, readings: Option<PartitionData>) -> FutureHandle {
    FutureHandle::new(Station { key: key.into(), readings })
}

fn main() -> Result<(), Box<dyn Error>> {
    let north = station("north", Some(readings([(1, 8, 9), (4, 8, 17), (5, 8, 12)])?));
    let south = station("south", Some(readings([(4, 9, 21), (7, 9, 18), (5, 9, 14)])?));
    let plan = planner()?.plan(warm(vec![north, south])?.expr())?;
    println!("{}", PlanText::new(&plan));
    for row in rows(&collect(&plan, &LocalExecutor::new(Arc::new(NumberKernels), 2))?) {
        println!("sensor {} at {} h: {} C, {} F", row[0], row[1], row[2], row[3]);
    }
    Ok(())
}

fn rows(result: &Collected) -> Vec<[i64; 4]> {
    let row =
        |batch: &RecordBatch, at| [0, 1, 2, 3].map(|column| batch.column(column).as_primitive::<Int64Type>().value(at));
    let mut rows: Vec<_> =
        result.batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect();
    rows.sort_unstable();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stations() -> Vec<FutureHandle> {
        let north = readings([(1, 8, 9), (4, 8, 17), (5, 8, 12)]).unwrap();
        let south = readings([(4, 9, 21), (7, 9, 18), (5, 9, 14)]).unwrap();
        vec![station("north", Some(north)), station("south", Some(south))]
    }

    fn run(planner: &Planner, stations: Vec<FutureHandle>) -> Result<Collected, leafhold::run::CollectError> {
        warm(stations).unwrap().collect(planner, &LocalExecutor::new(Arc::new(NumberKernels), 2))
    }

    #[test]
    fn an_operator_of_the_engines_own_is_planned_by_its_rules() {
        let planner = planner().unwrap();
        let text = PlanText::new(&planner.plan(warm(stations()).unwrap().expr()).unwrap()).to_string();
        let place = |word: &str| text.find(word).unwrap_or_else(|| panic!("no {word} in\n{text}"));
        assert!(place("> 60") < place("latest  ;") && place("latest  ;") < place("sensor > 3"), "{text}");
        assert!(place("latest  ;") < place("exchange hashed(sensor)"), "{text}");
        assert_eq!(rows(&run(&planner, stations()).unwrap()), [[4, 9, 21, 69], [7, 9, 18, 64]]);
    }

    #[test]
    fn a_station_that_is_offline_fails_the_run_by_name() {
        let mut stations = stations();
        stations.push(station("west", None));
        let error = run(&planner().unwrap(), stations).unwrap_err().to_string();
        assert!(error.contains("readings") && error.contains("west") && error.contains("offline"), "{error}");
    }

    #[test]
    fn what_the_kernels_do_not_know_is_named() {
        let planner = planner().unwrap();
        let frame = warm(stations()).unwrap().sort([col("hour").asc()]).unwrap();
        let error = frame.collect(&planner, &LocalExecutor::new(Arc::new(NumberKernels), 2)).unwrap_err().to_string();
        assert!(error.contains("sort") || error.contains("merge"), "{error}");
    }
}
