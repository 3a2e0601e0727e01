//! What the example functions give, and what a term gives over all that a volatile one may draw.
//!
//! A volatile call is a coin. Two terms with coins mean the same when their results have one distribution,
//! and that is computed, not sampled: a term is run for every sequence of tosses. A call that is drawn twice
//! instead of once, or once for several rows, shows as another distribution; one whose result nobody sees
//! does not, which is right.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;

use crate::expr::{FunctionInfo, Literal};
use crate::term::interpret::{EvalError, Relation, Row, Tables, Value};

/// More tosses than this are not followed: the case is left out, and counted.
const MOST_TOSSES: u32 = 7;

/// A sequence of tosses, and how many of them were asked for.
#[derive(Default)]
struct Tosses {
    known: Vec<bool>,
    next: usize,
}

/// Tables under which the example functions have values; every coin falls on 0.
pub(super) fn with_functions(tables: Tables) -> Tables {
    with_coin(tables, || 0)
}

fn with_coin(tables: Tables, toss: impl Fn() -> i64 + Send + Sync + 'static) -> Tables {
    let calls = move |function: &FunctionInfo, args: &[Literal]| match (&*function.name, args) {
        ("random", []) => Ok(Literal::from(toss())),
        ("today", []) => Ok(Literal::from(1i64)),
        ("checked", [arg]) if arg.to_string() == "0" => Err("0 is refused".to_owned()),
        ("checked", [arg]) => Ok(arg.clone()),
        ("drawn", [arg]) => Ok(if toss() == 0 { Literal::from(0i64) } else { arg.clone() }),
        ("coalesce", [first, rest @ ..]) => {
            let value = std::iter::once(first).chain(rest).find(|arg| !arg.is_null());
            Ok(value.unwrap_or(first).clone())
        }
        (name, _) => Err(format!("nobody knows `{name}`")),
    };
    let first = |function: &FunctionInfo, rows: &[Row]| match &*function.name {
        "first" => Ok(rows.first().and_then(|row| row.first()).cloned().unwrap_or(Value::Null)),
        name => Err(format!("nobody knows `{name}`")),
    };
    tables.with_calls(calls).with_aggregates(first)
}

/// The results over all sequences of tosses, each with how often it comes (of `2^MOST_TOSSES`). `None` for
/// too many tosses, and where one fails.
pub(super) fn distribution(
    tables: &Tables,
    run: impl Fn(&Tables) -> Result<Relation, EvalError>,
    form: impl Fn(Relation) -> Vec<Row>,
) -> Option<IndexMap<Vec<Row>, u64>> {
    let tosses = Arc::new(Mutex::new(Tosses::default()));
    let shared = tosses.clone();
    let tables = with_coin(tables.clone(), move || {
        let mut tosses = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let at = tosses.next;
        tosses.next += 1;
        i64::from(tosses.known.get(at).copied().unwrap_or(false))
    });
    let mut results: IndexMap<Vec<Row>, u64> = IndexMap::new();
    loop {
        tosses.lock().unwrap_or_else(PoisonError::into_inner).next = 0;
        let result = run(&tables).ok()?;
        let mut tosses = tosses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = tosses.next as u32;
        if count > MOST_TOSSES {
            return None;
        }
        *results.entry(form(result)).or_default() += 1u64 << (MOST_TOSSES - count);
        // The next sequence: the last toss that was 0 becomes 1.
        let count = tosses.next;
        tosses.known.resize(count, false);
        while tosses.known.last() == Some(&true) {
            tosses.known.pop();
        }
        match tosses.known.last_mut() {
            Some(last) => *last = true,
            None => {
                results.sort_keys();
                return Some(results);
            }
        }
    }
}
