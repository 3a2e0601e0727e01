//! Whether the answers to a case agree, and the smallest case where they do not.

use std::sync::Arc;

use leafhold::expr::{Expr, Op, Semantics};
use leafhold::rules::RuleSet;
use leafhold::term::ColumnId;
use leafhold::term::interpret::{Equivalence, Relation, Row, Value};

use crate::answers::{Peer, SETTINGS, Setting, explained, interpreted, planned, planned_by};
use crate::plans::{Case, is_determined, is_totally_sorted, remake, simpler};
use crate::sql::sql;

/// What became of a case that nobody contradicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All answers are there, and agree.
    Agreed,
    /// Somebody raised an error, as the semantics allow.
    Raised,
    /// DataFusion agrees without some of its rules, and contradicts itself with them.
    Disputed,
    /// DataFusion could not plan its own SQL.
    Skipped(String),
}

/// Who contradicts the interpreter.
#[derive(Clone, Debug)]
pub struct Mismatch {
    who: String,
    setting: Setting,
    expected: Relation,
    found: Result<Relation, String>,
}

/// Words of errors that values raise, rather than plans.
const VALUES: [&str; 6] = ["divide by zero", "overflow", "cast", "parse", "too large", "too small"];

fn is_of_values(error: &str) -> bool {
    let error = error.to_lowercase();
    VALUES.iter().any(|word| error.contains(word))
}

/// Whether other rules give the interpreter's answer, too, or none at all for want of a physical operator. True
/// where there is something to compare.
pub fn check_rules(case: &Case, rules: &Arc<RuleSet>) -> Result<bool, Box<Mismatch>> {
    let limited = matches!(case.expr.op(), Op::Limit { .. }) && !is_totally_sorted(&case.expr.inputs()[0]);
    let Ok(expected) = interpreted(case) else { return Ok(false) };
    if limited {
        return Ok(false);
    }
    for setting in [SETTINGS[0], SETTINGS[2]] {
        let found = planned_by(case, setting, rules.clone());
        match &found {
            Ok(relation) if is_same(&case.expr, &expected, relation) => {}
            Err(error) if is_of_values(error) || error.contains("no implementation rule covers") => return Ok(false),
            _ => return Err(Box::new(Mismatch { who: "Leafhold".to_owned(), setting, expected, found })),
        }
    }
    Ok(true)
}

/// Compares the three answers.
pub fn check(case: &Case, peer: &Peer) -> Result<Outcome, Box<Mismatch>> {
    let limit = match case.expr.op() {
        Op::Limit { offset, fetch } if !is_totally_sorted(&case.expr.inputs()[0]) => Some((*offset, *fetch)),
        _ => None,
    };
    // Any rows of the input will do: which, nobody promises.
    let expected = match limit {
        Some(_) => interpreted(&Case { expr: case.expr.inputs()[0].clone(), ..case.clone() }),
        None => interpreted(case),
    };
    let expected = match expected {
        Ok(expected) => expected,
        Err(error) if error.is_of_the_plan() => return Ok(Outcome::Raised),
        Err(error) => panic!("the interpreter: {error}\n{}", sql(&case.expr)),
    };
    let agrees = |found: &Relation| match limit {
        Some((offset, fetch)) => {
            let left = (expected.rows.len() as u64).saturating_sub(offset);
            let count = fetch.map_or(left, |fetch| left.min(fetch));
            found.rows.len() as u64 == count && is_drawn_from(found, &expected)
        }
        None => is_same(&case.expr, &expected, found),
    };
    let mut outcome = Outcome::Agreed;
    let mut judge = |who: &str, setting: Setting, found: Result<Relation, String>| match &found {
        Ok(relation) if agrees(relation) => Ok(()),
        Err(error) if is_of_values(error) => {
            outcome = Outcome::Raised;
            Ok(())
        }
        _ => Err(Box::new(Mismatch { who: who.to_owned(), setting, expected: expected.clone(), found })),
    };
    for setting in SETTINGS {
        judge("Leafhold", setting, planned(case, setting))?;
    }
    let theirs = match peer.asked(case) {
        Err(error) if !is_of_values(&error) => return Ok(Outcome::Skipped(error)),
        found => judge("DataFusion", SETTINGS[0], found),
    };
    match theirs {
        Ok(()) => Ok(outcome),
        Err(mismatch) => match peer.asked_plainly(case) {
            Ok(relation) if agrees(&relation) => Ok(Outcome::Disputed),
            _ => Err(mismatch),
        },
    }
}

fn is_drawn_from(found: &Relation, all: &Relation) -> bool {
    found.equivalent(found, Equivalence::OneOf(all), &Semantics::default())
}

/// The same bag, and the same sequence of sort keys where the root is a sort.
fn is_same(expr: &Expr, expected: &Relation, found: &Relation) -> bool {
    let semantics = Semantics::default();
    let sort = match expr.op() {
        Op::Limit { .. } => expr.inputs()[0].op(),
        op => op,
    };
    let Op::Sort(keys) = sort else { return expected.equivalent(found, Equivalence::Bag, &semantics) };
    let fields = expr.schema().fields();
    let at = |key: &leafhold::expr::SortKey| {
        fields.iter().position(|field| key.scalar == leafhold::expr::col(field.name().as_str())).unwrap()
    };
    let columns: Vec<ColumnId> = keys.iter().map(|key| ColumnId(at(key) as u32)).collect();
    let (left, right) = (expected.select(&columns).unwrap(), found.select(&columns).unwrap());
    left.equivalent(&right, Equivalence::Ordered, &semantics)
        && expected.equivalent(found, Equivalence::Bag, &semantics)
}

/// A smaller case that fails, too, and its report.
pub fn shrunk(mut case: Case, mut mismatch: Box<Mismatch>, peer: &Peer) -> String {
    let mut left = 400;
    'again: loop {
        for smaller in smaller(&case) {
            if left == 0 {
                break 'again;
            }
            left -= 1;
            if let Err(found) = check(&smaller, peer) {
                (case, mismatch) = (smaller, found);
                continue 'again;
            }
        }
        break;
    }
    report(&case, &mismatch)
}

fn smaller(case: &Case) -> Vec<Case> {
    let mut all: Vec<Expr> = case.expr.inputs().to_vec();
    for node in case.expr.post_order() {
        let mut others: Vec<Expr> =
            node.inputs().iter().filter(|input| input.schema() == node.schema()).cloned().collect();
        others.extend(simpler(node.op()).iter().filter_map(|op| remake(op, node.inputs().to_vec()).ok()));
        all.extend(others.iter().filter_map(|other| replaced(&case.expr, &node, other)));
    }
    let mut cases: Vec<Case> = all
        .into_iter()
        .filter(|expr| is_determined(expr) && !expr.schema().fields().is_empty())
        .map(|expr| Case { expr, ..case.clone() })
        .collect();
    for (name, table) in &case.tables {
        for row in 0..table.rows.len() {
            let mut less = case.clone();
            if let Some(table) = less.tables.get_mut(name) {
                table.rows.remove(row);
            }
            cases.push(less);
        }
    }
    cases
}

/// The expression with one node replaced, if it still makes sense.
fn replaced(expr: &Expr, node: &Expr, by: &Expr) -> Option<Expr> {
    if expr.same(node) {
        return Some(by.clone());
    }
    let inputs = expr.inputs().iter().map(|input| replaced(input, node, by)).collect::<Option<Vec<_>>>()?;
    remake(expr.op(), inputs).ok()
}

fn rows(relation: &Relation) -> String {
    let row = |row: &Row| format!("  {}\n", row.iter().map(Value::to_string).collect::<Vec<_>>().join(", "));
    relation.rows.iter().map(row).collect()
}

pub fn report(case: &Case, mismatch: &Mismatch) -> String {
    let tables: String = case.tables.values().map(|table| table.to_string()).collect();
    let found = match &mismatch.found {
        Ok(relation) => rows(relation),
        Err(error) => format!("  {error}\n"),
    };
    format!(
        "{} contradicts the interpreter under {:?}\n{tables}{}\n{}\nthe interpreter:\n{}{}:\n{found}",
        mismatch.who,
        mismatch.setting,
        sql(&case.expr),
        explained(case, mismatch.setting),
        rows(&mismatch.expected),
        mismatch.who,
    )
}
