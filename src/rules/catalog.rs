use super::registry::{Function, Registry};
use super::value::Sort;

/// The functions of a registry that a word is about, in groups: by the sort of their first argument. An empty word
/// takes all; others are looked for in names, sorts and descriptions.
pub fn function_groups<'a>(registry: &'a Registry, word: &str) -> Vec<(Option<Sort>, Vec<&'a Function>)> {
    let word = word.to_lowercase();
    let about = |function: &&Function| format!("{function} {}", function.doc).to_lowercase().contains(&word);
    let mut groups: Vec<(Option<Sort>, Vec<&Function>)> = Vec::new();
    for function in registry.functions().filter(about) {
        let sort = function.args.first().copied();
        match groups.iter_mut().find(|(known, _)| *known == sort) {
            Some((_, group)) => group.push(function),
            None => groups.push((sort, vec![function])),
        }
    }
    groups.sort_by_key(|(sort, _)| *sort);
    groups
}

/// The functions of a registry that a word is about, with sorts and a line each, as a text.
///
/// ```
/// use leafhold::rules::{Registry, function_catalog};
///
/// let text = function_catalog(&Registry::core(), "key");
/// assert!(text.contains("(key Rel Columns) -> Bool"));
/// ```
pub fn function_catalog(registry: &Registry, word: &str) -> String {
    let groups = function_groups(registry, word);
    let signatures = groups.iter().flat_map(|(_, group)| group.iter().map(|function| function.to_string().len()));
    let width = signatures.max().unwrap_or(0);
    let mut text = String::new();
    for (sort, group) in groups {
        if !text.is_empty() {
            text.push('\n');
        }
        match sort {
            Some(sort) => text.push_str(&format!("of {sort}\n")),
            None => text.push_str("of nothing\n"),
        }
        for function in group {
            text.push_str(&format!("  {:<width$}  {}\n", function.to_string(), function.doc));
        }
    }
    text
}
