/// How far verification goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Comparisons per rule: fillings of its shapes, exhaustive ones and samples together. A rule without one
    /// of its guards gets as many.
    pub cases: usize,
    /// Another seed makes other shapes and other samples. The result depends on nothing else.
    pub seed: u64,
}

impl Bounds {
    /// What `leafhold rules verify` does when nobody says otherwise.
    pub const DEFAULT: Bounds = Bounds { cases: 20_000, seed: 0 };

    /// The default with another number of cases.
    pub fn with_cases(self, cases: usize) -> Self {
        Bounds { cases, ..self }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds::DEFAULT
    }
}
