//! The same key with: the same spec, another spec, another output, changed dependencies.

use leafhold::expr::{Frame, col, lit};
use leafhold::leaf::FutureHandle;
use leafhold::run::{PersistOptions, Persisted, RunWarning, persist};

use crate::engine::{Source, executor, frame, numbers, planner, rows};
use crate::persisted::futures;

fn persisted(frame: &Frame, name: &str) -> Persisted {
    let options = PersistOptions { name: Some(name.to_owned()), ..PersistOptions::default() };
    persist(frame, &planner(frame), &executor(), options).unwrap()
}

fn keys(frame: &Frame) -> Vec<String> {
    futures(frame).iter().map(|future| future.key().to_owned()).collect()
}

/// Asserts that `other` under a name that `first` has gets its own key, its own rows, and a warning.
fn collide(name: &str, first: &Frame, other: &Frame, path: &str) -> (String, String) {
    let one = persisted(first, name);
    let two = persisted(other, name);
    assert!(one.warnings.is_empty() && one.run.wait().unwrap().warnings.is_empty());
    assert_eq!(keys(&one.frame)[0], format!("{name}-0"));
    let own = format!("{name}-{}", other.token());
    assert_eq!(keys(&two.frame)[0], format!("{own}-0"));
    assert_eq!(rows(&one.frame), rows(first));
    assert_eq!(rows(&two.frame), rows(other));
    let report = two.run.wait().unwrap();
    assert_eq!(report.warnings, two.warnings);
    assert!(
        report.to_text().contains(&format!("warning: the name {name:?} belongs to another")),
        "{}",
        report.to_text()
    );
    match &report.warnings[..] {
        [RunWarning::KeyCollision { name: named, own: called, path: at, existing, requested }] => {
            assert_eq!((named.as_str(), called, at.as_str()), (name, &own, path));
            (existing.clone(), requested.clone())
        }
        other => panic!("one warning, not {other:?}"),
    }
}

#[test]
fn collision_same_spec_is_reused() {
    let source = Source::rows("k", &numbers(0..3));
    let make = || frame([&source]).filter(col("a").gt(lit(0i64))).unwrap();
    let (one, two) = (persisted(&make(), "same"), persisted(&make(), "same"));
    assert_eq!(futures(&one.frame), futures(&two.frame));
    assert_eq!(one.frame.token(), two.frame.token());
    assert!(two.warnings.is_empty() && std::sync::Arc::ptr_eq(&one.run, &two.run));
    // Once it is dead, it is made anew, under the same key.
    let before: Vec<_> = futures(&one.frame).iter().map(FutureHandle::generation).collect();
    drop((one, two));
    let three = persisted(&make(), "same");
    assert_eq!(keys(&three.frame), ["same-0"]);
    assert_ne!(futures(&three.frame).iter().map(FutureHandle::generation).collect::<Vec<_>>(), before);
}

#[test]
fn collision_other_spec_of_the_same_output() {
    let table = frame(&[Source::rows("k", &numbers(0..3))]);
    let first = table.clone().filter(col("a").gt(lit(0i64))).unwrap().limit(0, 10);
    let other = table.filter(col("b").gt(lit(0i64))).unwrap().limit(0, 10);
    assert_eq!(rows(&first), rows(&other));
    let texts = collide("same-output", &first, &other, "limit.filter");
    assert_eq!(texts, ("filter (a > 0)".to_owned(), "filter (b > 0)".to_owned()));
}

#[test]
fn collision_other_spec_of_another_output() {
    let table = frame(&[Source::rows("k", &numbers(0..3))]);
    let first = table.clone().filter(col("a").gt(lit(0i64))).unwrap();
    let other = table.project([("a", col("a")), ("c", col("b"))]).unwrap();
    let (existing, requested) = collide("other-output", &first, &other, "filter");
    assert_eq!((existing.as_str(), requested.as_str()), ("filter (a > 0)", "project [a := a, c := b]"));
}

#[test]
fn collision_changed_dependencies() {
    let (left, right) = (Source::rows("left", &numbers(0..3)), Source::rows("right", &numbers(0..2)));
    // The key comes again, with other data.
    let changed = Source::rows("right", &numbers(5..9));
    let make = |right: &std::sync::Arc<Source>| frame([&left]).union(&frame([&left, right]).limit(0, 9)).unwrap();
    let path = "union[1].limit.from_delayed[1]";
    let (existing, requested) = collide("dependencies", &make(&right), &make(&changed), path);
    assert!(
        existing.starts_with("future \"right\" of generation ") && existing != requested,
        "{existing}, {requested}"
    );
}

#[test]
fn collision_other_partitions_are_another_spec() {
    let frame = frame(&[Source::rows("k", &numbers(0..3))]);
    let options = || PersistOptions { name: Some("partitions".to_owned()), ..PersistOptions::default() };
    let _one = persist(&frame, &planner(&frame), &executor(), options()).unwrap();
    let two = persist(&frame, &planner(&frame).with_target_partitions(9), &executor(), options()).unwrap();
    assert_eq!(
        two.warnings[0].to_string().split(": ").nth(1).unwrap(),
        "at the planner that one has 4 partitions, this one 9 partitions; this one's outputs are called \
         \"partitions-"
            .to_owned()
            + &format!("{}\"", frame.token())
    );
}

#[test]
fn collision_is_impossible_between_keys_that_leafhold_makes() {
    let table = frame(&[Source::rows("k", &numbers(0..3))]);
    let persist = |frame: &Frame| persist(frame, &planner(frame), &executor(), PersistOptions::default()).unwrap();
    let one = persist(&table.clone().limit(0, 1));
    let two = persist(&table.limit(0, 2));
    assert!(one.warnings.is_empty() && two.warnings.is_empty());
    assert_ne!(keys(&one.frame), keys(&two.frame));
}
