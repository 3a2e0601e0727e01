use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::WireError;

/// The version of the format that this release writes and reads.
pub const FORMAT: u64 = 1;

/// What a document holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Expr,
    Plan,
    Tasks,
    Fragment,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Expr => "expr",
            Kind::Plan => "plan",
            Kind::Tasks => "tasks",
            Kind::Fragment => "fragment",
        }
    }
}

/// Checks that a document, by its first two fields, is one of this release and kind.
pub(crate) fn expect(format: u64, found: Kind, expected: Kind) -> Result<(), WireError> {
    if format != FORMAT {
        return Err(WireError::Version { found: format, expected: FORMAT });
    }
    match found == expected {
        true => Ok(()),
        false => Err(WireError::Kind { found: found.name().to_owned(), expected: expected.name() }),
    }
}

/// The beginning alone, of a document of any version and kind.
#[derive(Deserialize)]
struct AnyHead {
    leafhold: u64,
    kind: String,
}

/// A document as JSON.
pub(crate) fn to_json<T: Serialize>(kind: Kind, document: &T) -> Result<String, WireError> {
    serde_json::to_string(document).map_err(|error| WireError::Syntax { kind: kind.name(), message: error.to_string() })
}

/// The document of a JSON text. A document of another version is told from one that is broken.
pub(crate) fn from_json<T: DeserializeOwned>(kind: Kind, text: &[u8]) -> Result<T, WireError> {
    let syntax = |error: serde_json::Error| WireError::Syntax { kind: kind.name(), message: error.to_string() };
    serde_json::from_slice(text).map_err(|error| match serde_json::from_slice::<AnyHead>(text) {
        Ok(head) if head.leafhold != FORMAT => WireError::Version { found: head.leafhold, expected: FORMAT },
        Ok(head) if head.kind != kind.name() => WireError::Kind { found: head.kind, expected: kind.name() },
        _ => syntax(error),
    })
}
