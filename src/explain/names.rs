use std::collections::HashMap;
use std::fmt;

use crate::expr::Scalar;
use crate::leaf::{Generation, Leaf};
use crate::term::text::quoted;

/// A column as texts write it: bare where it reads as one word, else in double quotes.
#[derive(Clone)]
pub(super) struct Shown(String);

impl Shown {
    pub(super) fn new(name: &str) -> Self {
        Shown(quoted(name))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A scalar with its columns as texts write them.
pub(super) fn shown<C>(scalar: &Scalar<C>, name: &impl Fn(&C) -> Shown) -> Scalar<Shown> {
    let Ok(scalar) = scalar.try_map(&mut |column| Ok::<_, std::convert::Infallible>(name(column)));
    scalar
}

/// Items in brackets, by spaces: `[a b]`.
pub(super) fn bracketed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    format!("[{}]", spaced(items))
}

/// Items by spaces.
pub(super) fn spaced<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

/// A conjunction: the conjunct itself when there is one.
pub(super) fn conjunction(conjuncts: &[String]) -> String {
    match conjuncts {
        [] => "true".to_owned(),
        [only] => only.clone(),
        _ => format!("(and {})", conjuncts.join(" ")),
    }
}

/// Numbers live instances in the order in which a text meets them: `future#0`. Keys, engines and
/// generations differ from run to run, so no text has them.
#[derive(Default)]
pub(super) struct Futures(HashMap<Generation, usize>);

impl Futures {
    /// A leaf as texts write it: its name, and its futures (`lineitem future#0..3`), and how its rows lie if it declares
    /// that (`hashed(l_orderkey)`).
    pub(super) fn leaf(&mut self, leaf: &Leaf) -> String {
        let mut numbers = Vec::with_capacity(leaf.futures().len());
        for handle in leaf.futures() {
            let next = self.0.len();
            numbers.push(*self.0.entry(handle.generation()).or_insert(next));
        }
        let name = Shown::new(leaf.name());
        let consecutive = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let text = match numbers.as_slice() {
            [] => name.to_string(),
            [only] => format!("{name} future#{only}"),
            [first, .., last] if consecutive => format!("{name} future#{first}..{last}"),
            all => format!("{name} {}", spaced(all.iter().map(|at| format!("future#{at}")))),
        };
        let Some(partitioning) = leaf.hash_partitioning() else { return text };
        let columns = partitioning.columns.iter().map(|at| Shown::new(leaf.schema().field(*at).name()));
        format!("{text} hashed({})", spaced(columns))
    }
}

/// What kind of leaf it is.
pub(super) fn leaf_kind(leaf: &Leaf) -> &'static str {
    match leaf {
        Leaf::FromDelayed(_) => "from-delayed",
        Leaf::Scan(_) => "scan",
        Leaf::Values(_) => "values",
    }
}
