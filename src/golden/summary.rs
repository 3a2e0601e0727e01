use std::collections::BTreeMap;
use std::fmt;

/// How many cases there were, and how many plans changed for which cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub(super) files: usize,
    pub(super) cases: usize,
    pub(super) updated: bool,
    pub(super) causes: BTreeMap<String, usize>,
}

impl Summary {
    /// How many cases were checked.
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// Whether a plan is not the recorded one.
    pub fn has_changes(&self) -> bool {
        !self.causes.is_empty()
    }

    /// Whether the files were rewritten.
    pub fn updated(&self) -> bool {
        self.updated
    }
}

impl fmt::Display for Summary {
    /// `44 cases in 2 files: 41 plans: push-x fired; 2 plans: size up`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        write!(f, "{} in {}: ", count(self.cases, "case"), count(self.files, "file"))?;
        if self.causes.is_empty() {
            return f.write_str("no change");
        }
        // The most frequent cause first: it is the one to look at.
        let mut causes: Vec<_> = self.causes.iter().collect();
        causes.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let causes: Vec<_> =
            causes.into_iter().map(|(cause, plans)| format!("{}: {cause}", count(*plans, "plan"))).collect();
        f.write_str(&causes.join("; "))
    }
}
