use std::fmt;

use super::value::Sort;

/// What is wrong with a rule file. Each kind has a stable code, and a page about it:
/// [`explain`](super::explain).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleErrorKind {
    /// Bytes that are no text.
    #[error("byte {offset} of the file is 0x{byte:02x}, which is not UTF-8 here; save the file as UTF-8")]
    NotUtf8 {
        /// How many bytes stand before it.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// A file that nobody wrote by hand.
    #[error("the file has more than {limit} bytes, the most that a rule file may have; split it")]
    TooLarge {
        /// The most that a file may have.
        limit: usize,
    },
    /// A file without rules.
    #[error("there is no rule in this file; write one: `(rule push-filter-below-sort ..)`")]
    NoRule,
    /// A folder without rule files.
    #[error("there is no `.rules` file in this folder")]
    NoFile,
    /// A path that cannot be read.
    #[error("this cannot be read: {0}")]
    Unreadable(String),
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What should stand here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// A bracket or quote without its partner.
    #[error("this {0} is never closed")]
    Unclosed(&'static str),
    /// Text between rules, or behind the last one.
    #[error("{0} stands outside of every rule; each begins with `(rule name`, and lines of `;;` are comments")]
    Outside(String),
    /// Brackets within brackets, without end.
    #[error("nested more than {0} levels deep")]
    TooDeep(usize),
    /// A name that nothing has.
    #[error("no {what} `{name}`{hint}")]
    Unknown {
        /// What was looked for.
        what: Named,
        /// The name.
        name: String,
        /// `; did you mean ..`, or what there is.
        hint: String,
    },
    /// A variable that stands for nothing yet.
    #[error("nothing binds `{name}`{hint}")]
    Unbound {
        /// The variable.
        name: String,
        /// `; did you mean ..`, or what is bound.
        hint: String,
    },
    /// A variable that nothing reads.
    #[error("nothing reads `{name}`; {mend}")]
    Unused {
        /// The variable.
        name: String,
        /// What to write instead.
        mend: &'static str,
    },
    /// A variable that stands for something that contains it.
    #[error("`{0}` is defined by itself, so it stands for nothing; give one of the two another name")]
    Recursive(String),
    /// A wrong number of parts.
    #[error("`{what}` takes {expected}, not {found}")]
    Arity {
        /// The operator.
        what: String,
        /// What it takes.
        expected: String,
        /// How many were given.
        found: usize,
    },
    /// A part of another sort.
    #[error("{what} is of sort {found}, but {expected} is needed here")]
    Sort {
        /// The part.
        what: String,
        /// The sort that the place takes.
        expected: Sort,
        /// The part's sort.
        found: Sort,
    },
    /// A function that does not take these arguments.
    #[error("`{name}` does not take ({found}); there {}", signatures(known))]
    Arguments {
        /// The function.
        name: String,
        /// The sorts given.
        found: String,
        /// The signatures that there are.
        known: Vec<String>,
    },
    /// A variable over all kinds of join.
    #[error(
        "`{0}` stands for every kind of join, and few rules hold for all; list those it holds for: `{0}:{{inner left}}`"
    )]
    BareKind(String),
    /// A list form without a list in the pattern to take it from.
    #[error(
        "`{0}` stands for the list that the pattern matched, but the pattern has {1}; use exactly one `[.. ..]` of that sort"
    )]
    NoList(String, &'static str),
    /// Operators that do not take the same.
    #[error(
        "`{first}` takes {takes}, but `{other}` takes {found}; alternatives take the same number of parts and inputs"
    )]
    Alternatives {
        /// The first operator.
        first: &'static str,
        /// What it takes.
        takes: String,
        /// The other one.
        other: &'static str,
        /// What that takes.
        found: String,
    },
    /// A pattern that no term has.
    #[error("no term has a `{name}`: its normal form is {form}, so this would never match")]
    NeverMatches {
        /// The operator.
        name: String,
        /// Its normal form.
        form: &'static str,
    },
    /// A part that a rule must have.
    #[error("rule `{rule}` has no `{clause}`: {why}")]
    Missing {
        /// The rule.
        rule: String,
        /// The part.
        clause: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// A part given twice.
    #[error("a second `{0}`; a rule has one")]
    DuplicateClause(String),
    /// A variable that is bound twice where the second time cannot compare.
    #[error("`{0}` is bound already; give this one a name of its own")]
    DuplicateVariable(String),
    /// Two rules of one name.
    #[error("a second rule `{0}`; names are unique over all files")]
    DuplicateRule(String),
    /// A name that says nothing of what the rule does.
    #[error("rule `{name}` does not begin with a verb: {}", verbs.join(", "))]
    Verb {
        /// The name.
        name: String,
        /// The verbs of its phase.
        verbs: Vec<&'static str>,
    },
    /// A law that is not written down.
    #[error("rule `{0}` has no law; write above it, after `;;`, why it holds and why each guard is there")]
    NoLaw(String),
    /// An input of a physical operator of which nothing is required.
    #[error(
        "`requires` does not say what `{0}` needs: `({0} any)`, `({0} single)`, `({0} replicated)` or `({0} (hashed-by ..))`"
    )]
    NoRequirement(String),
    /// A rule rooted at a scalar in a phase of relational alternatives.
    #[error(
        "a rule of `{0}` is rooted at a relational operator; rules of scalars are of `normalize`, or match within `[.. ..]`"
    )]
    ScalarRoot(&'static str),
    /// So much is wrong that the rest would not help.
    #[error("{0} errors in this file; mend these first, what follows was not looked at")]
    TooMany(usize),
}

/// What can have a name in a rule file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A part of a rule.
    Clause,
    /// An operator of a pattern or a right side.
    Operator,
    /// A physical operator of a right side.
    PhysicalOperator,
    /// An operator of scalars.
    ScalarOperator,
    /// A guard, or what makes a computed part.
    Function,
    /// One of a few words, such as a kind of join.
    Word(&'static str),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Named::Clause => "clause",
            Named::Operator => "operator",
            Named::PhysicalOperator => "physical operator",
            Named::ScalarOperator => "scalar operator",
            Named::Function => "function",
            Named::Word(what) => what,
        })
    }
}

impl RuleErrorKind {
    /// The stable code: what `leafhold rules explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            RuleErrorKind::NotUtf8 { .. } => "R001",
            RuleErrorKind::TooLarge { .. } => "R002",
            RuleErrorKind::NoRule => "R003",
            RuleErrorKind::NoFile => "R004",
            RuleErrorKind::Unreadable(_) => "R005",
            RuleErrorKind::Unclosed(_) => "R006",
            RuleErrorKind::Expected { .. } => "R007",
            RuleErrorKind::Outside(_) => "R008",
            RuleErrorKind::TooDeep(_) => "R009",
            RuleErrorKind::Unknown { what, .. } => match what {
                Named::Clause => "R010",
                Named::Operator | Named::PhysicalOperator | Named::ScalarOperator => "R011",
                Named::Function => "R012",
                Named::Word(_) => "R014",
            },
            RuleErrorKind::Unbound { .. } => "R013",
            RuleErrorKind::DuplicateRule(_) => "R015",
            RuleErrorKind::Verb { .. } => "R016",
            RuleErrorKind::Unused { .. } => "R017",
            RuleErrorKind::DuplicateVariable(_) => "R018",
            RuleErrorKind::Recursive(_) => "R019",
            RuleErrorKind::Arity { .. } => "R020",
            RuleErrorKind::Sort { .. } => "R021",
            RuleErrorKind::Arguments { .. } => "R022",
            RuleErrorKind::BareKind(_) => "R023",
            RuleErrorKind::NoList(..) => "R024",
            RuleErrorKind::Alternatives { .. } => "R025",
            RuleErrorKind::NeverMatches { .. } => "R026",
            RuleErrorKind::Missing { .. } => "R030",
            RuleErrorKind::DuplicateClause(_) => "R031",
            RuleErrorKind::NoLaw(_) => "R032",
            RuleErrorKind::NoRequirement(_) => "R033",
            RuleErrorKind::TooMany(_) => "R034",
            RuleErrorKind::ScalarRoot(_) => "R035",
        }
    }
}

fn signatures(known: &[String]) -> String {
    match known {
        [only] => format!("is `{only}`"),
        many => format!("are {}", many.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// A rule that a set does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no rule `{name}`{}", suggestion.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct UnknownRule {
    /// The name asked for.
    pub name: String,
    /// The nearest name that exists.
    pub suggestion: Option<String>,
}
