use serde::{Deserialize, Serialize};

use crate::token::{Tokenize, Tokenizer};

/// When two floats are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FloatEquality {
    /// NaN equals NaN and lies above everything; `-0.0` equals `0.0`. What DataFusion does.
    #[default]
    TotalOrder,
    /// A comparison with NaN is false, and `<>` true; `-0.0` equals `0.0`. Groups and orders still
    /// take all NaNs as one value above everything.
    Ieee,
}

/// What integer arithmetic does beyond its range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// It wraps around.
    #[default]
    Wrap,
    /// It is an error.
    Error,
}

/// Whether the order of the rows is a part of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowOrder {
    /// Only below a `sort`.
    #[default]
    Bag,
    /// Always.
    Ordered,
}

/// What a rewrite may do to errors. Evaluation itself is the same under both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Errors {
    /// A rewrite may remove an error, never add one.
    Strict,
    /// A rewrite may add errors, too: predicates move freely.
    #[default]
    Relaxed,
}

/// Whether the rounding of a sum of floats is a part of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FloatSums {
    /// Sums are taken in row order, and compare exactly.
    Exact,
    /// Sums may be split and reordered; floats compare with a tolerance.
    #[default]
    Reassociated,
}

/// What a plan means, where engines differ. The default follows DataFusion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Semantics {
    /// When two floats are equal.
    pub float_equality: FloatEquality,
    /// What integer arithmetic does beyond its range.
    pub overflow: Overflow,
    /// Whether row order is a part of every result.
    pub order: RowOrder,
    /// What a rewrite may do to errors.
    pub errors: Errors,
    /// Whether the rounding of float sums is a part of the result.
    pub float_sums: FloatSums,
}

impl Semantics {
    /// What DataFusion does.
    pub const DEFAULT: Semantics = Semantics {
        float_equality: FloatEquality::TotalOrder,
        overflow: Overflow::Wrap,
        order: RowOrder::Bag,
        errors: Errors::Relaxed,
        float_sums: FloatSums::Reassociated,
    };

    /// Whether a rewrite may never add an error.
    pub fn is_strict(&self) -> bool {
        self.errors == Errors::Strict
    }

    /// Whether it is what DataFusion does.
    pub fn is_default(&self) -> bool {
        *self == Semantics::DEFAULT
    }

    /// How it differs from the default, in words: `strict errors, overflow is an error`. Empty for the default.
    pub fn text(&self) -> String {
        let differences = [
            (self.float_equality == FloatEquality::Ieee, "ieee float equality"),
            (self.errors == Errors::Strict, "strict errors"),
            (self.overflow == Overflow::Error, "overflow is an error"),
            (self.order == RowOrder::Ordered, "ordered rows"),
            (self.float_sums == FloatSums::Exact, "exact float sums"),
        ];
        let words: Vec<_> = differences.into_iter().filter(|(differs, _)| *differs).map(|(_, words)| words).collect();
        words.join(", ")
    }

    /// Nothing may change but the order of rows: errors, overflow and rounding count.
    pub fn strict() -> Self {
        Semantics {
            overflow: Overflow::Error,
            errors: Errors::Strict,
            float_sums: FloatSums::Exact,
            ..Semantics::default()
        }
    }
}

impl Tokenize for Semantics {
    fn tokenize(&self, tokenizer: &mut Tokenizer) {
        tokenizer.put_record("semantics");
        tokenizer.put_bool(self.float_equality == FloatEquality::Ieee);
        tokenizer.put_bool(self.overflow == Overflow::Error);
        tokenizer.put_bool(self.order == RowOrder::Ordered);
        tokenizer.put_bool(self.errors == Errors::Strict);
        tokenizer.put_bool(self.float_sums == FloatSums::Exact);
    }
}
