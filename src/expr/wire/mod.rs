//! Expressions, plans, task graphs and fragments as documents.
//!
//! A document is plain data: serde writes it in any format, and JSON is the text form. It begins with
//! its version and what it is, `{"leafhold": 1, "kind": "expr", ..}`. This page describes what all kinds
//! share; the other kinds live beside what they describe, in `optimize` and `lower`.
//!
//! * *Graphs* are lists of nodes, inputs before the nodes that use them, each shared node once. Inputs
//!   are indices of earlier nodes, so a document cannot describe a cycle.
//! * *Scalars* are lists of steps in post-order, each with the number of its operands:
//!   `[[{"column":"a"},0],[{"literal":{"int64":1}},0],[{"binary":">"},2]]`.
//! * *Data* (the batches of `Values`, literals of rarer types) are Arrow IPC streams, so that every type
//!   survives bit for bit.
//! * *Functions* go by name and version. The reader's [`Functions`](super::Functions) must know the same.
//! * *Futures* go by their engine's name ([`FutureRecord`](crate::leaf::FutureRecord)); those of this
//!   process cannot be written. Read back within the session they are the same live instances and the
//!   tokens are equal; elsewhere a [`FutureResolver`](crate::leaf::FutureResolver) finds them, and what it
//!   finds is a new instance there, with another token.
//! * *What engines own* (extensions, tables) is written and read by their [`Codec`].
//!
//! Reading trusts nothing: everything goes through the checked constructors, and the identity that the
//! document claims must be that of what was read. A document that was cut off, altered, or written by
//! another version is a [`WireError`], never a panic.
//!
//! # When the format changes
//!
//! [`FORMAT`] goes up with every change that makes an old document unreadable or another thing: a field
//! or an operator renamed, removed or given another meaning. A new operator or kind needs no new number:
//! an older reader names what it does not know. Both ends of a cluster should be of one release all the
//! same; golden documents under `tests/data` fail when the format changes unnoticed.

mod codec;
mod document;
mod error;
mod expr;
mod extension;
mod leaf;
mod literal;
mod read;
mod relation;
mod scalar;
mod schema;
mod window;

pub use codec::{Codec, CodecError, NoCodec};
pub use document::FORMAT;
pub(crate) use document::{Kind, expect, from_json, to_json};
pub use error::WireError;
pub use expr::ExprDocument;
pub(crate) use extension::ExtensionWire;
pub(crate) use leaf::{BatchesWire, LeafWire, OpaqueWire, record};
pub use read::ReadContext;
pub(crate) use read::Reading;
pub(crate) use relation::{CallWire, SortKeyWire};
pub(crate) use scalar::{ScalarReader, Steps};
pub(crate) use schema::{SchemaWire, TypeWire};
pub(crate) use window::{WindowCallWire, WindowWire};
