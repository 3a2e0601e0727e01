use std::path::Path;

use super::{Case, GoldenError, GoldenFile, GoldenPlan, Item, Level};

/// Ends the query.
const SEPARATOR: &str = "----";

/// Lines of a case between the separator and the plan, in the order in which they are written.
const DIRECTIVES: [&str; 5] = ["expect", "expect-not", "budget", "fired", "size"];

impl GoldenFile {
    /// Reads a golden file; `file` is its name, for errors.
    ///
    /// # Errors
    /// [`GoldenError::Syntax`] with file and line for anything that is not a case, a comment or a blank
    /// line, and [`GoldenError::Vacuous`] when there is no case.
    pub fn parse(file: &Path, text: &str) -> Result<GoldenFile, GoldenError> {
        let mut parser = Parser { file, lines: text.lines().collect(), at: 0 };
        let mut items = Vec::new();
        while let Some(line) = parser.next() {
            items.push(match line {
                "" => Item::Blank,
                comment if comment.starts_with('#') => Item::Comment(comment.to_owned()),
                other => match level(other) {
                    Some(level) => Item::Case(parser.case(level)?),
                    None => {
                        return Err(parser.error(format!(
                            "expected `query`, `stage NAME`, `rule NAME`, a `#` comment or a blank line, found {other:?}"
                        )));
                    }
                },
            });
        }
        if !items.iter().any(|item| matches!(item, Item::Case(_))) {
            return Err(GoldenError::Vacuous { path: file.to_owned(), message: "there is no case in this file" });
        }
        Ok(GoldenFile { items })
    }
}

struct Parser<'a> {
    file: &'a Path,
    lines: Vec<&'a str>,
    /// The next line; also the number, from 1, of the line read last.
    at: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.at)?;
        self.at += 1;
        Some(line.trim_end())
    }

    fn error(&self, message: impl Into<String>) -> GoldenError {
        GoldenError::Syntax { file: self.file.to_owned(), line: self.at, message: message.into() }
    }

    fn case(&mut self, level: Level) -> Result<Case, GoldenError> {
        let mut case = Case { line: self.at, level, ..Case::default() };
        let mut query = Vec::new();
        loop {
            match self.next() {
                None => return Err(self.error(format!("the query of line {} has no `{SEPARATOR}`", case.line))),
                Some(SEPARATOR) => break,
                Some(line) => query.push(line),
            }
        }
        case.query = query.join("\n").trim().to_owned();
        if case.query.is_empty() {
            return Err(self.error("the query is empty"));
        }
        let (mut fired, mut size, mut plan) = (None, None, Vec::new());
        let mut last = None;
        // The blank line that ends a case is not part of it.
        while self.lines.get(self.at).is_some_and(|line| !line.trim_end().is_empty()) {
            let Some(line) = self.next() else { break };
            let Some((name, value)) = directive(line) else {
                plan.push(line);
                continue;
            };
            let Some(place) = DIRECTIVES.iter().position(|known| *known == name) else {
                return Err(self.error(format!("no directive `{name}:`; there are {}", DIRECTIVES.join(", "))));
            };
            if !plan.is_empty() {
                return Err(self.error(format!("`{name}:` comes before the plan")));
            }
            if last >= Some(place) {
                return Err(self.error(format!("each directive comes once, in this order: {}", DIRECTIVES.join(", "))));
            }
            last = Some(place);
            match name {
                "expect" => case.expect = self.rules(name, value, false)?,
                "expect-not" => case.expect_not = self.rules(name, value, false)?,
                "budget" => case.budget = Some(self.count(name, value)?),
                "fired" => fired = Some(self.rules(name, value, true)?),
                _ => size = Some(self.count(name, value)?),
            }
        }
        if let Some(both) = case.expect.iter().find(|rule| case.expect_not.contains(rule)) {
            return Err(self.error(format!("`{both}` is both expected and not expected")));
        }
        case.recorded = match (fired, size, plan.is_empty()) {
            (None, None, true) => None,
            (Some(fired), Some(size), false) => Some(GoldenPlan { text: plan.join("\n"), fired, size }),
            (fired, size, _) => {
                let missing = match (fired, size) {
                    (None, _) => "`fired:`",
                    (_, None) => "`size:`",
                    _ => "a plan",
                };
                return Err(self.error(format!("the case of line {} lacks {missing}", case.line)));
            }
        };
        Ok(case)
    }

    fn count(&self, directive: &str, value: &str) -> Result<u64, GoldenError> {
        value.parse().map_err(|_| self.error(format!("`{directive}:` is a count, not {value:?}")))
    }

    fn rules(&self, directive: &str, value: &str, may_be_empty: bool) -> Result<Vec<String>, GoldenError> {
        if value.is_empty() {
            let message = format!("`{directive}:` names no rule; leave the line out");
            return if may_be_empty { Ok(Vec::new()) } else { Err(self.error(message)) };
        }
        let mut rules: Vec<String> = Vec::new();
        for rule in value.split(',').map(str::trim) {
            let plain = |at: char| at.is_ascii_lowercase() || at.is_ascii_digit() || at == '-';
            if rule.is_empty() || !rule.chars().all(plain) {
                return Err(self.error(format!("{rule:?} is no rule name: those are kebab-case, with commas between")));
            }
            if rules.iter().any(|known| known == rule) {
                return Err(self.error(format!("`{rule}` comes twice")));
            }
            rules.push(rule.to_owned());
        }
        Ok(rules)
    }
}

/// How far the case goes that a line begins.
fn level(line: &str) -> Option<Level> {
    let named = |name: &str| Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
    match line.split_once(' ') {
        None if line == "query" => Some(Level::Plan),
        Some(("stage", name)) => named(name).map(Level::Stage),
        Some(("rule", name)) => named(name).map(Level::Rule),
        _ => None,
    }
}

/// `name: value` at the start of a line. No operator of a plan ends in a colon, so a misspelled directive
/// is an error and not a line of a plan.
fn directive(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let kebab = !name.is_empty() && name.chars().all(|at| at.is_ascii_lowercase() || at == '-');
    (kebab && (value.is_empty() || value.starts_with(' '))).then(|| (name, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<GoldenFile, GoldenError> {
        GoldenFile::parse(Path::new("t.golden"), text)
    }

    const FULL: &str = "# why\n\nquery\nselect a\n\nfrom t\n----\nexpect: push-a, merge-b\nexpect-not: split-c\nfired: push-a, merge-b\nsize: 7\nfilter (a = 1)\n  read t [a]\n\nquery\nselect 1\n----\nfired:\nsize: 1\nvalues\n";

    #[test]
    fn a_file_writes_back_as_it_was_read() {
        let file = parse(FULL).unwrap();
        assert_eq!(file.to_string(), FULL);
        let case = file.cases().next().unwrap();
        assert_eq!((case.line, case.query.as_str()), (3, "select a\n\nfrom t"));
        assert_eq!(case.recorded.as_ref().unwrap().text, "filter (a = 1)\n  read t [a]");
        assert_eq!(file.cases().nth(1).unwrap().recorded.as_ref().unwrap().fired, Vec::<String>::new());
    }

    #[test]
    fn a_case_says_how_far_it_goes() {
        let text = "rule push-a\nfilter true t\n----\n\nstage normalized\nt\n----\nbudget: 3\n";
        let file = parse(text).unwrap();
        assert_eq!(file.to_string(), text);
        let levels: Vec<_> = file.cases().map(|case| (case.level.clone(), case.budget)).collect();
        assert_eq!(levels, [(Level::Rule("push-a".into()), None), (Level::Stage("normalized".into()), Some(3))]);
    }

    #[test]
    fn errors_name_file_line_and_what_is_wrong() {
        let broken = [
            ("", "t.golden: there is no case in this file"),
            ("# only words\n", "t.golden: there is no case in this file"),
            ("query\nselect 1\n", "t.golden:2: the query of line 1 has no `----`"),
            ("query\n\n----\n", "t.golden:3: the query is empty"),
            ("query\nq\n----\nfired:\nsize: 1\nplan\n\nrubbish\n", "t.golden:8: expected `query`"),
            ("query\nq\n----\nexpects: a\n", "t.golden:4: no directive `expects:`"),
            ("query\nq\n----\nsize: 1\nfired:\n", "t.golden:5: each directive comes once, in this order"),
            ("query\nq\n----\nsize: 1\nsize: 2\n", "t.golden:5: each directive comes once"),
            ("query\nq\n----\nfired:\nsize: 1\nplan\nsize: 2\n", "t.golden:7: `size:` comes before the plan"),
            ("query\nq\n----\nsize: many\n", "t.golden:4: `size:` is a count, not \"many\""),
            ("query\nq\n----\nbudget: few\n", "t.golden:4: `budget:` is a count, not \"few\""),
            ("rule \nq\n----\n", "t.golden:1: expected `query`, `stage NAME`, `rule NAME`"),
            ("query\nq\n----\nexpect: a,, b\n", "t.golden:4: \"\" is no rule name"),
            ("query\nq\n----\nexpect:\n", "t.golden:4: `expect:` names no rule"),
            ("query\nq\n----\nexpect: a, a\n", "t.golden:4: `a` comes twice"),
            ("query\nq\n----\nexpect: a\nexpect-not: a\n", "t.golden:5: `a` is both expected and not expected"),
            ("query\nq\n----\nsize: 1\nplan\n", "t.golden:5: the case of line 1 lacks `fired:`"),
            ("query\nq\n----\nfired:\nplan\n", "t.golden:5: the case of line 1 lacks `size:`"),
            ("query\nq\n----\nfired:\nsize: 1\n", "t.golden:5: the case of line 1 lacks a plan"),
        ];
        for (text, expected) in broken {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text:?} gives {error:?}, not {expected:?}");
        }
    }
}
