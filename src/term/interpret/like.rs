/// Whether `text` matches a `LIKE` pattern: `%` stands for any text, `_` for one character, and what
/// follows `escape` for itself.
pub(super) fn like(text: &str, pattern: &str, escape: char, case_insensitive: bool) -> bool {
    let fold = |text: &str| if case_insensitive { text.to_lowercase() } else { text.to_owned() };
    let text: Vec<char> = fold(text).chars().collect();
    let mut parts = Vec::new();
    let folded = fold(pattern);
    let mut chars = folded.chars();
    while let Some(char) = chars.next() {
        parts.push(match char {
            char if char == escape => Part::One(chars.next().unwrap_or(escape)),
            '%' => Part::Any,
            '_' => Part::Wild,
            char => Part::One(char),
        });
    }
    // matched[at]: the parts so far match the first `at` characters.
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    for part in parts {
        let before = matched;
        matched = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            matched[at] = match part {
                Part::Any => before[at] || (at > 0 && matched[at - 1]),
                Part::Wild => at > 0 && before[at - 1],
                Part::One(char) => at > 0 && before[at - 1] && text[at - 1] == char,
            };
        }
    }
    matched[text.len()]
}

enum Part {
    Any,
    Wild,
    One(char),
}
