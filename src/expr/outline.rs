use std::collections::HashMap;
use std::fmt::Display;

use super::{Expr, Op, Repartitioning};
use crate::leaf::{FromDelayed, Generation, Leaf};
use crate::token::Token;

/// What an expression computes, without holding it: nothing that it is made of is kept alive. Two outlines
/// tell where two expressions part.
///
/// ```
/// use leafhold::expr::{Frame, Outline, col, lit};
/// # use arrow_schema::{DataType, Field, Schema};
/// # let schema = std::sync::Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// let table = Frame::from_batches("t", schema, vec![])?;
/// let above = |least: i64| table.clone().filter(col("a").gt(lit(least))).map(|frame| frame.limit(0, 10));
/// let (one, two) = (Outline::of(above(1)?.expr()), Outline::of(above(2)?.expr()));
/// let difference = one.difference(&two).expect("they differ");
/// assert_eq!(difference.to_string(), "at limit.filter: filter (a > 1) here, filter (a > 2) there");
/// assert_eq!(one.difference(&one), None);
/// # Ok::<_, leafhold::expr::ExprError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Inputs before the nodes that use them; the last one is the root.
    nodes: Vec<OutlineNode>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OutlineNode {
    token: Token,
    name: &'static str,
    text: String,
    inputs: Vec<usize>,
    futures: Vec<(String, Generation)>,
}

/// The first place, from the root, where two expressions differ.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("at {path}: {here} here, {there} there")]
pub struct Difference {
    /// From the root: operators, with the number of the input where there are several.
    pub path: String,
    /// What the first expression has there.
    pub here: String,
    /// What the second one has there.
    pub there: String,
}

impl Outline {
    /// The outline of an expression. O(nodes), no recursion.
    pub fn of(expr: &Expr) -> Self {
        let mut index: HashMap<Token, usize> = HashMap::new();
        let mut nodes = Vec::new();
        for node in expr.post_order() {
            let inputs = node.inputs().iter().map(|input| index[&input.token()]).collect();
            index.insert(node.token(), nodes.len());
            let futures = match node.op() {
                Op::Leaf(leaf) => leaf.futures().iter().map(|f| (f.key().to_owned(), f.generation())).collect(),
                _ => Vec::new(),
            };
            nodes.push(OutlineNode {
                token: node.token(),
                name: name(node.op()),
                text: text(node.op()),
                inputs,
                futures,
            });
        }
        Outline { nodes }
    }

    /// The token of the expression.
    pub fn token(&self) -> Token {
        self.root().token
    }

    /// Where this expression and another one part; `None` if they are the same.
    pub fn difference(&self, other: &Outline) -> Option<Difference> {
        let (mut here, mut there) = (self.root(), other.root());
        if here.token == there.token {
            return None;
        }
        let mut path = here.name.to_owned();
        loop {
            if here.text != there.text || here.inputs.len() != there.inputs.len() {
                return Some(Difference { path, here: here.text.clone(), there: there.text.clone() });
            }
            let inputs = here.inputs.iter().zip(&there.inputs).map(|(a, b)| (&self.nodes[*a], &other.nodes[*b]));
            let Some((at, (left, right))) = inputs.enumerate().find(|(_, (a, b))| a.token != b.token) else {
                return Some(here.own_difference(there, path));
            };
            if here.inputs.len() > 1 {
                path.push_str(&format!("[{at}]"));
            }
            (here, there) = (left, right);
            path.push('.');
            path.push_str(here.name);
        }
    }

    fn root(&self) -> &OutlineNode {
        self.nodes.last().expect("an expression has a node")
    }
}

impl OutlineNode {
    /// What sets two nodes apart that read alike: their futures, or what no text shows.
    fn own_difference(&self, other: &OutlineNode, mut path: String) -> Difference {
        let mut pairs = self.futures.iter().zip(&other.futures).enumerate();
        if let Some((at, (a, b))) = pairs.find(|(_, (a, b))| a != b) {
            path.push_str(&format!("[{at}]"));
            let say = |(key, generation): &(String, Generation)| format!("future {key:?} of generation {generation}");
            return Difference { path, here: say(a), there: say(b) };
        }
        let say = |node: &OutlineNode| format!("{} of token {}", node.text, node.token.short());
        Difference { path, here: say(self), there: say(other) }
    }
}

fn name(op: &Op) -> &'static str {
    match op {
        Op::Leaf(Leaf::FromDelayed(_)) => "from_delayed",
        Op::Leaf(Leaf::Scan(_)) => "scan",
        Op::Leaf(Leaf::Values(_)) => "values",
        other => other.name(),
    }
}

/// An operator without its inputs.
fn text(op: &Op) -> String {
    let head = name(op);
    match op {
        Op::Leaf(leaf) => {
            let columns = leaf.schema().fields().iter();
            let columns = list(columns.map(|field| format!("{}: {}", field.name(), field.data_type())));
            let reading = match leaf {
                Leaf::FromDelayed(delayed) => reading(delayed),
                _ => String::new(),
            };
            format!("{head} {} of {} partitions {columns}{reading}", leaf.name(), leaf.partitions())
        }
        Op::Project(columns) => format!("{head} {}", named(columns)),
        Op::Filter(predicate) => format!("{head} {predicate}"),
        Op::Join { kind, on, .. } => format!("{head} {kind} {}", list(on)),
        Op::MarkJoin { mark, on } => format!("{head} {mark} {}", list(on)),
        Op::Aggregate { group, sets: None, aggregates } => format!("{head} {} {}", named(group), named(aggregates)),
        Op::Aggregate { group, sets: Some(sets), aggregates } => {
            let sets = list(sets.sets().iter().map(list));
            format!("{head} {} {} sets {sets}", named(group), named(aggregates))
        }
        Op::Window { window, calls } => {
            let (partitions, order) = (list(&window.partition_by), list(&window.order_by));
            format!("{head} {} over {partitions} {order}", named(calls))
        }
        Op::Sort(keys) => format!("{head} {}", list(keys)),
        Op::Limit { offset, fetch } => match fetch {
            Some(fetch) => format!("{head} {fetch} after {offset}"),
            None => format!("{head} all after {offset}"),
        },
        Op::Distinct | Op::Union => head.to_owned(),
        Op::Repartition(Repartitioning::Hash(columns, partitions)) => {
            format!("{head} hash {} over {partitions}", list(columns))
        }
        Op::Repartition(Repartitioning::RoundRobin(partitions)) => format!("{head} round-robin over {partitions}"),
        Op::Unnest { column, nulls } => format!("{head} {column} {}", nulls.name()),
        Op::Apply { kind, on } => {
            let column = kind.column().map(|name| format!(" {name}")).unwrap_or_default();
            format!("{head} {kind}{column} {}", list(on))
        }
        Op::Extension(extension) => format!("{head} {}", extension.name()),
    }
}

fn reading(leaf: &FromDelayed) -> String {
    let cast = if leaf.reading().cast { ", cast" } else { "" };
    format!(" ({:?}{cast})", leaf.reading().nested).to_lowercase()
}

fn named<N: Display, T: Display>(columns: &[(N, T)]) -> String {
    list(columns.iter().map(|(name, value)| format!("{name} := {value}")))
}

fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}
