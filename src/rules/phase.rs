use std::fmt;

/// When a rule is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Never worse: applied to terms until nothing changes.
    Normalize,
    /// An alternative whose merit depends on cost: added to the e-graph.
    Explore,
    /// A physical operator.
    Implement,
}

impl Phase {
    /// All of them, in their order.
    pub const ALL: [Phase; 3] = [Phase::Normalize, Phase::Explore, Phase::Implement];

    /// The phase's name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Normalize => "normalize",
            Phase::Explore => "explore",
            Phase::Implement => "implement",
        }
    }

    /// The verbs that begin the names of its rules.
    pub fn verbs(self) -> &'static [&'static str] {
        match self {
            Phase::Implement => &["implement"],
            _ => &["push", "pull", "merge", "split", "eliminate", "fold", "prune", "infer", "convert", "generate"],
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
