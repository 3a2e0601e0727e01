//! Stable codes of what can be wrong with rules, and a page about each.

/// Codes and their pages, in order. R001 to R049 are errors of loading, R050 to R069 lints, R070 to R079
/// findings of verification.
const PAGES: &[(&str, &str)] = &[
    ("R070", include_str!("codes/R070.md")),
    ("R071", include_str!("codes/R071.md")),
    ("R072", include_str!("codes/R072.md")),
    ("R073", include_str!("codes/R073.md")),
    ("R074", include_str!("codes/R074.md")),
];

/// The codes that there are, in order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(code, _)| *code)
}

/// What a code means, with a rule that is wrong and how to mend it; `None` for a code that does not exist.
pub fn explain(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, page)| *page)
}
