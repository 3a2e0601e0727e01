//! `leafhold why`, `why-not`, `rules stats` and `diff`.

use crate::process::{TempFile, leafhold};
use serde_json::Value;

const QUERY: [&str; 4] = ["-c", "select o_orderkey from orders where o_totalprice > 1 limit 3", "--tpch", "0.001"];

fn asked(args: &[&str]) -> crate::process::Said {
    leafhold(&[args, &QUERY].concat())
}

#[test]
fn why_shows_steps_choices_and_the_plan() {
    let text = leafhold(&["why", "tpch/q05", "--tpch", "0.01"]).ok().out;
    for part in ["; plan ", "\nwritten\n", "order-joins", "\nchoices\n", "\nplan\n"] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    let json: Value = serde_json::from_str(&asked(&["why", "--json", "--replay"]).ok().out).unwrap();
    assert!(json["replay"]["blamed"].is_null() && json["steps"].is_array(), "{json}");
}

#[test]
fn why_begins_with_the_subqueries_of_the_written_query() {
    let text = leafhold(&["why", "tpch/q04", "--tpch", "0.01", "--replay"]).ok().out;
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part:?} in:\n{text}"));
    assert!(place("\nwritten\n") < place("EXISTS"), "{text}");
    assert!(place("EXISTS") < place("apply-subqueries  (front end)"), "{text}");
    assert!(
        place("(front end)") < place("\ngiven to the planner\n") && place("\nplan\n") < place("not replayed"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&leafhold(&["why", "tpch/q04", "--json"]).ok().out).unwrap();
    assert_eq!(json["front_end"].as_array().unwrap().last().unwrap()["by"], "apply-subqueries");
}

#[test]
fn a_wrong_rule_is_blamed() {
    let wrong = TempFile::new(
        "wrong.rules",
        ";; Wrong on purpose: rows that the limit would have cut pass it.\n(rule push-limit-below-filter\n  \
         (phase normalize)\n  (keeps bag)\n  (match   (limit ?o ?f (filter ?p ?r)))\n  \
         (replace (filter ?p (limit ?o ?f ?r)))\n  (example\n    (before \"limit 3 (filter (a = 1) t)\")\n    \
         (after  \"filter (a = 1) (limit 3 t)\"))\n  (not \"limit 3 t\"))\n",
    );
    let folder = wrong.0.parent().unwrap().to_str().unwrap();
    let table = TempFile::new("t.csv", "a,b\n1,2\n");
    let table = format!("t={}", table.path());
    let query = ["why", "-c", "select b from t where a > 0 limit 1", "--table", &table, "--replay"];
    let said = leafhold(&[&query[..], &["--rules", folder]].concat());
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("counterexample"), "{}", said.out);
    assert!(said.err.contains("`push-limit-below-filter` changes the result"), "{}", said.err);
    leafhold(&query).ok();
}

#[test]
fn why_not_names_the_guard_the_node_or_the_cost() {
    let text = asked(&["why-not", "prune-never-true-filter"]).ok().out;
    assert!(text.contains("guard 1 says no") && text.contains("(never (o_totalprice > "), "{text}");
    let json: Value = serde_json::from_str(&asked(&["why-not", "merge-unions", "--json"]).ok().out).unwrap();
    assert_eq!(json["verdict"], "no-operator");
    let disabled = asked(&["why-not", "merge-unions", "--disable-rule", "merge-unions"]).ok().out;
    assert!(disabled.contains("it is disabled"), "{disabled}");
    asked(&["why-not", "merge-onions"]).fails(2, &["no rule `merge-onions`; did you mean `merge-unions`?"]);
}

#[test]
fn stats_take_several_queries() {
    let text = leafhold(&["rules", "stats", "tpch/q03", "tpch/q05", "--tpch", "0.001"]).ok().out;
    assert!(text.starts_with("; 2 queries  ") && text.contains("implement-read"), "{text}");
    let args = ["rules", "stats", "tpch", "--tpch", "0.001", "--json"];
    let json: Value = serde_json::from_str(&leafhold(&args).ok().out).unwrap();
    assert_eq!(json["queries"], 22);
    leafhold(&["rules", "stats", "tpch/q99"]).fails(2, &["no query `tpch/q99`"]);
    leafhold(&["rules", "stats"]).fails(2, &["error: "]);
}

#[test]
fn a_diff_counts_what_changed() {
    let same = leafhold(&["diff", "shipped", "shipped", "--tpch", "0.001"]).ok().out;
    assert_eq!(same, "plan diff over TPC-H: 0 changed\n");
    let plan = |args: &[&str]| {
        let args = [&["explain", "tpch/q13", "--tpch", "0.001", "--format", "json"], args].concat();
        leafhold(&args).ok().out
    };
    let all = TempFile::new("all.json", plan(&[]));
    let fewer = TempFile::new("fewer.json", plan(&["--disable-rule", "push-join-condition-into-right"]));
    let text = leafhold(&["diff", all.path(), fewer.path()]).ok().out;
    assert!(text.starts_with("plan diff over 1 plan: 1 changed, 1 costlier\n"), "{text}");
    let json: Value = serde_json::from_str(&leafhold(&["diff", all.path(), fewer.path(), "--json"]).ok().out).unwrap();
    let gone = json["changes"][0]["gone"].as_array().unwrap();
    assert!(gone.iter().any(|rule| rule == "push-join-condition-into-right"), "{gone:?}");
    leafhold(&["diff", "shipped", "nowhere"]).fails(1, &["nowhere"]);
    let wrong = TempFile::new("wrong.json", "{}");
    leafhold(&["diff", all.path(), wrong.path()]).fails(1, &["wrong.json", "`token` is missing"]);
}
