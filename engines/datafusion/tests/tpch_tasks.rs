//! How many tasks and shuffles the TPC-H queries take: golden figures, rewritten with `LEAFHOLD_UPDATE=1`.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use leafhold::lower::{TaskMovement, lower};
use leafhold::optimize::Planner;
use leafhold_datafusion::{Catalog, EngineFunctions, Session, tpch};

const SCALE: f64 = 0.1;
const PARTITIONS: usize = 4;

#[test]
fn the_shuffles_of_the_22_queries_are_the_recorded_ones() {
    let mut catalog = Catalog::new();
    tpch::register(&mut catalog, SCALE, PARTITIONS).unwrap();
    let session = Session::new(catalog);
    let planner = Planner::new(Arc::new(EngineFunctions)).with_target_partitions(PARTITIONS);
    let mut found = format!(
        "; TPC-H at scale {SCALE}, {PARTITIONS} partitions: stages that move rows\n{:<6}{:>8}{:>8}{:>10}{:>12}{:>9}\n",
        "query", "tasks", "stages", "shuffles", "broadcasts", "gathers"
    );
    for (name, sql) in tpch::QUERIES {
        let expr = session.to_expr(&session.bind(sql).unwrap()).unwrap();
        let graph = lower(&planner.plan(&expr).unwrap()).unwrap();
        let stages = graph.stages();
        let reads = || stages.iter().flat_map(|stage| &stage.reads);
        let moved = |movement| reads().filter(|read| read.movement == movement).count();
        let (broadcasts, gathers) = (moved(TaskMovement::Broadcast), moved(TaskMovement::Gather));
        let (tasks, stages, shuffles) = (graph.len(), stages.len(), graph.shuffles());
        writeln!(found, "{name:<6}{tasks:>8}{stages:>8}{shuffles:>10}{broadcasts:>12}{gathers:>9}").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tpch-tasks.txt");
    if std::env::var_os("LEAFHOLD_UPDATE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap_or_default(), "record it with LEAFHOLD_UPDATE=1");
}
