use std::any::Any;
use std::fmt;

use super::EngineId;

/// Why a future gave no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FutureErrorKind {
    /// The computation raised an error.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// The engine no longer has the data.
    Lost,
}

/// A future that gave no data: which, where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("future {key:?} of engine {engine} {}: {message}", self.kind.verb())]
pub struct FutureError {
    /// The engine's name of the data.
    pub key: String,
    /// The engine that had it.
    pub engine: EngineId,
    /// What happened.
    pub kind: FutureErrorKind,
    /// The engine's own words.
    pub message: String,
}

impl FutureErrorKind {
    fn verb(self) -> &'static str {
        match self {
            FutureErrorKind::Failed => "failed",
            FutureErrorKind::Cancelled => "was cancelled",
            FutureErrorKind::Lost => "was lost",
        }
    }
}

/// Why a producer gives no data, before anybody knows under which key: what
/// [`FutureOutput`](super::FutureOutput) makes of errors.
///
/// Any error that can be displayed becomes one that *failed*; name another kind where it matters:
///
/// ```
/// use leafhold::leaf::{Fault, FutureErrorKind};
/// let fault = Fault::from("disk full");
/// assert_eq!((fault.kind, fault.message.as_str()), (FutureErrorKind::Failed, "disk full"));
/// assert_eq!(Fault::cancelled("by the user").kind, FutureErrorKind::Cancelled);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub kind: FutureErrorKind,
    /// In words.
    pub message: String,
}

impl Fault {
    /// The computation raised an error.
    pub fn failed(message: impl fmt::Display) -> Self {
        Fault { kind: FutureErrorKind::Failed, message: message.to_string() }
    }

    /// Somebody cancelled the computation.
    pub fn cancelled(message: impl fmt::Display) -> Self {
        Fault { kind: FutureErrorKind::Cancelled, message: message.to_string() }
    }

    /// The data are gone.
    pub fn lost(message: impl fmt::Display) -> Self {
        Fault { kind: FutureErrorKind::Lost, message: message.to_string() }
    }

    /// The error of a future.
    pub(crate) fn of(self, key: &str, engine: EngineId) -> FutureError {
        FutureError { key: key.to_owned(), engine, kind: self.kind, message: self.message }
    }
}

impl<E: fmt::Display + 'static> From<E> for Fault {
    /// A [`FutureError`] keeps its kind; everything else has failed.
    fn from(error: E) -> Self {
        let kind = (&error as &dyn Any).downcast_ref::<FutureError>().map(|error| error.kind);
        Fault { kind: kind.unwrap_or(FutureErrorKind::Failed), message: error.to_string() }
    }
}
