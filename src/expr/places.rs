use std::cell::{Cell, OnceCell};
use std::collections::HashMap;

use arrow_schema::Schema;
use rustc_hash::FxBuildHasher;

/// The places of names in a list. A name is looked for first where it likely is, since most operators keep
/// columns where they are; few names are searched one by one, and many get an index once they were searched often.
pub(crate) struct Places<'a, N> {
    name: N,
    len: usize,
    searches: Cell<usize>,
    index: OnceCell<HashMap<&'a str, usize, FxBuildHasher>>,
}

/// More names than this are not searched one by one for long.
const FEW: usize = 16;

/// An index costs about as much as so many searches.
const SEARCHES: usize = 6;

impl<'a, N: Fn(usize) -> &'a str> Places<'a, N> {
    /// Of a list of `len` names, which `name` tells.
    pub(crate) fn new(len: usize, name: N) -> Self {
        Places { name, len, searches: Cell::new(0), index: OnceCell::new() }
    }

    /// Where a name is; first looked for at the place where it likely is.
    pub(crate) fn find(&self, name: &str, likely: usize) -> Option<usize> {
        if likely < self.len && (self.name)(likely) == name {
            return Some(likely);
        }
        let searches = self.searches.replace(self.searches.get() + 1);
        if self.len <= FEW || searches < SEARCHES {
            return (0..self.len).find(|at| (self.name)(*at) == name);
        }
        let index = || (0..self.len).rev().map(|at| ((self.name)(at), at)).collect();
        self.index.get_or_init(index).get(name).copied()
    }
}

/// The places of a schema's columns.
pub(super) fn columns<'s>(schema: &'s Schema) -> Places<'s, impl Fn(usize) -> &'s str> {
    Places::new(schema.fields().len(), |at| schema.field(at).name())
}

/// A name that occurs twice.
pub(super) fn repeated<'a>(names: impl ExactSizeIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if names.len() <= FEW {
        return names
            .clone()
            .enumerate()
            .find(|(at, name)| names.clone().take(*at).any(|other| other == *name))
            .map(|(_, name)| name);
    }
    let mut seen = std::collections::HashSet::with_capacity_and_hasher(names.len(), FxBuildHasher);
    names.into_iter().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_at_their_first_place_whatever_was_likely() {
        for len in [0, 1, 5, FEW, FEW + 1, 100] {
            let names: Vec<String> = (0..len).map(|at| format!("c{}", at % 60)).collect();
            let places = Places::new(len, |at| names[at].as_str());
            for likely in [0, 7, 99, 1_000] {
                assert_eq!(places.find("none", likely), None);
                for name in &names {
                    let found = places.find(name, likely).unwrap();
                    assert_eq!(names[found], *name);
                    assert!(found == likely || Some(found) == names.iter().position(|known| known == name));
                }
            }
            let expected = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
            assert_eq!(repeated(names.iter().map(String::as_str)), expected.map(|(_, name)| name.as_str()));
        }
    }
}
