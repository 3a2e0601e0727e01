//! Documents changed at random: they are refused, or mean what they meant.

use leafhold::explain::{PlanText, expr_text};
use leafhold::expr::Expr;
use leafhold::lower::{Fragment, TaskGraph, lower};
use leafhold::optimize::{Plan, Planner};
use serde_json::Value;
use std::sync::Arc;

use crate::dice::expression;
use crate::engine::{Engine, context};

/// A small generator of numbers: the same ones in every run.
pub struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }
}

/// Changes some bytes.
fn bytes_changed(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..1 + random.below(3) {
        if bytes.is_empty() {
            bytes.push(b' ');
        }
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(7),
            1 => {
                let end = (at + random.below(12)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + random.below(40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => bytes[at] = b"0123456789\"{}[],:-"[random.below(18)],
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every value in a document, by its path.
fn paths(value: &Value, path: &mut Vec<String>, found: &mut Vec<String>) {
    found.push(path.iter().map(|part| format!("/{part}")).collect());
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        Value::Object(entries) => entries.iter().map(|(key, item)| (key.replace('/', "~1"), item)).collect(),
        _ => Vec::new(),
    };
    for (part, child) in children {
        path.push(part);
        paths(child, path, found);
        path.pop();
    }
}

/// Puts something else, often from elsewhere in the document, in a place.
fn values_changed(document: &Value, paths: &[String], random: &mut Random) -> String {
    let mut document = document.clone();
    for _ in 0..1 + random.below(2) {
        let other = document.pointer(&paths[random.below(paths.len())]).cloned().unwrap_or_default();
        let Some(place) = document.pointer_mut(&paths[1 + random.below(paths.len() - 1)]) else { continue };
        *place = match (&*place, random.below(6)) {
            (Value::Number(_), 0..4) => {
                let numbers = [0, 1, 2, 3, 7, 255, 1 << 16, 1 << 31, 1 << 32, 1 << 63, u64::MAX];
                numbers[random.below(numbers.len())].into()
            }
            (Value::Array(items), 0..2) => items.iter().rev().cloned().collect(),
            (Value::Array(items), 2) => items.iter().skip(1).cloned().collect(),
            (Value::Array(items), 3) => items.iter().chain(items).cloned().collect(),
            (Value::String(text), 0..2) => bytes_changed(&format!("{text} "), random).trim_end().into(),
            _ => other,
        };
    }
    document.to_string()
}

/// Reads changed documents; answers how many of them were accepted.
fn read_changed(rounds: usize, seed: u64, text: &str, mut accepts: impl FnMut(&str) -> bool) -> usize {
    let mut random = Random(seed);
    let document: Value = serde_json::from_str(text).unwrap();
    let mut found = Vec::new();
    paths(&document, &mut Vec::new(), &mut found);
    let mut accepted = 0;
    for round in 0..rounds {
        let changed = match round % 2 {
            0 => bytes_changed(text, &mut random),
            _ => values_changed(&document, &found, &mut random),
        };
        accepted += usize::from(accepts(&changed));
    }
    accepted
}

fn sample(seed: u64, nodes: usize) -> (Expr, Vec<leafhold::leaf::FutureHandle>) {
    let mut random = Random(seed);
    loop {
        let numbers: Vec<u32> = (0..200).map(|_| (random.next() >> 32) as u32).collect();
        let (expr, futures) = expression(&numbers);
        let count = expr.post_order().len();
        if (nodes..nodes * 2).contains(&count) {
            return (expr, futures);
        }
    }
}

/// The plan of the first expression from this seed on that can be planned: not every `apply` can.
fn planned(seed: u64) -> (Plan, Vec<leafhold::leaf::FutureHandle>) {
    let plans = (seed..).map(|seed| sample(seed, 6)).find_map(|(expr, futures)| {
        let plan = Planner::new(Arc::new(Engine)).plan(&expr).ok()?;
        Some((plan, futures))
    });
    plans.expect("there are seeds enough")
}

#[test]
fn expressions() {
    let (expr, _futures) = sample(1, 7);
    let text = expr.to_json(&Engine).unwrap();
    let accepted = read_changed(10_000, 2, &text, |changed| match Expr::from_json(changed, &context()) {
        Ok(read) => {
            assert_eq!((read.shape(), expr_text(&read)), (expr.shape(), expr_text(&expr)), "{changed}");
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    });
    assert!(accepted < 5_000, "most changes are seen: {accepted} were not");
}

#[test]
fn plans() {
    let (plan, _futures) = planned(3);
    let text = plan.to_json(&Engine).unwrap();
    let accepted = read_changed(2_000, 4, &text, |changed| match Plan::from_json(changed, &context()) {
        Ok(read) => {
            assert_eq!(read.shape, plan.shape);
            // Whatever the numbers beside it say, it can be shown and lowered, or it is an error.
            let _ = PlanText::new(&read).body().to_string();
            if let Ok(graph) = lower(&read) {
                let _ = graph.to_text();
            }
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    });
    assert!(accepted < 1_200, "most changes are seen: {accepted} were not");
}

#[test]
fn task_graphs_and_fragments() {
    let (plan, _futures) = planned(5);
    let graph = lower(&plan).unwrap();
    let text = graph.to_json(&Engine).unwrap();
    let accepted = read_changed(1_000, 6, &text, |changed| match TaskGraph::from_json(changed, &context()) {
        Ok(read) => {
            let _ = read.to_text();
            let tokens =
                |graph: &TaskGraph| graph.tasks().map(|task| task.token).collect::<std::collections::BTreeSet<_>>();
            assert!(tokens(&read).is_subset(&tokens(&graph)), "{changed}");
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    });
    assert!(accepted < 600, "most changes are seen: {accepted} were not");

    let largest = graph.tasks().map(|task| &task.fragment).max_by_key(|fragment| fragment.nodes.len());
    let fragment = largest.unwrap();
    let text = String::from_utf8(fragment.to_bytes(&Engine).unwrap()).unwrap();
    read_changed(2_000, 7, &text, |changed| match Fragment::from_bytes(changed.as_bytes(), &context()) {
        Ok(read) => {
            assert_eq!((read.token, &read.label, read.inputs), (fragment.token, &fragment.label, fragment.inputs));
            true
        }
        Err(_) => false,
    });
}
