//! Queries of files, and files that are broken.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::csv::Writer;
use datafusion::common::ScalarValue;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionConfig, SessionContext};
use leafhold::leaf::Leaf;
use leafhold::lower::{FragmentOp, Task, lower};
use leafhold::run::{LocalExecutor, collect};
use leafhold_datafusion::files::{self, FileError};
use leafhold_datafusion::{Catalog, DataFusionKernels, Session};

use crate::harness::{batch, compare, plan, rows};

/// 1,000 rows: `k` counts, `v` is null for every fourth, `s` repeats.
fn numbers() -> RecordBatch {
    batch([
        ("k", Arc::new((0..1000).collect::<Int64Array>())),
        ("v", Arc::new((0..1000).map(|k| (k % 4 != 0).then_some(f64::from(k) / 2.0)).collect::<Float64Array>())),
        ("s", Arc::new((0..1000).map(|k| Some(["red", "green", "blue"][k % 3])).collect::<StringArray>())),
    ])
}

fn write_parquet(path: &Path, batch: &RecordBatch) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(150)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn write_csv(path: &Path, batch: &RecordBatch) {
    Writer::new(File::create(path).unwrap()).write(batch).unwrap();
}

#[test]
fn files_answer_as_they_do_for_datafusion() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = (folder.path().join("p.parquet"), folder.path().join("c.csv"));
    write_parquet(&parquet, &numbers());
    write_csv(&csv, &numbers());
    let mut catalog = Catalog::new();
    catalog.add("p", files::table("p", &parquet).unwrap());
    catalog.add("c", files::table("c", &csv).unwrap());
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        context.register_parquet("p", parquet.to_str().unwrap(), ParquetReadOptions::new()).await.unwrap();
        context.register_csv("c", csv.to_str().unwrap(), CsvReadOptions::new()).await.unwrap();
    });
    let queries = [
        "select * from p",
        "select * from c",
        "select s, k from p where k between 140 and 160",
        "select count(*), count(v), sum(v), min(k), max(k) from p",
        "select s, count(*), avg(v) from c group by s",
        "select p.k, c.s from p join c on p.k = c.k * 3 where p.v > 100",
        "select p.s, sum(c.v) from p join c on p.k = c.k group by p.s",
        "select k from p where v is null order by 1 desc limit 7",
        "select count(*) from c where s like 'b%'",
    ];
    compare(&Session::new(catalog), &context, &queries);
}

#[test]
fn statistics_of_files_are_exact_where_the_file_tells() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = (folder.path().join("p.parquet"), folder.path().join("c.csv"));
    write_parquet(&parquet, &numbers());
    write_csv(&csv, &numbers());
    for path in [&parquet, &csv] {
        let leaf = files::table("n", path).unwrap();
        let statistics = leaf.statistics();
        assert_eq!(statistics.rows, Some(1000.0), "{path:?}");
        let (k, v, s) = (statistics.column(0), statistics.column(1), statistics.column(2));
        assert_eq!((k.min, k.max, k.null_fraction), (Some(0.0), Some(999.0), Some(0.0)), "{path:?}");
        assert_eq!((v.min, v.max, v.null_fraction), (Some(0.5), Some(499.5), Some(0.25)), "{path:?}");
        assert_eq!(s.distinct.map(f64::round), Some(3.0), "{path:?}");
        assert!(k.distinct.is_some_and(|distinct| (900.0..=1000.0).contains(&distinct)), "{path:?}: {k:?}");
    }
    assert_eq!(files::table("n", &parquet).unwrap().partitions(), 7);
    assert_eq!(files::table("n", &csv).unwrap().partitions(), 1);
}

#[test]
fn row_groups_that_a_filter_excludes_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let parquet = folder.path().join("p.parquet");
    write_parquet(&parquet, &numbers());
    let mut catalog = Catalog::new();
    catalog.add("p", files::table("p", &parquet).unwrap());
    let session = Session::new(catalog);
    // Seven row groups of 150 rows. Of floats and text nothing is certain.
    let filters = [("k between 140 and 160", 2), ("k >= 900", 1), ("k < 0", 0), ("v > 450.0", 7), ("s = 'red'", 7)];
    for (filter, read) in filters {
        let graph = lower(&plan(&session, &format!("select s from p where {filter}")).unwrap()).unwrap();
        let scans = |task: &&Task| task.fragment.nodes.iter().any(|node| matches!(node.op, FragmentOp::Scan { .. }));
        assert_eq!(graph.tasks().filter(scans).count(), read, "{filter}");
    }
}

/// The error of a run, as text.
fn file_error(leaf: Leaf, sql: &str) -> String {
    let mut catalog = Catalog::new();
    catalog.add("f", leaf);
    let plan = plan(&Session::new(catalog), sql).unwrap();
    collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 2)).unwrap_err().to_string()
}

#[test]
fn broken_files_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let error = |name: &str| -> FileError {
        let error = files::table("f", at(name)).unwrap_err();
        assert!(error.to_string().starts_with(at(name).to_str().unwrap()), "{error}");
        error
    };
    assert!(matches!(error("missing.parquet"), FileError::Open { .. }));
    assert!(matches!(error("missing.csv"), FileError::Open { .. }));
    std::fs::create_dir(at("folder.csv")).unwrap();
    assert!(matches!(error("folder.csv"), FileError::Open { .. }));
    std::fs::write(at("empty.parquet"), "").unwrap();
    assert!(matches!(error("empty.parquet"), FileError::Corrupt { .. }));
    std::fs::write(at("empty.csv"), "").unwrap();
    assert!(matches!(error("empty.csv"), FileError::NoColumns { .. }));
    std::fs::write(at("text.parquet"), "k,v\n1,2\n").unwrap();
    assert!(matches!(error("text.parquet"), FileError::Corrupt { .. }));

    write_parquet(&at("whole.parquet"), &numbers());
    let whole = std::fs::read(at("whole.parquet")).unwrap();
    for length in [3, 8, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        std::fs::write(at("half.parquet"), &whole[..length]).unwrap();
        assert!(matches!(error("half.parquet"), FileError::Corrupt { .. }), "{length}");
    }
    // A footer that promises pages which are not there.
    let mut holes = whole.clone();
    holes[4..whole.len() / 2].fill(0xff);
    std::fs::write(at("holes.parquet"), holes).unwrap();
    assert!(matches!(error("holes.parquet"), FileError::Corrupt { .. }));
}

#[test]
fn files_that_break_later_fail_the_run_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_parquet(&at("gone.parquet"), &numbers());
    let leaf = files::table("f", at("gone.parquet")).unwrap();
    std::fs::remove_file(at("gone.parquet")).unwrap();
    let error = file_error(leaf, "select sum(k) from f");
    assert!(error.contains("gone.parquet") && error.contains("no such file"), "{error}");

    write_parquet(&at("cut.parquet"), &numbers());
    let leaf = files::table("f", at("cut.parquet")).unwrap();
    let whole = std::fs::read(at("cut.parquet")).unwrap();
    std::fs::write(at("cut.parquet"), &whole[..whole.len() / 2]).unwrap();
    let error = file_error(leaf, "select sum(k), sum(v), max(s) from f");
    assert!(error.contains("cut.parquet"), "{error}");

    // The last line ends in the middle.
    write_csv(&at("cut.csv"), &numbers());
    let whole = std::fs::read(at("cut.csv")).unwrap();
    let end = whole.iter().rposition(|byte| *byte == b',').unwrap();
    std::fs::write(at("cut.csv"), &whole[..end]).unwrap();
    let failed = match files::table("f", at("cut.csv")) {
        Ok(leaf) => file_error(leaf, "select count(*), max(s) from f"),
        Err(error) => error.to_string(),
    };
    assert!(failed.contains("cut.csv"), "{failed}");

    std::fs::write(at("mixed.csv"), format!("k\n{}text\n", "1\n".repeat(20_000))).unwrap();
    let error = file_error(files::table("f", at("mixed.csv")).unwrap(), "select sum(k) from f");
    assert!(error.contains("mixed.csv") && error.contains("text"), "{error}");
}

#[test]
fn a_file_without_rows_is_a_table_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = (folder.path().join("none.parquet"), folder.path().join("none.csv"));
    write_parquet(&parquet, &numbers().slice(0, 0));
    std::fs::write(&csv, "k,v,s\n").unwrap();
    for path in [parquet, csv] {
        let mut catalog = Catalog::new();
        catalog.add("f", files::table("f", &path).unwrap());
        let plan = plan(&Session::new(catalog), "select count(*) as n from f").unwrap();
        let answer = collect(&plan, &LocalExecutor::new(Arc::new(DataFusionKernels), 1)).unwrap();
        assert_eq!(rows(&answer.batches), [[ScalarValue::Int64(Some(0))]], "{path:?}");
    }
}
