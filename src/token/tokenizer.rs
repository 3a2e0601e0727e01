use super::{Determinism, Token, Tokenize};

/// Names the encoding below. It is hashed into every token, so a change of the encoding must
/// change it, and the golden tokens fail when somebody forgets.
pub const SCHEME: &str = "leafhold-token-1";

/// Type tags of the encoding. Part of the scheme: never renumber.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Tag {
    Bool = 1,
    Unsigned = 2,
    Signed = 3,
    Float = 4,
    Text = 5,
    Bytes = 6,
    Sequence = 7,
    Map = 8,
    None = 9,
    Some = 10,
    Token = 11,
    Record = 12,
    Unit = 13,
    Wide = 14,
    Tuple = 15,
}

/// Feeds typed, length-prefixed fields into one BLAKE3 hash.
///
/// Every `put_*` writes a tag that no other type uses and, where the length varies, the length, so
/// the encoding of a sequence of fields is injective.
pub struct Tokenizer {
    hasher: blake3::Hasher,
    determinism: Determinism,
}

impl Tokenizer {
    /// A tokenizer for values of the given kind; two kinds never share a token.
    pub fn new(domain: &str) -> Self {
        let mut tokenizer = Tokenizer { hasher: blake3::Hasher::new(), determinism: Determinism::Content };
        tokenizer.put_str(SCHEME);
        tokenizer.put_str(domain);
        tokenizer
    }

    /// The token of everything put so far.
    pub fn finish(self) -> Token {
        Token::from_bytes(*self.hasher.finalize().as_bytes())
    }

    /// Whether anything put so far had identity instead of content.
    pub fn determinism(&self) -> Determinism {
        self.determinism
    }

    /// Marks the value as an instance: see [`Determinism`].
    pub fn set_determinism(&mut self, determinism: Determinism) {
        self.determinism = self.determinism.and(determinism);
    }

    /// Puts a value through its [`Tokenize`] implementation.
    pub fn put<T: Tokenize + ?Sized>(&mut self, value: &T) {
        value.tokenize(self);
    }

    pub fn put_bool(&mut self, value: bool) {
        self.fixed(Tag::Bool, &[u8::from(value)]);
    }

    pub fn put_u64(&mut self, value: u64) {
        self.fixed(Tag::Unsigned, &value.to_le_bytes());
    }

    pub fn put_i64(&mut self, value: i64) {
        self.fixed(Tag::Signed, &value.to_le_bytes());
    }

    pub fn put_i128(&mut self, value: i128) {
        self.fixed(Tag::Wide, &value.to_le_bytes());
    }

    /// Floats go by bits: `0.0` and `-0.0` differ, and every NaN payload is its own value.
    pub fn put_f64(&mut self, value: f64) {
        self.fixed(Tag::Float, &value.to_bits().to_le_bytes());
    }

    pub fn put_str(&mut self, value: &str) {
        self.sized(Tag::Text, value.as_bytes());
    }

    pub fn put_bytes(&mut self, value: &[u8]) {
        self.sized(Tag::Bytes, value);
    }

    pub fn put_token(&mut self, value: Token) {
        self.fixed(Tag::Token, value.as_bytes());
    }

    /// Begins a record (a struct or an enum variant) of that name.
    pub fn put_record(&mut self, name: &str) {
        self.sized(Tag::Record, name.as_bytes());
    }

    /// Begins a sequence of `len` values, which follow.
    pub fn put_sequence(&mut self, len: usize) {
        self.fixed(Tag::Sequence, &(len as u64).to_le_bytes());
    }

    /// Begins a tuple of `len` fields, which follow.
    pub fn put_tuple(&mut self, len: usize) {
        self.fixed(Tag::Tuple, &(len as u64).to_le_bytes());
    }

    /// Begins a map of `len` entries, which follow in key order.
    pub fn put_map(&mut self, len: usize) {
        self.fixed(Tag::Map, &(len as u64).to_le_bytes());
    }

    pub fn put_none(&mut self) {
        self.fixed(Tag::None, &[]);
    }

    pub fn put_some(&mut self) {
        self.fixed(Tag::Some, &[]);
    }

    pub fn put_unit(&mut self) {
        self.fixed(Tag::Unit, &[]);
    }

    fn fixed(&mut self, tag: Tag, bytes: &[u8]) {
        self.hasher.update(&[tag as u8]);
        self.hasher.update(bytes);
    }

    fn sized(&mut self, tag: Tag, bytes: &[u8]) {
        self.hasher.update(&[tag as u8]);
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }
}
