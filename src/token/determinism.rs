/// Whether a token stands for content or for one particular instance.
///
/// A value is [`Identity`](Determinism::Identity) as soon as anything below it is: a plan over a
/// live future has the identity of that future, and no other process can make the same token again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Determinism {
    /// The token follows from content alone.
    #[default]
    Content,
    /// The token names an instance: a live future, or one call of a volatile function.
    Identity,
}

impl Determinism {
    /// The determinism of a value made of two parts.
    pub fn and(self, other: Determinism) -> Determinism {
        self.max(other)
    }
}
