//! L5, never silent.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use leafhold::leaf::{Fault, FutureErrorKind, FutureValue};
use leafhold::lower::lower;
use leafhold::run::{Executor, TaskState};

use crate::engine::{Source, batch, error, executor, frame, frame_of, leaf, numbers, planner, rows};

const KINDS: [(FutureErrorKind, &str); 3] = [
    (FutureErrorKind::Failed, "failed"),
    (FutureErrorKind::Cancelled, "was cancelled"),
    (FutureErrorKind::Lost, "was lost"),
];

#[test]
fn law_l5_data_that_go_before_or_after_planning_or_during_the_run_fail_it() {
    for (kind, verb) in KINDS {
        for moment in ["before planning", "before running", "while running"] {
            let (bad, good) = (Source::pending("bad"), Source::rows("good", &numbers(0..2)));
            let frame = frame([&good, &bad]).sort([leafhold::expr::col("a").asc()]).unwrap();
            let lose = || match moment {
                "while running" => bad.fail(Fault { kind, message: "the engine's own words".to_owned() }),
                _ => {
                    bad.finish(FutureValue::table(vec![batch(&numbers(2..4))]));
                    bad.lose(kind);
                }
            };
            if moment == "before planning" {
                lose();
            }
            let plan = planner(&frame).plan(frame.expr()).unwrap();
            if moment == "before running" {
                lose();
            }
            let run = executor().submit(lower(&plan).unwrap());
            if moment == "while running" {
                lose();
            }
            let error = run.wait().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("leaf `t`, partition 1: future \"bad\" of engine counting {verb}: the engine's own words")
            );
            let states: Vec<_> = error.report.tasks.iter().map(|event| event.state).collect();
            let own = if kind == FutureErrorKind::Lost { TaskState::Lost } else { TaskState::Failed };
            assert_eq!(states.len(), 3, "the report is there");
            assert_eq!(states[1..], [own, TaskState::UpstreamFailed], "no dependent task starts");
            // The other handles are as good as before.
            assert_eq!((good.releases(), bad.releases()), (0, 0));
            assert_eq!(rows(&crate::engine::frame([&good])), numbers(0..2));
            drop((frame, plan));
            assert_eq!((good.releases(), bad.releases()), (1, 1));
        }
    }
}

fn other_schema() -> RecordBatch {
    let b: ArrayRef = Arc::new(Int32Array::from(vec![70, 80]));
    let a: ArrayRef = Arc::new(StringArray::from(vec!["7", "8"]));
    RecordBatch::try_from_iter([("b", b), ("a", a)]).unwrap()
}

#[test]
fn law_l5_a_partition_of_another_schema_is_named_or_cast_on_request() {
    let source = Source::value("odd", FutureValue::table(vec![other_schema()]));
    let sources = [Source::rows("even", &numbers(0..1)), source];
    assert_eq!(
        error(&frame(&sources)).to_string(),
        "leaf `t`, partition 1, future \"odd\": column 0 is named `b`, but the leaf promised `a`"
    );
    let cast = frame_of(leaf(&sources).with_cast(true));
    assert_eq!(rows(&cast), [numbers(0..1), numbers(7..9)].concat());
    assert_ne!(cast.token(), frame(&sources).token(), "it is another leaf");
}

#[test]
fn law_l5_what_does_not_cast_says_so() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["seven"]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let cases: [(Vec<(&str, ArrayRef)>, &str); 3] = [
        (
            vec![("a", text), ("b", number.clone())],
            "column `a` of type Utf8 does not cast (Cast error: Cannot cast string 'seven' to value of Int64 type), \
             but the leaf promised Int64",
        ),
        (
            vec![("a", number.clone()), ("c", number.clone())],
            "the data has a column `c`, but the leaf promised none of that name",
        ),
        (vec![("a", number)], "the data has 1 columns, but the leaf promised 2"),
    ];
    for (columns, message) in cases {
        let data = RecordBatch::try_from_iter(columns).unwrap();
        let source = Source::value("odd", FutureValue::table(vec![data]));
        let error = error(&frame_of(leaf(&[source]).with_cast(true)));
        assert_eq!(error.to_string(), format!("leaf `t`, partition 0, future \"odd\": {message}"));
    }
}
