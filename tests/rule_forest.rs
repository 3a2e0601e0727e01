//! One pattern program over classes of equal nodes, and functions of an embedder's own.

#[path = "common/classes.rs"]
mod classes;

use classes::Classes;
use leafhold::expr::JoinKind;
use leafhold::rules::{Body, Function, Given, Operator, Registry, RuleSet, Sort};
use leafhold::term::{RelNode, RelOp};

#[test]
fn a_pattern_matches_every_node_of_a_class() {
    let (mut classes, root) = Classes::of("join semi (a = d) (join inner (a = x) t u) v");
    let rules = RuleSet::builtin();
    let (left, right) =
        (rules.get("push-semi-join-into-left").unwrap(), rules.get("push-semi-join-into-right").unwrap());
    assert_eq!(left.root_operators(), [Operator::Join]);

    // The class of the inner join learns that it commutes.
    let inner = classes.nodes[root][0].inputs[0];
    let RelNode { op, inputs } = classes.nodes[inner][0].clone();
    classes.nodes[inner].push(RelNode::new(op, [inputs[1], inputs[0]]));

    let node = classes.nodes[root][0].clone();
    for (rule, semi_side) in [(left, 0), (right, 1)] {
        let matches = rule.matches(&classes, root, &node);
        assert_eq!(matches.len(), 2, "one per node of the class");
        let built: Vec<usize> =
            matches.into_iter().filter_map(|bindings| rule.apply(&mut classes, root, bindings)).collect();
        // Only the side that has `a` can be reduced.
        assert_eq!(built.len(), 1);
        let made = classes.nodes[built[0]][0].clone();
        assert!(matches!(made.op, RelOp::Join(JoinKind::Inner, _)));
        let semi = &classes.nodes[made.inputs[semi_side]][0];
        assert!(matches!(semi.op, RelOp::Join(JoinKind::Semi, _)));
    }
}

#[test]
fn a_filter_without_conjuncts_is_not_planted() {
    let (mut classes, root) = Classes::of("filter (a = 1) (join left (a = x) t u)");
    let rules = RuleSet::builtin();
    let rule = rules.get("push-filter-into-preserved-side").unwrap();
    let node = classes.nodes[root][0].clone();
    let bindings = rule.matches(&classes, root, &node).remove(0);
    let built = rule.apply(&mut classes, root, bindings).unwrap();
    assert!(matches!(classes.nodes[built][0].op, RelOp::Join(JoinKind::Left, _)));
}

#[test]
fn an_embedder_adds_functions() {
    let text = r#"
;; At most one row has no order. (An embedder's own way to ask.)
(rule eliminate-sort-of-a-single
  (phase normalize)
  (keeps ordered)
  (match   (sort _ ?r))
  (if      (single-row ?r))
  (replace ?r)
  (example
    (before "sort [a] (limit 1 t)")
    (after  "limit 1 t"))
  (not "sort [a] t"))
"#;
    let files = [("own.rules", text)];
    let error = RuleSet::parse(&files).unwrap_err().to_string();
    assert!(error.contains("no function `single-row`"), "{error}");

    let registry = Registry::core().with([Function {
        name: "single-row",
        args: &[Sort::Rel],
        gives: Sort::Bool,
        doc: "Whether a relation has at most one row.",
        body: Body::Fact(|_, args| Some(Given::Bool(args.rel(0)?.max_rows.is_some_and(|rows| rows <= 1)))),
    }]);
    let rules = RuleSet::parse_with(&files, &registry).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(rules.rules()[0].check_examples(), []);
}
