use crate::token::Tokenizer;

/// Blocks of this size keep all lanes of BLAKE3 busy, and fit into a core's cache.
const BLOCK: usize = 512 * 1024;

/// Gathers small pieces into blocks, since BLAKE3 is fast on long inputs only.
///
/// The bytes are not prefixed with a length: what they mean must follow from what stands before them.
pub(super) struct Raw<'a> {
    tokenizer: &'a mut Tokenizer,
    block: Vec<u8>,
}

impl<'a> Raw<'a> {
    pub(super) fn new(tokenizer: &'a mut Tokenizer) -> Self {
        Raw { tokenizer, block: Vec::new() }
    }

    /// Adds a piece; long ones are hashed where they lie.
    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.block.len() + bytes.len() > BLOCK {
            self.flush();
            if bytes.len() > BLOCK {
                return self.tokenizer.put_raw(bytes);
            }
        }
        self.block.extend_from_slice(bytes);
    }

    /// Adds pieces of one size.
    #[inline]
    pub(super) fn push_each<const N: usize>(&mut self, mut pieces: impl ExactSizeIterator<Item = [u8; N]>) {
        if pieces.len() < 4 {
            return pieces.for_each(|piece| self.push(&piece));
        }
        while pieces.len() > 0 {
            let room = (BLOCK - self.block.len()) / N;
            let count = room.min(pieces.len());
            let start = self.block.len();
            self.block.resize(start + count * N, 0);
            for (slot, piece) in self.block[start..].as_chunks_mut().0.iter_mut().zip(pieces.by_ref().take(count)) {
                *slot = piece;
            }
            if count == room {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        self.tokenizer.put_raw(&self.block);
        self.block.clear();
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}
