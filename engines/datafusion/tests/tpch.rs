//! What is promised of the generated tables before they exist, against the tables.

use leafhold::leaf::{ColumnStatistics, Leaf, collect_statistics};
use leafhold_datafusion::tpch::{self, TpchTable};

/// How far a promise may be off, as a factor; the sketch that counts has an error of its own.
const TOLERANCE: f64 = 1.06;

fn near(promised: Option<f64>, actual: Option<f64>) -> bool {
    match (promised, actual) {
        (Some(promised), Some(actual)) => promised <= actual * TOLERANCE && actual <= promised * TOLERANCE,
        _ => promised == actual,
    }
}

/// Ends of a range may be off by a share of its width.
fn near_range(promised: &ColumnStatistics, actual: &ColumnStatistics) -> bool {
    match (promised.min, promised.max, actual.min, actual.max) {
        (Some(low), Some(high), Some(least), Some(most)) => {
            let slack = (high - low).max(1.0) * 0.15;
            (low - least).abs() <= slack && (high - most).abs() <= slack
        }
        (low, high, least, most) => (low, high) == (least, most),
    }
}

fn compare(scale: f64) {
    let mut wrong = Vec::new();
    for (name, leaf) in tpch::tables(scale, 3).unwrap() {
        let table = TpchTable::from_name(name).unwrap();
        let parts: Vec<_> = leaf.futures().iter().map(|future| future.wait().unwrap()).collect();
        let batches: Vec<_> = parts.iter().flat_map(|part| part.iter()).collect();
        assert!(batches.iter().all(|batch| batch.schema() == table.schema()), "{name}: {:?}", batches[0].schema());
        let actual = collect_statistics(&table.schema(), batches.into_iter());
        let promised = leaf.statistics();
        if !near(promised.rows, actual.rows) {
            wrong.push(format!("{name}: {:?} rows promised, {:?} there", promised.rows, actual.rows));
        }
        for (field, (promised, actual)) in
            table.schema().fields().iter().zip(promised.columns.iter().zip(&actual.columns))
        {
            if !near(promised.distinct, actual.distinct) || !near_range(promised, actual) {
                wrong.push(format!("{}: {promised:?} promised, {actual:?} there", field.name()));
            }
            assert_eq!(promised.null_fraction, actual.null_fraction, "{}", field.name());
        }
    }
    assert!(wrong.is_empty(), "scale factor {scale}:\n{}", wrong.join("\n"));
}

#[test]
fn promised_statistics_are_those_of_the_data() {
    compare(0.01);
}

#[test]
fn promised_statistics_hold_at_another_scale() {
    compare(0.1);
}

#[test]
fn nation_and_region_are_one_partition() {
    let partitions = |name| tpch::table(name, 0.001, 4).map(|leaf: Leaf| leaf.partitions());
    assert_eq!((partitions("nation"), partitions("region")), (Ok(1), Ok(1)));
    assert_eq!(partitions("lineitem"), Ok(4));
}

#[test]
fn sizes_that_are_none_are_refused() {
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let error = tpch::table("part", scale, 4).unwrap_err().to_string();
        assert!(error.starts_with("scale factor") && error.contains("greater than 0"), "{error}");
    }
    assert!(tpch::table("part", 0.01, 0).is_err());
    let error = tpch::table("parts", 0.01, 4).unwrap_err().to_string();
    assert!(error.contains("no table `parts`") && error.contains("part, supplier"), "{error}");
}
