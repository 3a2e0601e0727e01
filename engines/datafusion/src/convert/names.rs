use std::collections::HashSet;

use datafusion::common::TableReference;
use leafhold::expr::Name;

/// Hands out column names, each once.
#[derive(Default)]
pub(super) struct Names {
    used: HashSet<Name>,
}

impl Names {
    /// Takes a name that must not be given to anybody else.
    pub fn reserve(&mut self, name: &str) {
        self.used.insert(name.into());
    }

    /// The plain name where it is free, else the qualified one, else a numbered one.
    pub fn unique(&mut self, plain: &str, qualifier: Option<&TableReference>) -> Name {
        if self.used.contains(plain) {
            return self.qualified(plain, qualifier);
        }
        self.take(plain.to_owned())
    }

    /// The qualified name where it is free, else a numbered one.
    pub fn qualified(&mut self, plain: &str, qualifier: Option<&TableReference>) -> Name {
        let base = match qualifier {
            Some(qualifier) => format!("{}.{}", short(qualifier.table()), last(plain)),
            None => plain.to_owned(),
        };
        let candidates = std::iter::once(base.clone()).chain((2..).map(|n| format!("{base}_{n}")));
        let mut free = candidates.filter(|name| !self.used.contains(name.as_str()));
        let name = free.next().unwrap_or(base);
        self.take(name)
    }

    fn take(&mut self, name: String) -> Name {
        let name: Name = name.into();
        self.used.insert(name.clone());
        name
    }
}

/// DataFusion's names for decorrelated subqueries, shorter.
fn short(qualifier: &str) -> String {
    for prefix in ["__correlated_sq", "__scalar_sq"] {
        if let Some(number) = qualifier.strip_prefix(prefix) {
            return format!("sq{number}");
        }
    }
    qualifier.to_owned()
}

/// The name without a qualifier that an earlier join gave it.
fn last(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((qualifier, column)) if is_identifier(qualifier) && is_identifier(column) => column,
        _ => name,
    }
}

/// Whether a name can be written without quotes.
pub(super) fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
