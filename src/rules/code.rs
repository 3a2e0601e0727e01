//! Stable codes of what can be wrong with rules, and a page about each.

/// Codes and their pages, in order. R001 to R049 are errors of loading, R050 to R069 lints, R070 to R079
/// findings of verification.
const PAGES: &[(&str, &str)] = &[
    ("R001", include_str!("codes/R001.md")),
    ("R002", include_str!("codes/R002.md")),
    ("R003", include_str!("codes/R003.md")),
    ("R004", include_str!("codes/R004.md")),
    ("R005", include_str!("codes/R005.md")),
    ("R006", include_str!("codes/R006.md")),
    ("R007", include_str!("codes/R007.md")),
    ("R008", include_str!("codes/R008.md")),
    ("R009", include_str!("codes/R009.md")),
    ("R010", include_str!("codes/R010.md")),
    ("R011", include_str!("codes/R011.md")),
    ("R012", include_str!("codes/R012.md")),
    ("R013", include_str!("codes/R013.md")),
    ("R014", include_str!("codes/R014.md")),
    ("R015", include_str!("codes/R015.md")),
    ("R016", include_str!("codes/R016.md")),
    ("R017", include_str!("codes/R017.md")),
    ("R018", include_str!("codes/R018.md")),
    ("R019", include_str!("codes/R019.md")),
    ("R020", include_str!("codes/R020.md")),
    ("R021", include_str!("codes/R021.md")),
    ("R022", include_str!("codes/R022.md")),
    ("R023", include_str!("codes/R023.md")),
    ("R024", include_str!("codes/R024.md")),
    ("R025", include_str!("codes/R025.md")),
    ("R026", include_str!("codes/R026.md")),
    ("R030", include_str!("codes/R030.md")),
    ("R031", include_str!("codes/R031.md")),
    ("R032", include_str!("codes/R032.md")),
    ("R033", include_str!("codes/R033.md")),
    ("R034", include_str!("codes/R034.md")),
    ("R035", include_str!("codes/R035.md")),
    ("R050", include_str!("codes/R050.md")),
    ("R051", include_str!("codes/R051.md")),
    ("R052", include_str!("codes/R052.md")),
    ("R053", include_str!("codes/R053.md")),
    ("R054", include_str!("codes/R054.md")),
    ("R055", include_str!("codes/R055.md")),
    ("R056", include_str!("codes/R056.md")),
    ("R057", include_str!("codes/R057.md")),
    ("R058", include_str!("codes/R058.md")),
    ("R059", include_str!("codes/R059.md")),
    ("R060", include_str!("codes/R060.md")),
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

/// What a code is about: the first line of its page, without the code.
pub fn title(code: &str) -> Option<&'static str> {
    let first = explain(code)?.lines().next()?;
    Some(first.split_once(": ").map_or(first, |(_, title)| title))
}
