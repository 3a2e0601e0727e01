use super::super::ExprError;
use super::CodecError;
use crate::leaf::{FutureError, IpcError};

/// Why something cannot be written as a document, or a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not a document of this kind: cut off, a field or an operator that nobody knows, a number too large.
    #[error("this is no document of kind `{kind}`: {message}")]
    Syntax {
        /// What was expected.
        kind: &'static str,
        /// What is wrong, and where.
        message: String,
    },
    /// A document of another version of the format.
    #[error(
        "the document has format version {found}, this release reads version {expected}; use one release at both ends"
    )]
    Version {
        /// What the document says.
        found: u64,
        /// What this release reads.
        expected: u64,
    },
    /// A document of something else.
    #[error("this is a document of kind `{found}`, not `{expected}`")]
    Kind {
        /// What the document says.
        found: String,
        /// What was asked for.
        expected: &'static str,
    },
    /// A future that only this process knows.
    #[error(
        "leaf `{leaf}`, partition {partition}: future {key:?} lives in this process alone and cannot be written; hand its data to an engine first"
    )]
    LocalFuture {
        /// The leaf's name.
        leaf: String,
        /// Which of its partitions.
        partition: usize,
        /// The future's key.
        key: String,
    },
    /// A future that is not alive in this process, and nobody to ask for it.
    #[error(
        "leaf `{leaf}`, partition {partition}: future {key:?} of engine {engine} is not alive in this process; give a resolver that knows this engine"
    )]
    NoResolver {
        /// The leaf's name.
        leaf: String,
        /// Which of its partitions.
        partition: usize,
        /// The future's key.
        key: String,
        /// Its engine.
        engine: String,
    },
    /// A future that the resolver does not find.
    #[error("leaf `{leaf}`, partition {partition}: {source}")]
    Future {
        /// The leaf's name.
        leaf: String,
        /// Which of its partitions.
        partition: usize,
        /// The resolver's word.
        source: FutureError,
    },
    /// A future that is another one than the document means.
    #[error("leaf `{leaf}`, partition {partition}: the document means {expected}, but {found}")]
    WrongFuture {
        /// The leaf's name.
        leaf: String,
        /// Which of its partitions.
        partition: usize,
        /// The future of the document.
        expected: String,
        /// What was found.
        found: String,
    },
    /// What an engine owns, and its codec cannot write or read.
    #[error("{place}: {source}")]
    Codec {
        /// Where.
        place: String,
        /// The engine's word.
        source: CodecError,
    },
    /// A function that the reader does not have, or has in another version.
    #[error(
        "{place}: the document needs function `{name}` of version {version:?}, {}",
        found.as_ref().map_or("which this engine does not have for these arguments".to_owned(), |found| format!("this engine has version {found:?}"))
    )]
    Function {
        /// Where.
        place: String,
        /// The function.
        name: String,
        /// The version of the document.
        version: String,
        /// The version of the reader.
        found: Option<String>,
    },
    /// Arrow data that cannot be written or read.
    #[error("{place}: {source}")]
    Data {
        /// Where.
        place: String,
        /// What is wrong.
        source: IpcError,
    },
    /// A node that the checked constructors refuse.
    #[error("node {node}: {source}")]
    Expr {
        /// Which node of the document.
        node: usize,
        /// What is wrong.
        source: ExprError,
    },
    /// A document that contradicts itself.
    #[error("{place}: {message}")]
    Invalid {
        /// Where.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// What was read is not what was written.
    #[error(
        "{what} is not what the document says it is; was the document altered, or does this engine mean something else?"
    )]
    Altered {
        /// What has another identity.
        what: String,
    },
    /// A scalar that nests too deep for everything that walks it.
    #[error("{place}: a scalar of more than {limit} levels; split it over several projections")]
    TooDeep {
        /// Where.
        place: String,
        /// How deep a scalar may be.
        limit: usize,
    },
}

impl WireError {
    pub(crate) fn invalid(place: impl Into<String>, message: impl Into<String>) -> Self {
        WireError::Invalid { place: place.into(), message: message.into() }
    }
}
