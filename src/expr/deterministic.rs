use std::collections::HashSet;

use super::{Expr, Node, Op};
use crate::leaf::Leaf;
use crate::token::{Determinism, NotDeterministic, identities};

/// Of a longer path, so many steps are shown at either end.
const SHOWN_STEPS: usize = 8;

/// Whether the token of an expression means the same in every process, or every place that has identity
/// instead of content: live futures, calls of volatile functions, and what else says so.
///
/// A node that several others use is named once, by its first path. O(nodes), no recursion.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int64Array, RecordBatch};
/// use leafhold::expr::{Frame, col, ensure_deterministic, lit};
/// use leafhold::leaf::value;
///
/// let batch = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
/// let content = Frame::from_batches("t", batch.schema(), vec![batch.clone()])?;
/// assert!(ensure_deterministic(content.expr()).is_ok());
///
/// let live = Frame::from_delayed("t", batch.schema(), vec![value("gen-7", vec![batch])])?;
/// let frame = content.union(&live.filter(col("a").gt(lit(1i64)))?)?;
/// let error = ensure_deterministic(frame.expr()).unwrap_err();
/// assert_eq!(error.to_string(), "union[1].filter.from_delayed[0]: future \"gen-7\" has identity, not content");
/// # Ok::<_, leafhold::expr::ExprError>(())
/// ```
///
/// # Errors
/// [`NotDeterministic`], which names the places.
pub fn ensure_deterministic(expr: &Expr) -> Result<(), NotDeterministic> {
    let mut found = NotDeterministic::default();
    let mut seen: HashSet<*const Node> = HashSet::new();
    let mut visits: Vec<Visit> = Vec::new();
    let mut open = vec![Visit { expr, from: None }];
    while let Some(visit) = open.pop() {
        let expr = visit.expr;
        if expr.determinism() == Determinism::Content || !seen.insert(&raw const **expr) {
            continue;
        }
        let here = visits.len();
        visits.push(visit);
        let own = own_identities(expr);
        let inherited = expr.inputs().iter().any(|input| input.determinism() == Determinism::Identity);
        if own.is_empty() && !inherited {
            found.add(|| path(&visits, here, ""), "it has identity, not content".to_owned());
        }
        for (place, why) in own {
            found.add(|| path(&visits, here, &place), why);
        }
        let inputs = expr.inputs().iter().enumerate().rev();
        open.extend(inputs.map(|(input, expr)| Visit { expr, from: Some((here, input)) }));
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(found),
    }
}

/// A node on its first path: which visit led to it, and through which input.
struct Visit<'a> {
    expr: &'a Expr,
    from: Option<(usize, usize)>,
}

/// Place and reason of what has identity in a node itself, its inputs aside.
fn own_identities(expr: &Expr) -> Vec<(String, String)> {
    let named = |name: &str, inside: Vec<(String, String)>| {
        inside.into_iter().map(|(_, why)| (format!(".{name}"), why)).collect::<Vec<_>>()
    };
    match expr.op() {
        Op::Leaf(leaf) => {
            let futures = leaf.futures().iter().enumerate();
            let why = |key: &str| format!("future {key:?} has identity, not content");
            futures.map(|(at, future)| (format!("[{at}]"), why(future.key()))).collect()
        }
        Op::Project(columns) => {
            columns.iter().flat_map(|(name, of)| named(name, identities(|tokenizer| tokenizer.put(of)))).collect()
        }
        Op::Aggregate { group, sets: _, aggregates } => {
            let group = group.iter().flat_map(|(name, of)| named(name, identities(|tokenizer| tokenizer.put(of))));
            let aggregates = aggregates.iter().flat_map(|(name, of)| named(name, identities(|to| to.put(of))));
            group.chain(aggregates).collect()
        }
        Op::Window { window, calls } => {
            let own = identities(|tokenizer| tokenizer.put(window)).into_iter();
            own.chain(calls.iter().flat_map(|(name, of)| named(name, identities(|to| to.put(of))))).collect()
        }
        Op::Extension(extension) if extension.traits().volatile => {
            vec![(String::new(), format!("extension `{}` is volatile", extension.name()))]
        }
        op => identities(|tokenizer| op.tokenize(tokenizer, false)),
    }
}

/// The way from the root to a place: `join.right.from_delayed[3]`.
fn path(visits: &[Visit<'_>], last: usize, place: &str) -> String {
    let way: Vec<usize> = std::iter::successors(Some(last), |at| visits[*at].from.map(|(before, _)| before)).collect();
    let steps: Vec<usize> = way.into_iter().rev().collect();
    let (shown_first, shown_last) = match steps.len() {
        len if len <= 2 * SHOWN_STEPS + 1 => (len, len),
        len => (SHOWN_STEPS, len - SHOWN_STEPS),
    };
    let mut text = String::new();
    for at in &steps[..shown_first] {
        push_step(&mut text, visits, *at);
    }
    if shown_first < shown_last {
        text.push_str(&format!(".(.. {} more ..)", shown_last - shown_first));
        steps[shown_last..].iter().for_each(|at| push_step(&mut text, visits, *at));
    }
    text.push_str(place);
    text
}

fn push_step(text: &mut String, visits: &[Visit<'_>], at: usize) {
    let Visit { expr, from } = &visits[at];
    if let Some((parent, input)) = from {
        let parent = visits[*parent].expr;
        match (parent.op(), parent.inputs().len(), input) {
            (_, 1, _) => {}
            (Op::Union | Op::Extension(_), ..) => text.push_str(&format!("[{input}]")),
            (_, 2, 0) => text.push_str(".left"),
            (_, 2, 1) => text.push_str(".right"),
            _ => text.push_str(&format!("[{input}]")),
        }
        text.push('.');
    }
    text.push_str(match expr.op() {
        Op::Leaf(Leaf::FromDelayed(_)) => "from_delayed",
        op => op.name(),
    });
}
