use std::fmt;

/// What stays equal when a rule is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keeps {
    /// The rows, each as often as before.
    Bag,
    /// The rows and their order.
    Ordered,
    /// The distinct rows.
    Set,
    /// One of the results that a `limit` without an order allows.
    OneOf,
    /// The value of a scalar in every row: what rules rooted at scalars keep, and only they.
    Value,
}

impl Keeps {
    /// All of them.
    pub const ALL: [Keeps; 5] = [Keeps::Bag, Keeps::Ordered, Keeps::Set, Keeps::OneOf, Keeps::Value];

    /// The name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Keeps::Bag => "bag",
            Keeps::Ordered => "ordered",
            Keeps::Set => "set",
            Keeps::OneOf => "one-of",
            Keeps::Value => "value",
        }
    }
}

impl fmt::Display for Keeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
