//! Every form of patterns and right sides, over terms and over classes of equal nodes.

#[path = "common/classes.rs"]
mod classes;

use std::sync::Arc;

use arrow_schema::DataType;
use classes::Classes;
use leafhold::expr::{BinaryOp, CoreFunctions, Literal, ScalarOp};
use leafhold::rules::{Operator, Rule, RuleSet};
use leafhold::term::text::{Tables, parse_into, print_line};
use leafhold::term::{RelNode, Terms};

/// A rule of a pattern, of further clauses, and of a right side.
fn rule(pattern: &str, clauses: &str, right: &str) -> Arc<Rule> {
    let text = format!(
        ";; A law.\n(rule push-it (phase normalize) (keeps bag) (match {pattern}) {clauses} (replace {right}) (example \
         (before \"t\") (after \"t\")) (not \"t\"))"
    );
    let rules = RuleSet::parse(&[("patterns.rules", &text)]).unwrap_or_else(|errors| panic!("{errors}"));
    rules.rules()[0].clone()
}

/// The code of what is wrong with such a rule.
fn wrong(pattern: &str, clauses: &str, right: &str) -> String {
    let text = format!(
        ";; A law.\n(rule push-it (phase normalize) (keeps bag) (match {pattern}) {clauses} (replace {right}) (example \
         (before \"t\") (after \"t\")) (not \"t\"))"
    );
    let errors = RuleSet::parse(&[("patterns.rules", &text)]).unwrap_err();
    let codes: Vec<_> = errors.0.iter().map(|error| error.code()).collect();
    codes.join(" ")
}

/// What a rule makes of a term, in one application anywhere in it; the same is built over classes.
fn made(rule: &Rule, text: &str) -> Vec<String> {
    let mut terms = Terms::new(Arc::new(CoreFunctions));
    let term = parse_into(&mut terms, text, Tables::examples()).unwrap();
    let made = rule.rewrites(&mut terms, term);

    let (mut classes, root) = Classes::of(text);
    let mut built = 0;
    for class in 0..=root {
        let node = classes.nodes[class][0].clone();
        let matches = rule.matches(&classes, class, &node);
        built += matches.into_iter().filter(|found| rule.apply(&mut classes, class, found.clone()).is_some()).count();
    }
    assert_eq!(built, made.len(), "terms and classes see the same matches");
    made.iter().map(|term| print_line(&terms, *term)).collect()
}

#[test]
fn alternatives_stand_for_each_of_their_operators() {
    let rule = rule("({filter sort} _ (empty ?c))", "", "(empty ?c)");
    assert_eq!(rule.root_operators(), [Operator::Filter, Operator::Sort]);
    assert_eq!(made(&rule, "filter (a = 1) (empty [a])"), ["empty [a]"]);
    assert_eq!(made(&rule, "sort [a] (empty [a])"), ["empty [a]"]);
    assert!(made(&rule, "project [a] (empty [a])").is_empty());
}

#[test]
fn the_operator_found_goes_back_with_what_it_was_given() {
    let rule = rule("(distinct (?op:{filter sort window} ?what ?r))", "", "(?op ?what (distinct ?r))");
    assert_eq!(made(&rule, "distinct (filter (a = 1) t)"), ["filter (a = 1) (distinct t)"]);
    assert_eq!(made(&rule, "distinct (sort [a desc] t)"), ["sort [a desc] (distinct t)"]);
    assert!(made(&rule, "distinct (project [a] t)").is_empty());
    // What one operator was given is nothing that another one takes.
    assert_eq!(
        wrong("(distinct (?op:{filter sort} ?what ?r))", "", "(filter ?what (distinct (?op ?what ?r)))"),
        "R021"
    );
    assert_eq!(wrong("(?op:{filter sort} ?a (?or:{filter sort} ?b ?r))", "", "(?op ?b (?or ?a ?r))"), "R007 R007");
    assert_eq!(wrong("({filter sort} (..) ?r)", "", "?r"), "R007");
    assert_eq!(wrong("({filter limit} _ ?r)", "", "?r"), "R025");
    assert_eq!(wrong("({filter fitler} _ ?r)", "", "?r"), "R011");
    assert_eq!(wrong("(filter ?p ?r)", "", "(?p ?p ?r)"), "R021");
}

#[test]
fn nested_alternatives_match_every_node_of_a_class() {
    let rule = rule("(distinct (?op:{filter sort} ?what ?r))", "", "(?op ?what (distinct ?r))");
    let (mut classes, root) = Classes::of("distinct (filter (a = 1) (sort [a] t))");
    // The class of the filter learns that it commutes with the sort.
    let filter = classes.nodes[root][0].inputs[0];
    let sort = classes.nodes[filter][0].inputs[0];
    let (filter_op, sort_op) = (classes.nodes[filter][0].op, classes.nodes[sort][0].op);
    let table = classes.nodes[sort][0].inputs[0];
    let below = leafhold::rules::Plant::add(&mut classes, RelNode::new(filter_op, [table]));
    classes.nodes[filter].push(RelNode::new(sort_op, [below]));
    let node = classes.nodes[root][0].clone();
    let matches = rule.matches(&classes, root, &node);
    assert_eq!(matches.len(), 2);
    let mut operators = Vec::new();
    for found in matches {
        let built = rule.apply(&mut classes, root, found).unwrap();
        operators.push(Operator::of(classes.nodes[built][0].op));
    }
    assert_eq!(operators, [Operator::Filter, Operator::Sort]);
}

#[test]
fn kinds_without_a_name_are_kinds_all_the_same() {
    let rule = rule("(join {left semi} _ ?l _)", "", "?l");
    assert_eq!(made(&rule, "join semi (a = x) t u"), ["t"]);
    assert!(made(&rule, "join anti (a = x) t u").is_empty());
}

#[test]
fn classes_of_operators_bind_the_one_found() {
    let strip = rule("(filter [.. (is-true (?x ?cmp:comparison ?y)) ..] ?r)", "", "(filter [.. (?x ?cmp ?y) ..] ?r)");
    assert_eq!(made(&strip, "filter (and (is-true (a < 1)) (b = 2)) t"), ["filter (and (b = 2) (a < 1)) t"]);
    assert!(made(&strip, "filter (is-true (a is-distinct-from b)) t").is_empty());

    let some = rule("(filter [.. (?x ?op:{= <>} ?y) ..] ?r)", "", "(filter [.. (?y ?op ?x) ..] ?r)");
    assert_eq!(made(&some, "filter (a <> (b + 1)) t").len(), 0, "its own normal form is no rewrite");
    let twice = rule("(filter [.. (?x ?op:ordering ?y) .. (?y ?op ?z) ..] ?r)", "", "(filter [.. (?x ?op ?z) ..] ?r)");
    assert_eq!(made(&twice, "filter (and (a < b) (b < c)) t"), ["filter (a < c) t"]);
    assert!(made(&twice, "filter (and (a < b) (b <= c)) t").is_empty());
    let prefix =
        rule("(filter [.. (?op:{is-null is-not-null} (negate ?x)) ..] ?r)", "", "(filter [.. (?op ?x) ..] ?r)");
    assert_eq!(made(&prefix, "filter (is-not-null (negate a)) t"), ["filter (is-not-null a) t"]);

    assert_eq!(wrong("(filter [.. (?x ?op:comparisons ?y) ..] ?r)", "", "(filter [.. (?x ?op ?y) ..] ?r)"), "R014");
    assert_eq!(wrong("(filter [.. (?x ?op:comparison ?y) ..] ?r)", "", "(filter [.. (?x = ?y) ..] ?r)"), "R017");
    assert_eq!(wrong("(filter [.. (?x {= not} ?y) ..] ?r)", "", "(filter [.. ?x .. ?y ..] ?r)"), "R020");
    assert_eq!(wrong("(filter [.. (is-false ?x) ..] ?r)", "", "(filter [.. ?x ..] ?r)"), "R026");
    assert_eq!(wrong("(filter [.. (1 = ?x) ..] ?r)", "", "(filter [.. ?x ..] ?r)"), "R026");
}

#[test]
fn functions_compute_operators() {
    let rule = rule(
        "(filter [.. (is-null (?x ?cmp:comparison ?y)) ..] ?r)",
        "(let ?opposite (negated ?cmp)) (if (and (stable ?x) (not (constant ?x)) (or (safe ?x) (same-type ?x ?y))))",
        "(filter [.. (is-null (?x ?opposite ?y)) ..] ?r)",
    );
    assert_eq!(made(&rule, "filter (is-null (a < b)) t"), ["filter (is-null (a >= b)) t"]);
}

#[test]
fn any_operand_of_a_disjunction_matches() {
    let absorb = rule("(filter [.. (or [.. ?x ..]) .. ?x ..] ?r)", "", "(filter [.. ?x ..] ?r)");
    assert_eq!(
        made(&absorb, "filter (and (b = 2) (or (a = 1) (b = 2)) (c = 3)) t"),
        ["filter (and (b = 2) (c = 3)) t"]
    );
    assert!(made(&absorb, "filter (and (b = 2) (or (a = 1) (b = 3))) t").is_empty());

    let replace = rule("(filter [.. (or [.. (is-true ?x) ..]) ..] ?r)", "", "(filter [.. (or [.. ?x ..]) ..] ?r)");
    let made_of = |text| made(&replace, text);
    assert_eq!(made_of("filter (or (is-true (a = 1)) (b = 2)) t"), ["filter (or (a = 1) (b = 2)) t"]);
    assert_eq!(made_of("filter (or (is-true (a = 1)) (is-true (b = 2))) t").len(), 2, "each of them");

    let drop =
        rule("(filter [.. (or [.. (and [.. ?x ..]) .. ?x ..]) ..] ?r)", "", "(filter [.. (or [.. ?x ..]) ..] ?r)");
    assert_eq!(made(&drop, "filter (or (a = 1) (and (a = 1) (b = 2))) t"), ["filter (a = 1) t"]);
    assert_eq!(made(&drop, "filter (or (a = 1) (c = 3) (and (a = 1) (b = 2))) t"), ["filter (or (a = 1) (c = 3)) t"]);

    assert_eq!(wrong("(filter [.. (or ?x ?y) ..] ?r)", "", "(filter [.. ?x .. ?y ..] ?r)"), "R007");
    assert_eq!(wrong("(filter [.. (or [.. ?x ..]) ..] ?r)", "", "(filter [.. (and [.. ?x ..]) ..] ?r)"), "R024");
}

#[test]
fn two_conjuncts_are_two_different_ones() {
    let rule = rule("(filter [.. ?x .. ?y ..] ?r)", "(when (same-type ?x ?y))", "(filter [.. (or ?x ?y) ..] ?r)");
    // Each pair in both orders; the result is one.
    let made = made(&rule, "filter (and (a = 1) (b = 2)) t");
    assert_eq!(made, ["filter (or (a = 1) (b = 2)) t", "filter (or (a = 1) (b = 2)) t"]);
}

#[test]
fn constants_match_whatever_their_type() {
    let mut tables = Tables::examples().clone();
    tables.declare("d", [("p", "Decimal128(15, 2)".parse().unwrap(), true), ("s", "Utf8".parse().unwrap(), true)]);
    let fires = |constant: &str, column: &str, literal: Literal| {
        let rule = rule(&format!("(filter [.. (?x = {constant}) ..] ?r)"), "", "(filter [.. (is-not-null ?x) ..] ?r)");
        let mut terms = Terms::new(Arc::new(CoreFunctions));
        let input = parse_into(&mut terms, "join inner true t d", &tables).unwrap();
        let column = terms.column_named(column).unwrap();
        let sides = [terms.column_scalar(column), terms.literal(literal)];
        let condition = terms.scalar(ScalarOp::Binary(BinaryOp::Eq), sides);
        let term = terms.filter(input, [condition]);
        !rule.rewrites(&mut terms, term).is_empty()
    };
    let decimal = |unscaled| Literal::decimal(unscaled, 15, 2).unwrap();
    assert!(fires("1", "a", Literal::from(1i64)) && !fires("2", "a", Literal::from(1i64)));
    assert!(fires("1", "a", Literal::from(1i32)) && fires("1", "p", decimal(100)) && !fires("1", "p", decimal(101)));
    assert!(fires("0.5", "p", decimal(50)) && fires("0.5", "a", Literal::from(0.5)));
    assert!(!fires("0", "a", Literal::from(0.5)) && !fires("0.5", "a", Literal::from(0i64)));
    assert!(!fires("0.125", "p", decimal(13)), "rounding is no equality");
    assert!(fires("'x'", "s", Literal::from("x")) && !fires("'y'", "s", Literal::from("x")));
    assert!(!fires("1", "s", Literal::from("1")));
    assert!(fires("null", "a", Literal::null(&DataType::Int64)) && !fires("null", "a", Literal::from(0i64)));
    assert!(fires("true", "a", Literal::from(true)) && !fires("1", "a", Literal::from(true)));
}

#[test]
fn labels_name_scalars_and_lets_compute_them() {
    let named = rule(
        "(filter ?all:[.. ?one:((?x + 0) = ?y) ..] ?r)",
        "(let ?plain (?x = ?y)) (when (not (subset (uses ?one) (uses ?y))))",
        "(filter (conjoin ?all [.. ?plain ..]) ?r)",
    );
    assert_eq!(made(&named, "filter ((a + 0) = 1) t"), ["filter (and (a = 1) ((a + 0) = 1)) t"]);
    assert!(made(&named, "filter ((a + 0) = a) t").is_empty());
    assert_eq!(wrong("(filter [.. ?x:(is-null ?x) ..] ?r)", "", "(filter [.. ?x ..] ?r)"), "R019");
    assert_eq!(wrong("(filter ?p ?r)", "(let ?a (both ?b ?b)) (let ?b (uses ?a))", "(filter ?p ?r)"), "R019 R019");
}

#[test]
fn scalars_that_do_not_go_together_are_no_result() {
    let rule = rule("(filter [.. (?x = ?y) ..] ?r)", "", "(filter [.. ((?x + 'text') = ?y) ..] ?r)");
    assert!(made(&rule, "filter (a = 1) t").is_empty(), "there is no sum of a number and a text");
}
