//! Where windows, unnests and grouping sets of SQL run: in worker processes, and in as many tasks as there are partitions.

use std::process::Command;
use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, ListArray, RecordBatch};
use leafhold::expr::wire::ReadContext;
use leafhold::lower::{FragmentOp, lower};
use leafhold::optimize::Planner;
use leafhold::run::process::{ProcessExecutor, ProcessWorkers, worker_process};
use leafhold::run::work::WorkObservers;
use leafhold::run::{Executor, LocalExecutor};
use leafhold_datafusion::{Catalog, DataFusionCodec, DataFusionKernels, EngineFunctions, Session};

use crate::harness::{batch, large, ordered, rows};

const WORKER: &str = "LEAFHOLD_TEST_SQL_WORKER";

/// Not a test, but the worker: it does nothing unless a driver has started it.
#[test]
fn worker_program() {
    if std::env::var_os(WORKER).is_some() {
        let context = ReadContext::new(&EngineFunctions).with_codec(&DataFusionCodec);
        let served = worker_process(&DataFusionKernels, &WorkObservers::none(), &context);
        std::process::exit(i32::from(served.is_err()));
    }
}

/// `r(k, g, xs)` in three partitions of 1,000 rows, of which the planner believes that they are many more.
fn session() -> Session {
    let part = |part: i64| -> Vec<RecordBatch> {
        let numbers = part * 1000..part * 1000 + 1000;
        let lists = numbers.clone().map(|k| (k % 5 != 0).then(|| vec![Some(k), None, Some(k % 7)]));
        vec![batch([
            ("k", Arc::new(Int64Array::from_iter_values(numbers.clone()))),
            ("g", Arc::new(numbers.clone().map(|k| (k % 3 != 0).then_some(k % 11)).collect::<Int64Array>())),
            ("xs", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
        ])]
    };
    let mut catalog = Catalog::new();
    catalog.add("r", large("r", &[part(0), part(1), part(2)]));
    Session::new(catalog)
}

#[test]
fn they_run_in_worker_processes_and_not_in_the_driver() {
    // What is asked, which operator computes it, and in how many tasks.
    let queries = [
        ("select k, sum(k) over (partition by g order by k) as s from r", "window", 4),
        (
            "select k, row_number() over (partition by g % 2 order by k), rank() over (partition by g order by k) from r",
            "window",
            8,
        ),
        ("select k, ntile(9) over (order by k) as n, percent_rank() over (order by g) as p from r", "window", 1),
        ("select k, unnest(xs) as x from r", "unnest", 3),
        (
            "select g, k % 2 as m, count(*) as n, grouping(g, k % 2) as level from r group by rollup(g, k % 2)",
            "aggregate",
            3,
        ),
        ("select g, count(*) as n, grouping(g) from r group by grouping sets ((g), (g), ())", "aggregate", 3),
    ];
    let command = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["isolated::worker_program", "--exact", "--nocapture", "--test-threads=1"]).env(WORKER, "1");
        command
    };
    let workers = ProcessWorkers::new(Arc::new(DataFusionKernels), 2, command).with_codec(Arc::new(DataFusionCodec));
    let (processes, session) = (ProcessExecutor::new(workers), session());
    for (sql, operator, tasks) in queries {
        let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(4);
        let plan = planner.plan(session.frame(sql).unwrap().expr()).unwrap();
        let graph = lower(&plan).unwrap();
        let computes =
            |node: &FragmentOp| matches!(node, FragmentOp::Compute { op, .. } if op.name().ends_with(operator));
        let at_work: Vec<bool> =
            graph.tasks().map(|task| task.fragment.nodes.iter().any(|node| computes(&node.op))).collect();
        let found = processes.submit(graph).wait().unwrap();
        let events = found.report.tasks.iter().filter(|event| at_work[event.task]);
        let who: Vec<_> = events.map(|event| event.worker.as_deref().unwrap_or("nobody")).collect();
        assert!(who.len() >= tasks, "{sql}: {who:?}");
        let everybody = found.report.tasks.iter().filter_map(|event| event.worker.as_deref());
        assert!(
            everybody.clone().all(|worker| worker.starts_with("process-")),
            "{sql}: {:?}",
            everybody.collect::<Vec<_>>()
        );
        let expected = LocalExecutor::new(Arc::new(DataFusionKernels), 2).submit(lower(&plan).unwrap()).wait().unwrap();
        let [found, expected] = [found, expected].map(|outcome| {
            let batches: Vec<_> = outcome.partitions.iter().flat_map(|part| part.iter().cloned()).collect();
            ordered(rows(&batches), sql)
        });
        assert!(!found.is_empty() && found == expected, "{sql}");
    }
}
