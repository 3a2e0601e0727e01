//! The notation of terms reads what it prints, and what rules make of arbitrary terms means the same.

use std::sync::{Arc, LazyLock};

use arrow_schema::DataType;
use leafhold::expr::CoreFunctions;
use leafhold::optimize::Planner;
use leafhold::rules::{ExampleFunctions, Keeps, Phase, RuleSet};
use leafhold::term::text::{Tables, parse, print, print_line};
use leafhold::term::{TermId, Terms};
use leafhold::verify::same_results;
use proptest::prelude::*;

/// Writes a term as text, steered by bytes: fewer bytes, smaller term.
struct Writer<'a> {
    bytes: std::slice::Iter<'a, u8>,
    readings: [usize; 3],
    /// Readings of the table with a list.
    lists: usize,
    made: usize,
    /// Whether to write operators whose result depends on the order of rows.
    limits: bool,
}

impl Writer<'_> {
    fn choose(&mut self, among: usize) -> usize {
        self.bytes.next().map_or(0, |byte| usize::from(*byte) % among)
    }

    fn pick(&mut self, columns: &[String]) -> String {
        let at = self.choose(columns.len().max(1));
        columns.get(at).cloned().unwrap_or_else(|| "1".to_owned())
    }

    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("k{}", self.made)
    }

    fn scalar(&mut self, columns: &[String]) -> String {
        match self.choose(6) {
            5 => self.simplifiable(columns),
            0 | 1 => self.pick(columns),
            2 => ["0", "1", "-1", "(cast null Int64)"][self.choose(4)].to_owned(),
            3 => format!("({} {} {})", self.pick(columns), ["+", "-", "*"][self.choose(3)], self.pick(columns)),
            _ => format!("(case (is-null {}) 0 {})", self.pick(columns), self.pick(columns)),
        }
    }

    fn condition(&mut self, columns: &[String]) -> String {
        match self.choose(8) {
            7 => self.simplifiable_condition(columns),
            0 | 1 => format!("({} = {})", self.pick(columns), self.scalar(columns)),
            2 => format!("({} {} {})", self.scalar(columns), ["<", "<=", "<>"][self.choose(3)], self.scalar(columns)),
            3 => format!("({} {})", ["is-null", "is-not-null"][self.choose(2)], self.pick(columns)),
            4 => format!("(and {} {})", self.condition(columns), self.condition(columns)),
            5 => format!("(or {} {})", self.condition(columns), self.condition(columns)),
            _ => ["true", "false", "null"][self.choose(3)].to_owned(),
        }
    }

    /// What rules of scalars are there for.
    fn simplifiable(&mut self, columns: &[String]) -> String {
        let (one, other) = (self.pick(columns), self.pick(columns));
        match self.choose(6) {
            0 => format!("(cast {one} Int64)"),
            1 => format!("(case (is-null {one}) {other} {other})"),
            2 => format!("(case true {one} {other})"),
            3 => "(checked (cast null Int64))".to_owned(),
            4 => format!("(coalesce 1 {one})"),
            _ => format!("(coalesce {one} {other})"),
        }
    }

    fn simplifiable_condition(&mut self, columns: &[String]) -> String {
        let (one, other) = (self.pick(columns), self.pick(columns));
        match self.choose(9) {
            0 => format!("(in {one} 1)"),
            1 => format!("(not-in {one} {other})"),
            2 => format!("(in {one})"),
            3 => format!("(not-in {one})"),
            4 => format!("(is-true (is-null {one}))"),
            5 => format!("(like (case (is-null {one}) 'a' 'b') '%')"),
            6 => format!("(like (cast {one} Utf8) '1')"),
            7 => format!("(case ({one} = {other}) true false)"),
            _ => format!("((cast (cast (cast {one} Int32) Int64) Float64) = 1.0)"),
        }
    }

    fn table(&mut self) -> (String, Vec<String>) {
        let at = self.choose(3);
        self.readings[at] += 1;
        let copy = self.readings[at];
        let suffix = if copy == 1 { String::new() } else { format!(":{copy}") };
        let columns = [["a", "b", "c"], ["x", "y", "z"], ["d", "e", "f"]][at];
        (["t", "u", "v"][at].to_owned(), columns.map(|column| format!("{column}{suffix}")).to_vec())
    }

    fn aggregate(&mut self, columns: &[String]) -> String {
        let name = self.fresh();
        let call = match self.choose(6) {
            0 => "(count)".to_owned(),
            1 => format!("(count {})", self.scalar(columns)),
            2 => format!("(min {})", self.pick(columns)),
            3 => format!("(sum distinct {})", self.pick(columns)),
            4 => format!("(count {} where {})", self.pick(columns), self.condition(columns)),
            _ => format!("(sum {})", self.scalar(columns)),
        };
        format!("{name} := {call}")
    }

    fn unnest(&mut self) -> (String, Vec<String>) {
        self.lists += 1;
        let suffix = if self.lists == 1 { String::new() } else { format!(":{}", self.lists) };
        let name = self.fresh();
        let nulls = ["preserve-nulls", "drop-nulls"][self.choose(2)];
        (format!("unnest [{name} := l{suffix}] {nulls} w{suffix}"), vec![format!("k{suffix}"), name])
    }

    fn relation(&mut self, depth: usize) -> (String, Vec<String>) {
        if depth == 0 || self.bytes.len() == 0 {
            return self.table();
        }
        let kinds = if self.limits { 11 } else { 9 };
        match self.choose(kinds) {
            0 => self.table(),
            1 | 2 => {
                let (input, columns) = self.relation(depth - 1);
                (format!("filter {} ({input})", self.condition(&columns)), columns)
            }
            3 | 4 => {
                let kinds = ["left", "inner", "semi", "anti", "right", "full", "null-aware-anti"];
                let kind = kinds[self.choose(kinds.len())];
                let (left, mut columns) = self.relation(depth - 1);
                let (right, more) = self.relation(depth - 1);
                let both: Vec<_> = columns.iter().chain(&more).cloned().collect();
                let on = match self.choose(3) {
                    0 => self.condition(&both),
                    1 => format!("(and ({} = {}) {})", self.pick(&columns), self.pick(&more), self.condition(&both)),
                    _ => format!("({} = {})", self.pick(&columns), self.pick(&more)),
                };
                if matches!(kind, "left" | "inner" | "right" | "full") {
                    columns.extend(more);
                }
                (format!("join {kind} {on} ({left}) ({right})"), columns)
            }
            5 => {
                let (left, mut columns) = self.relation(depth - 1);
                let (right, more) = self.relation(depth - 1);
                columns.extend(more);
                (format!("join-set {} [({left}) ({right})]", self.condition(&columns)), columns)
            }
            6 => {
                let (input, columns) = self.relation(depth - 1);
                let name = self.fresh();
                let kept = self.pick(&columns);
                (format!("project [{kept} {name} := {}] ({input})", self.scalar(&columns)), vec![kept, name])
            }
            7 => {
                let (input, columns) = self.relation(depth - 1);
                let group = if self.choose(4) == 0 { Vec::new() } else { vec![self.pick(&columns)] };
                let call = self.aggregate(&columns);
                let made = call.split(' ').next().unwrap_or_default().to_owned();
                let text = format!("aggregate [{}] [{call}] ({input})", group.join(" "));
                (text, group.into_iter().chain([made]).collect())
            }
            8 => match self.choose(12) {
                7 | 8 => {
                    let (input, mut columns) = self.relation(depth - 1);
                    let name = self.fresh();
                    // Of rows that tie, none is told from the others.
                    let call = [
                        "(rank)",
                        "(dense-rank)",
                        "(percent-rank)",
                        "(count)",
                        "(sum C over (groups 1-preceding current-row))",
                    ];
                    let call = call[self.choose(5)].replace('C', &self.pick(&columns));
                    let (key, order) = (self.pick(&columns), self.pick(&columns));
                    if !call.contains("rank") && !call.contains("count") {
                        columns.push(name.clone());
                    }
                    (format!("window [{key}] [{order} desc] [{name} := {call}] ({input})"), columns)
                }
                9 => {
                    let (left, columns) = self.relation(depth - 1);
                    let (right, more) = self.relation(depth - 1);
                    let both: Vec<_> = columns.iter().chain(&more).cloned().collect();
                    let name = self.fresh();
                    (format!("mark-join {name} {} ({left}) ({right})", self.condition(&both)), columns)
                }
                10 => {
                    let (left, columns) = self.relation(depth - 1);
                    let (right, more) = self.relation(depth - 1);
                    let both: Vec<_> = columns.iter().chain(&more).cloned().collect();
                    let kind = ["semi", "anti"][self.choose(2)];
                    let text = format!("apply {kind} true ({left}) (filter {} ({right}))", self.condition(&both));
                    (text, columns)
                }
                11 => self.unnest(),
                3 => {
                    let (input, columns) = self.relation(depth - 1);
                    (format!("project [{}] ({input})", columns.join(" ")), columns)
                }
                4 => {
                    let (input, columns) = self.relation(depth - 1);
                    let name = self.fresh();
                    (format!("union [{name} := [{}]] [({input})]", self.pick(&columns)), vec![name])
                }
                0 => {
                    let (input, columns) = self.relation(depth - 1);
                    (format!("distinct ({input})"), columns)
                }
                1 | 5 | 6 => {
                    let (input, columns) = self.relation(depth - 1);
                    (format!("sort [{} desc] ({input})", self.pick(&columns)), columns)
                }
                _ => {
                    let (left, columns) = self.relation(depth - 1);
                    let (right, more) = self.relation(depth - 1);
                    let name = self.fresh();
                    let sources = format!("{} {}", self.pick(&columns), self.pick(&more));
                    (format!("union [{name} := [{sources}]] [({left}) ({right})]"), vec![name])
                }
            },
            9 => {
                let (input, columns) = self.relation(depth - 1);
                (format!("limit {} offset {} ({input})", self.choose(4), self.choose(3)), columns)
            }
            _ => {
                let (input, columns) = self.relation(depth - 1);
                (format!("top-k {} [{} nulls-first] ({input})", self.choose(4), self.pick(&columns)), columns)
            }
        }
    }
}

fn written(bytes: &[u8], limits: bool) -> String {
    let mut writer = Writer { bytes: bytes.iter(), readings: [0; 3], lists: 0, made: 0, limits };
    writer.relation(5).0
}

fn read(text: &str) -> (Terms, TermId) {
    parse(text, tables(), Arc::new(ExampleFunctions)).unwrap_or_else(|error| panic!("{error}"))
}

/// The tables of examples, and one with a list.
fn tables() -> &'static Tables {
    static TABLES: LazyLock<Tables> = LazyLock::new(|| {
        let mut tables = Tables::examples().clone();
        let list = DataType::new_list(DataType::Int64, true);
        tables.declare("w", [("k", DataType::Int64, true), ("l", list, true)]);
        tables
    });
    &TABLES
}

/// Applies the rules of normalization, the first that fires anywhere, until none does.
fn normalized(terms: &mut Terms, term: TermId) -> (TermId, Vec<String>) {
    let rules = RuleSet::builtin().by_phase(Phase::Normalize);
    let mut term = term;
    let mut fired = Vec::new();
    while let Some((rule, next)) = rules
        .iter()
        .find_map(|rule| rule.rewrites(terms, term).into_iter().find(|next| *next != term).map(|next| (rule, next)))
    {
        fired.push(rule.name().to_owned());
        assert!(fired.len() < 1000, "normalization does not end: {fired:?}");
        term = next;
    }
    (term, fired)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let (terms, term) = read(&written(&bytes, true));
        let (many, line) = (print(&terms, term), print_line(&terms, term));
        for text in [&many, &line] {
            let (again, same) = read(text);
            prop_assert_eq!(&print(&again, same), &many);
            prop_assert_eq!(&print_line(&again, same), &line);
        }
    }

    #[test]
    fn normalization_ends_and_keeps_the_result(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
        let (mut terms, term) = read(&written(&bytes, false));
        let (after, fired) = normalized(&mut terms, term);
        if let Err(error) = same_results("normalization", Keeps::Bag, &terms, term, after, 12) {
            panic!("{fired:?}\n{error}");
        }
    }

    #[test]
    fn every_rewrite_keeps_the_result(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
        let (mut terms, term) = read(&written(&bytes, false));
        for rule in RuleSet::builtin().rules() {
            for after in rule.rewrites(&mut terms, term) {
                if let Err(error) = same_results(rule.name(), Keeps::Bag, &terms, term, after, 6) {
                    panic!("{error}");
                }
            }
        }
    }
}

/// Some of the rules, by a seed.
fn some_rules(seed: u64) -> RuleSet {
    let rules = RuleSet::builtin();
    let mut state = seed;
    let dropped = rules.rules().iter().filter(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 60).is_multiple_of(3)
    });
    rules.without(&dropped.map(|rule| rule.name()).collect::<Vec<_>>()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// No rule needs another one to be right.
    #[test]
    fn any_rules_keep_the_result(bytes in proptest::collection::vec(any::<u8>(), 0..50), seed in any::<u64>()) {
        let rules = Arc::new(some_rules(seed).shuffled(seed));
        let planner = Planner::new(Arc::new(CoreFunctions)).with_rules(rules);
        let (terms, term) = read(&written(&bytes, false));
        let (terms, after, fired) = planner.normalize_term(terms, term);
        if let Err(error) = same_results("normalization", Keeps::Bag, &terms, term, after, 12) {
            panic!("seed {seed}: {fired:?}\n{error}");
        }
    }

    /// Normalizing twice is normalizing once.
    #[test]
    fn a_normal_form_is_normal(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
        let planner = Planner::new(Arc::new(CoreFunctions));
        let (terms, term) = read(&written(&bytes, true));
        let (terms, once, _) = planner.normalize_term(terms, term);
        let text = print(&terms, once);
        let (terms, twice, fired) = planner.normalize_term(terms, once);
        prop_assert_eq!(text, print(&terms, twice), "{:?}", fired);
    }
}

#[test]
fn random_terms_reach_the_rules() {
    let rules = RuleSet::builtin();
    let mut fired = std::collections::BTreeSet::new();
    let mut state = 7u64;
    for _ in 0..1500 {
        let bytes: Vec<u8> = (0..50)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let (mut terms, term) = read(&written(&bytes, true));
        for rule in rules.by_phase(Phase::Explore) {
            if !rule.rewrites(&mut terms, term).is_empty() {
                fired.insert(rule.name().to_owned());
            }
        }
        fired.extend(normalized(&mut terms, term).1);
    }
    let logical = rules.rules().iter().filter(|rule| rule.phase() != Phase::Implement);
    let missed: Vec<_> = logical.map(|rule| rule.name()).filter(|name| !fired.contains(*name)).collect();
    assert_eq!(missed, [""; 0]);
}

#[test]
fn errors_point_at_the_place_and_suggest() {
    let cases = [
        ("filter (aa = 1) t", "1:9: no column `aa`; did you mean `a`?"),
        ("filtre (a = 1) t", "1:1: no table `filtre`; did you mean `filter`?"),
        ("filter (a = 1", "1:8: this bracket is never closed"),
        ("filter (a = 1) (t", "1:16: this parenthesis is never closed"),
        ("filter (a + 1) t", "1:8: a condition must be Boolean, not Int64"),
        (
            "join outer (a = x) t u",
            "1:6: expected a kind of join (inner, left, right, full, semi, anti, null-aware-anti), found `outer`",
        ),
        ("aggregate [a] [s := (summ b)] t", "1:21: no function `summ` for these arguments; did you mean `sum`?"),
        ("unnest [e := a] drop-nulls t", "1:8: column `a` is Int64, not a list; unnest needs a list"),
        ("window [a] [] [n := (ntile)] t", "1:21: expected a number after the function's name, found `(ntile ..)`"),
        ("window [a] [] [n := (lag b)] t", "1:21: expected a number after the function's name, found `(lag ..)`"),
        (
            "window [a] [] [n := (sum b over (rows 1-before current-row))] t",
            "1:33: expected a frame such as `(rows 1-preceding current-row)`",
        ),
        (
            "apply outer true t u",
            "1:7: expected a kind of apply (inner, left, semi, anti, mark, scalar), found `outer`",
        ),
        ("mark-join m (a + x) t u", "1:13: a condition must be Boolean, not Int64"),
        ("limit many t", "1:7: expected a number of rows, found `many`"),
        ("filter (a = 1) q", "1:16: no table `q`"),
        ("t t", "1:3: expected the end, found `t`"),
        ("sort [a] sort", "1:14: expected the keys in `[..]`, found the end"),
        ("project [s := (cast a Int65)] t", "1:23: no type `Int65`"),
        ("union [o := [a x]] [t u v]", "1:8: expected one column of each of the 3 inputs, found 2"),
    ];
    for (text, message) in cases {
        let error = parse(text, tables(), Arc::new(CoreFunctions)).err().map(|error| error.to_string());
        let error = error.unwrap_or_else(|| panic!("{text} is read"));
        assert!(error.starts_with(message), "{text}\n{error}");
        assert!(error.ends_with('^'), "{error}");
    }
}

#[test]
fn nesting_has_a_bound_and_depth_of_plans_has_none() {
    let deep = "(".repeat(100_000);
    assert!(parse(&deep, Tables::examples(), Arc::new(CoreFunctions)).is_err());
    assert!(parse(&format!("filter {deep} t"), Tables::examples(), Arc::new(CoreFunctions)).is_err());
    let (mut terms, mut term) = read("t");
    for limit in 0..200_000 {
        let op = leafhold::term::RelOp::Limit { offset: limit, fetch: None };
        term = terms.add(leafhold::term::RelNode::new(op, [term]));
    }
    assert!(print_line(&terms, term).ends_with(')'));
}
