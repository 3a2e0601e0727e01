//! Results that lie as somebody wished.

use std::sync::Arc;

use leafhold::explain::PlanText;
use leafhold::expr::wire::{NoCodec, ReadContext};
use leafhold::expr::{CoreFunctions, Frame, Repartitioning, col};
use leafhold::lower::lower;
use leafhold::optimize::{Plan, Planner, ResultPartitions};
use leafhold::run::{Executor, LocalExecutor};
use proptest::prelude::*;

use crate::kernels::{Row, RowKernels, rows_of};
use crate::plans::{Builder, batch, numbers, two_columns};

fn run(plan: &Plan) -> Vec<Vec<Row>> {
    let run = LocalExecutor::new(Arc::new(RowKernels::default()), 2).submit(lower(plan).unwrap());
    run.wait().unwrap().partitions.iter().map(|data| rows_of(data)).collect()
}

fn plan(partitions: &[Vec<Row>], sorted: bool, hashed: &[usize], count: usize) -> Plan {
    let mut builder = Builder::default();
    let mut node = builder.values(partitions);
    if sorted {
        node = builder.sorted(&node, None);
    }
    Plan { result: Some(ResultPartitions { hashed: hashed.to_vec(), count }), ..builder.plan(&node) }
}

#[test]
fn the_outermost_wish_is_heeded() {
    let batches = vec![batch(&numbers(0..5)), batch(&numbers(5..6))];
    let frame = Frame::from_batches("t", two_columns(), batches).unwrap();
    let planned = |to| {
        let frame = frame.clone().filter(col("a").gt(col("b"))).unwrap().repartition(to).unwrap();
        Planner::new(frame.functions().clone()).plan(frame.expr()).unwrap()
    };
    let plan = planned(Repartitioning::Hash(vec!["b".into()], 3));
    assert_eq!(plan.result, Some(ResultPartitions { hashed: vec![1], count: 3 }));
    assert!(PlanText::new(&plan).body().to_string().starts_with("; the result hashed(b) over 3 partitions\nfilter "));
    let document = plan.to_json(&NoCodec).unwrap();
    assert_eq!(Plan::from_json(&document, &ReadContext::new(&CoreFunctions)).unwrap().result, plan.result);
    let plan = planned(Repartitioning::RoundRobin(5));
    assert!(PlanText::new(&plan).body().to_string().starts_with("; the result evenly over 5 partitions\n"));
    assert_eq!(lower(&plan).unwrap().outputs.len(), 5);
}

#[test]
fn a_result_is_divided_gathered_or_hashed() {
    let rows = |parts: &[std::ops::Range<i64>]| parts.iter().cloned().map(numbers).collect::<Vec<_>>();
    assert_eq!(run(&plan(&[numbers(0..7)], false, &[], 3)), rows(&[0..2, 2..4, 4..7]));
    assert_eq!(run(&plan(&rows(&[0..1, 1..3, 3..4, 4..6, 6..9]), false, &[], 2)), rows(&[0..3, 3..9]));
    assert_eq!(run(&plan(&rows(&[0..2, 2..4]), false, &[], 2)), rows(&[0..2, 2..4]));
    assert_eq!(run(&plan(&rows(&[0..2, 2..4]), false, &[0], 1)), [numbers(0..4)]);
    let hashed = run(&plan(&rows(&[0..9, 0..9]), false, &[0], 4));
    assert_eq!(hashed.len(), 4);
    for (at, part) in hashed.iter().enumerate() {
        let elsewhere = |row: &Row| hashed.iter().enumerate().any(|(other, rows)| other != at && rows.contains(row));
        assert!(!part.iter().any(elsewhere), "equal rows are together");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_wish_changes_no_row(
        sizes in prop::collection::vec(0..9i64, 1..6),
        sorted in any::<bool>(),
        hashed in any::<bool>(),
        count in 1..8usize,
    ) {
        let partitions: Vec<_> = sizes.iter().map(|size| numbers(0..*size)).collect();
        let found = run(&plan(&partitions, sorted, if hashed { &[0] } else { &[] }, count));
        prop_assert_eq!(found.len(), count);
        let total: usize = found.iter().map(Vec::len).sum();
        if !hashed && count > partitions.len() {
            let most = total / count + partitions.len();
            prop_assert!(found.iter().all(|part| part.len() <= most), "evenly");
        }
        let (mut found, mut expected) = (found.concat(), partitions.concat());
        expected.sort();
        if !sorted || hashed {
            found.sort();
        }
        prop_assert_eq!(found, expected);
    }
}
