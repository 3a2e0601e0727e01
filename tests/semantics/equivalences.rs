//! What counts as the same result.

use leafhold::expr::{RowOrder, Semantics};
use leafhold::term::ColumnId;
use leafhold::term::interpret::{Equivalence, EvalError, Relation, Verdict, preserves};

use crate::query::*;

#[test]
fn equivalences_differ_where_they_should() {
    let columns = |order: [u32; 2]| order.map(ColumnId).to_vec();
    let relation = |rows: Vec<[Option<i64>; 2]>| Relation::new(columns([0, 1]), ints(rows)).unwrap();
    let (one, two) = ([Some(1), None], [Some(2), Some(0)]);
    let base = relation(vec![one, two, two]);
    let all = relation(vec![one, one, two, two, two]);
    let semantics = Semantics::default();
    let same = |other: &Relation, equivalence| base.equivalent(other, equivalence, &semantics);

    let reordered = relation(vec![two, one, two]);
    assert!(same(&reordered, Equivalence::Bag));
    assert!(!same(&reordered, Equivalence::Ordered));
    let ordered = Semantics { order: RowOrder::Ordered, ..semantics };
    assert!(!base.equivalent(&reordered, Equivalence::Bag, &ordered));

    let thinner = relation(vec![one, two]);
    assert!(!same(&thinner, Equivalence::Bag));
    assert!(same(&thinner, Equivalence::Set));
    assert!(!same(&thinner, Equivalence::OneOf(&all)));

    assert!(same(&relation(vec![one, one, two]), Equivalence::OneOf(&all)));
    assert!(!same(&relation(vec![one, one, one]), Equivalence::OneOf(&all)));

    let swapped = Relation::new(columns([1, 0]), ints([[None, Some(1)], [Some(0), Some(2)], [Some(0), Some(2)]]));
    assert!(same(&swapped.unwrap(), Equivalence::Bag), "columns match by id");
}

#[test]
fn float_rounding_counts_only_where_sums_are_exact() {
    let relation = |value: f64| Relation::new(vec![ColumnId(0)], vec![vec![value.into()]]).unwrap();
    let (a, b) = (relation(0.1 + 0.2), relation(0.3));
    assert!(a.equivalent(&b, Equivalence::Bag, &Semantics::default()));
    assert!(!a.equivalent(&b, Equivalence::Bag, &Semantics::strict()));
    assert!(!a.equivalent(&relation(0.300_001), Equivalence::Bag, &Semantics::default()));
}

#[test]
fn a_rewrite_may_remove_an_error_and_only_under_relaxed_add_one() {
    let good = || Ok(Relation::default());
    let bad = || Err(EvalError::DivisionByZero { scalar: "1 / 0".into() });
    let unknown = || Err(EvalError::Unsupported { what: "a barrier".into() });
    let judge = |before, after, semantics| preserves(&before, &after, Equivalence::Bag, &semantics);
    assert_eq!(judge(bad(), good(), Semantics::strict()), Verdict::Same);
    assert_eq!(judge(good(), bad(), Semantics::strict()), Verdict::Different);
    assert_eq!(judge(good(), bad(), Semantics::default()), Verdict::Same);
    assert_eq!(judge(bad(), unknown(), Semantics::strict()), Verdict::Unknown);
}
