use std::fmt::Write as _;

/// What a tokenizer that is watched has seen.
#[derive(Default)]
pub(super) struct Trace {
    path: String,
    identities: Vec<(String, String)>,
    encoding: Option<Vec<u8>>,
}

impl Trace {
    /// A trace that keeps the encoding, too.
    pub(super) fn of_encoding() -> Self {
        Trace { encoding: Some(Vec::new()), ..Trace::default() }
    }

    /// Goes into a field; gives what [`Trace::leave`] wants to know.
    pub(super) fn enter_field(&mut self, name: &str) -> usize {
        let outside = self.path.len();
        if outside > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        outside
    }

    /// Goes into an item; gives what [`Trace::leave`] wants to know.
    pub(super) fn enter_position(&mut self, position: usize) -> usize {
        let outside = self.path.len();
        // Writing to a string does not fail.
        let _ = write!(self.path, "[{position}]");
        outside
    }

    pub(super) fn leave(&mut self, outside: usize) {
        self.path.truncate(outside);
    }

    pub(super) fn identity(&mut self, why: String) {
        self.identities.push((self.path.clone(), why));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if let Some(encoding) = &mut self.encoding {
            encoding.extend_from_slice(bytes);
        }
    }

    /// Path and reason of all that has identity, in written order.
    pub(super) fn into_identities(self) -> Vec<(String, String)> {
        self.identities
    }

    /// All bytes, if they were kept.
    pub(super) fn into_encoding(self) -> Vec<u8> {
        self.encoding.unwrap_or_default()
    }
}
