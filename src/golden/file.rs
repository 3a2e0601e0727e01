use std::fmt;

/// What a golden file records of a plan, and what a planner answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoldenPlan {
    /// The plan as text. It must depend on the plan alone: no rule-set token, or every case changes with
    /// every rule. Without blank lines.
    pub text: String,
    /// The rules that fired, each once, in canonical rule order.
    pub fired: Vec<String>,
    /// E-nodes at the end; of a stage or a rule, the nodes of what it gave.
    pub size: u64,
}

/// How far a case goes: which part of the optimizer it looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Level {
    /// `query`: all of it. The text is the plan.
    #[default]
    Plan,
    /// `stage NAME`: what a query is after a stage, such as `normalized`.
    Stage(String),
    /// `rule NAME`: what one application of one rule makes of a term, or what stopped it.
    Rule(String),
}

impl fmt::Display for Level {
    /// The line that begins the case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Plan => f.write_str("query"),
            Level::Stage(stage) => write!(f, "stage {stage}"),
            Level::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}

/// One case of a golden file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// The line that it begins at, from 1.
    pub line: usize,
    /// How far it goes.
    pub level: Level,
    /// What is planned.
    pub query: String,
    /// Rules that must fire and matter.
    pub expect: Vec<String>,
    /// Rules that must not fire.
    pub expect_not: Vec<String>,
    /// The most e-nodes that the author allows. Recording never raises it.
    pub budget: Option<u64>,
    /// What was recorded; `None` in a case that was just written.
    pub recorded: Option<GoldenPlan>,
}

/// A piece of a golden file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A comment line, `#` included.
    Comment(String),
    /// A blank line.
    Blank,
    /// A case.
    Case(Case),
}

/// A golden file; `Display` writes it back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoldenFile {
    /// Everything in it, in order.
    pub items: Vec<Item>,
}

impl GoldenFile {
    /// The cases, in order.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.items.iter().filter_map(|item| match item {
            Item::Case(case) => Some(case),
            _ => None,
        })
    }
}

impl fmt::Display for GoldenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.iter().try_for_each(|item| match item {
            Item::Comment(text) => writeln!(f, "{text}"),
            Item::Blank => writeln!(f),
            Item::Case(case) => write!(f, "{case}"),
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n----", self.level, self.query)?;
        if !self.expect.is_empty() {
            writeln!(f, "expect: {}", self.expect.join(", "))?;
        }
        if !self.expect_not.is_empty() {
            writeln!(f, "expect-not: {}", self.expect_not.join(", "))?;
        }
        if let Some(budget) = self.budget {
            writeln!(f, "budget: {budget}")?;
        }
        let Some(recorded) = &self.recorded else { return Ok(()) };
        let space = if recorded.fired.is_empty() { "" } else { " " };
        writeln!(f, "fired:{space}{}", recorded.fired.join(", "))?;
        writeln!(f, "size: {}\n{}", recorded.size, recorded.text)
    }
}
