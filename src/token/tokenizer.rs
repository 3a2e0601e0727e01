use std::fmt;
use std::sync::{LazyLock, OnceLock};

use arrayvec::ArrayVec;

use super::encoding::{Atom, Kind};
use super::trace::Trace;
use super::{Determinism, Token, Tokenize};

/// Names the encoding. It is hashed into every token, so a change of the encoding must change it,
/// and the golden tokens fail when somebody forgets.
pub const SCHEME: &str = "leafhold-token-2";

/// The key of every hash: the scheme, once, instead of a prefix of every message.
static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| blake3::derive_key(SCHEME, &[]));

/// Up to so many bytes are hashed at once, without a streaming state: one chunk of BLAKE3.
const AT_ONCE: usize = blake3::CHUNK_LEN;

/// From so many bytes on, waking other threads pays. BLAKE3 is a tree: how many threads hash its
/// branches never changes the root.
const THREADED: usize = 256 * 1024;

/// Feeds typed, length-prefixed fields into one BLAKE3 hash.
///
/// Every `put_*` begins with a byte that tells its kind and, where the length varies, the length, so
/// the encoding of a sequence of fields is injective. Small values are collected and hashed at once.
///
/// ```
/// use leafhold::token::{Determinism, Tokenizer};
///
/// let mut tokenizer = Tokenizer::new("point");
/// tokenizer.put_u64(3);
/// tokenizer.put_str("north");
/// assert_eq!(tokenizer.determinism(), Determinism::Content);
/// assert_eq!(tokenizer.finish().to_string().len(), 64);
/// ```
pub struct Tokenizer {
    buffer: ArrayVec<u8, AT_ONCE>,
    /// What did not fit into the buffer. Its state is large, and most values need none.
    hasher: Option<Box<blake3::Hasher>>,
    determinism: Determinism,
    trace: Option<Box<Trace>>,
}

impl Tokenizer {
    /// A tokenizer for values of the given kind; two kinds never share a token.
    // Inlined, as is `finish`: the buffer is large, and must not be moved.
    #[inline(always)]
    pub fn new(domain: &str) -> Self {
        let mut tokenizer = Tokenizer::bare(None);
        tokenizer.put_str(domain);
        tokenizer
    }

    /// A tokenizer without a domain, which tells `trace` what it does.
    pub(super) fn traced(trace: Trace) -> Self {
        Tokenizer::bare(Some(Box::new(trace)))
    }

    #[inline(always)]
    fn bare(trace: Option<Box<Trace>>) -> Self {
        Tokenizer { buffer: ArrayVec::new(), hasher: None, determinism: Determinism::Content, trace }
    }

    /// The token of everything put so far.
    #[inline(always)] // by a call, the whole buffer would be copied
    pub fn finish(self) -> Token {
        let hash = match self.hasher {
            None => blake3::keyed_hash(&KEY, &self.buffer),
            Some(mut hasher) => hasher.update(&self.buffer).finalize(),
        };
        Token::from_bytes(*hash.as_bytes())
    }

    /// What the trace has seen, with all bytes put so far.
    pub(super) fn into_trace(mut self) -> Trace {
        self.flush();
        self.trace.map(|trace| *trace).unwrap_or_default()
    }

    /// Whether anything put so far had identity instead of content.
    pub fn determinism(&self) -> Determinism {
        self.determinism
    }

    /// Marks the value as an instance: see [`Determinism`].
    pub fn set_determinism(&mut self, determinism: Determinism) {
        self.determinism = self.determinism.and(determinism);
        if determinism == Determinism::Identity
            && let Some(trace) = &mut self.trace
        {
            trace.identity("it has identity, not content".to_owned());
        }
    }

    /// Marks the value as an instance and says why, for reports that name the place.
    ///
    /// ```
    /// use leafhold::token::{Tokenize, Tokenizer, ensure_deterministic_value};
    ///
    /// struct Session(u64);
    ///
    /// impl Tokenize for Session {
    ///     fn tokenize(&self, tokenizer: &mut Tokenizer) {
    ///         tokenizer.put_u64(self.0);
    ///         tokenizer.set_identity(format_args!("session {} is open in this process only", self.0));
    ///     }
    /// }
    ///
    /// let error = ensure_deterministic_value(&(1u64, Session(7))).unwrap_err();
    /// assert_eq!(error.to_string(), "[1]: session 7 is open in this process only");
    /// ```
    pub fn set_identity(&mut self, why: impl fmt::Display) {
        self.determinism = Determinism::Identity;
        if let Some(trace) = &mut self.trace {
            trace.identity(why.to_string());
        }
    }

    /// Puts a value through its [`Tokenize`] implementation.
    #[inline]
    pub fn put<T: Tokenize + ?Sized>(&mut self, value: &T) {
        value.tokenize(self);
    }

    /// Puts a named field: its name and its value.
    #[inline]
    pub fn put_field<T: Tokenize + ?Sized>(&mut self, name: &str, value: &T) {
        self.sized(Kind::Field, name.as_bytes());
        self.put_inside(value, |trace| trace.enter_field(name));
    }

    /// Puts the item at a position of a sequence or tuple: its value alone, since the position follows
    /// from the order. Reports of what has identity name the position.
    #[inline]
    pub fn put_item<T: Tokenize + ?Sized>(&mut self, position: usize, value: &T) {
        self.put_inside(value, |trace| trace.enter_position(position));
    }

    #[inline]
    fn put_inside<T: Tokenize + ?Sized>(&mut self, value: &T, enter: impl FnOnce(&mut Trace) -> usize) {
        let outside = self.trace.as_deref_mut().map(enter);
        value.tokenize(self);
        if let (Some(outside), Some(trace)) = (outside, &mut self.trace) {
            trace.leave(outside);
        }
    }

    /// Puts a truth value.
    #[inline]
    pub fn put_bool(&mut self, value: bool) {
        self.atom(if value { Atom::True } else { Atom::False }, []);
    }

    /// Puts an unsigned number of 64 bits; counts and lengths, too.
    #[inline]
    pub fn put_u64(&mut self, value: u64) {
        self.header(Kind::Unsigned, value);
    }

    /// Puts a signed number of 64 bits.
    #[inline]
    pub fn put_i64(&mut self, value: i64) {
        // Zigzag: numbers near zero are short, whatever their sign.
        self.header(Kind::Signed, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
    }

    /// Puts a signed number of 128 bits.
    #[inline]
    pub fn put_i128(&mut self, value: i128) {
        self.atom(Atom::I128, value.to_le_bytes());
    }

    /// Floats go by bits: `0.0` and `-0.0` differ, and every NaN payload is its own value.
    #[inline]
    pub fn put_f64(&mut self, value: f64) {
        self.atom(Atom::F64, value.to_bits().to_le_bytes());
    }

    /// Puts a character.
    #[inline]
    pub fn put_char(&mut self, value: char) {
        self.header(Kind::Char, u64::from(u32::from(value)));
    }

    /// Puts a text.
    #[inline]
    pub fn put_str(&mut self, value: &str) {
        self.sized(Kind::Text, value.as_bytes());
    }

    /// Puts a string of bytes.
    #[inline]
    pub fn put_bytes(&mut self, value: &[u8]) {
        self.sized(Kind::Bytes, value);
    }

    /// Puts a token: that of a part which is not written out again.
    #[inline]
    pub fn put_token(&mut self, value: Token) {
        self.atom(Atom::Token, *value.as_bytes());
    }

    /// Begins a record (a struct or an enum variant) of that name.
    #[inline]
    pub fn put_record(&mut self, name: &str) {
        self.sized(Kind::Record, name.as_bytes());
    }

    /// Begins a sequence of `len` values, which follow.
    #[inline]
    pub fn put_sequence(&mut self, len: usize) {
        self.header(Kind::Sequence, len as u64);
    }

    /// Begins a tuple of `len` fields, which follow.
    #[inline]
    pub fn put_tuple(&mut self, len: usize) {
        self.header(Kind::Tuple, len as u64);
    }

    /// Begins a map of `len` entries, which follow in key order.
    #[inline]
    pub fn put_map(&mut self, len: usize) {
        self.header(Kind::Map, len as u64);
    }

    /// Puts "nothing".
    #[inline]
    pub fn put_none(&mut self) {
        self.atom(Atom::None, []);
    }

    /// Begins an optional value that is there; it follows.
    #[inline]
    pub fn put_some(&mut self) {
        self.atom(Atom::Some, []);
    }

    /// Puts the value that has no content.
    #[inline]
    pub fn put_unit(&mut self) {
        self.atom(Atom::Unit, []);
    }

    #[inline]
    pub(super) fn atom<const N: usize>(&mut self, atom: Atom, bytes: [u8; N]) {
        self.write(&[atom.header()]);
        self.write(&bytes);
    }

    /// Puts bytes whose number and meaning follow from what stands before them.
    #[inline]
    pub(super) fn put_raw(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }

    #[inline]
    fn sized(&mut self, kind: Kind, bytes: &[u8]) {
        self.header(kind, bytes.len() as u64);
        self.write(bytes);
    }

    #[inline]
    fn header(&mut self, kind: Kind, argument: u64) {
        match kind.short_header(argument) {
            Some(byte) => self.write(&[byte]),
            None => self.write(&kind.long_header(argument)),
        }
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        if self.buffer.try_extend_from_slice(bytes).is_err() {
            self.overflow(bytes);
        }
    }

    #[cold]
    fn overflow(&mut self, bytes: &[u8]) {
        self.flush();
        if self.buffer.try_extend_from_slice(bytes).is_err() {
            self.absorb(bytes);
        }
    }

    fn flush(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.absorb(&buffer);
    }

    fn absorb(&mut self, bytes: &[u8]) {
        if let Some(trace) = &mut self.trace {
            trace.bytes(bytes);
        }
        let hasher = self.hasher.get_or_insert_with(|| Box::new(blake3::Hasher::new_keyed(&KEY)));
        match bytes.len() >= THREADED && has_threads() {
            true => hasher.update_rayon(bytes),
            false => hasher.update(bytes),
        };
    }
}

/// Whether the threads that hash are those of this process: a child that was forked has none of them, and
/// would wait for them forever.
fn has_threads() -> bool {
    static STARTED_BY: OnceLock<u32> = OnceLock::new();
    *STARTED_BY.get_or_init(std::process::id) == std::process::id()
}
