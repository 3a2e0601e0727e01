use std::collections::HashMap;
use std::fmt;

use crate::expr::Scalar;
use crate::leaf::{Generation, Leaf};

/// A column as texts write it: bare where it reads as one word, else in double quotes.
#[derive(Clone)]
pub(super) struct Shown(String);

impl Shown {
    pub(super) fn new(name: &str) -> Self {
        let starts = name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_');
        let plain = starts && name.chars().all(|at| at.is_alphanumeric() || "_.:#".contains(at));
        let quoted = || format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        Shown(if plain { name.to_owned() } else { quoted() })
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
    /// A leaf as texts write it: its name, and its futures (`lineitem future#0..3`).
    pub(super) fn leaf(&mut self, leaf: &Leaf) -> String {
        let mut numbers = Vec::with_capacity(leaf.futures().len());
        for handle in leaf.futures() {
            let next = self.0.len();
            numbers.push(*self.0.entry(handle.generation()).or_insert(next));
        }
        let name = Shown::new(leaf.name());
        let consecutive = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        match numbers.as_slice() {
            [] => name.to_string(),
            [only] => format!("{name} future#{only}"),
            [first, .., last] if consecutive => format!("{name} future#{first}..{last}"),
            all => format!("{name} {}", spaced(all.iter().map(|at| format!("future#{at}")))),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_single_word_are_quoted() {
        assert_eq!(Shown::new("l_tax").to_string(), "l_tax");
        assert_eq!(Shown::new("n_name:2").to_string(), "n_name:2");
        assert_eq!(Shown::new("sum(a)").to_string(), "\"sum(a)\"");
        assert_eq!(Shown::new("say \"hi\"").to_string(), "\"say \\\"hi\\\"\"");
        assert_eq!(Shown::new("1st").to_string(), "\"1st\"");
        assert_eq!(Shown::new("").to_string(), "\"\"");
    }
}
