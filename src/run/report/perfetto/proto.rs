/// A protobuf message that is written field by field.
pub(super) struct Proto<'a>(pub(super) &'a mut Vec<u8>);

/// A field that is a message, not yet closed: where its length stands.
pub(super) struct Open(pub(super) usize);

/// How fields are written.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;

impl Proto<'_> {
    #[inline]
    pub(super) fn uint(&mut self, field: u32, value: u64) -> &mut Self {
        self.tag(field, VARINT).varint(value)
    }

    #[inline]
    pub(super) fn fixed64(&mut self, field: u32, value: u64) -> &mut Self {
        self.tag(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn double(&mut self, field: u32, value: f64) -> &mut Self {
        self.fixed64(field, value.to_bits())
    }

    pub(super) fn text(&mut self, field: u32, text: &str) -> &mut Self {
        self.tag(field, BYTES).varint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Proto<'_>)) -> &mut Self {
        let open = self.open(field);
        write(self);
        self.close(open)
    }

    /// Begins a field that is a message, up to where it is [closed](Self::close).
    #[inline]
    pub(super) fn open(&mut self, field: u32) -> Open {
        self.tag(field, BYTES);
        // Most messages are so short that their length has one byte.
        self.0.push(0);
        Open(self.0.len() - 1)
    }

    #[inline]
    pub(super) fn close(&mut self, open: Open) -> &mut Self {
        let length = self.0.len() - open.0 - 1;
        match length < 1 << 7 {
            true => self.0[open.0] = length as u8,
            false => self.close_long(open, length),
        }
        self
    }

    /// Makes room for the length of a message that is longer than most.
    #[cold]
    fn close_long(&mut self, Open(at): Open, length: usize) {
        let mut bytes = Vec::new();
        Proto(&mut bytes).varint(length as u64);
        self.0.splice(at..=at, bytes);
    }

    /// The first so many of these bytes, and at least one. To write all and take some back is faster than to write few.
    #[inline]
    pub(super) fn put<const N: usize>(&mut self, bytes: [u8; N], length: usize) -> &mut Self {
        let end = self.0.len() + length;
        self.0.extend_from_slice(&bytes);
        self.0.truncate(end);
        self
    }

    #[inline]
    fn tag(&mut self, field: u32, kind: u32) -> &mut Self {
        self.varint(u64::from(field << 3 | kind))
    }

    #[inline]
    fn varint(&mut self, value: u64) -> &mut Self {
        match short_varint(value) {
            Some((bytes, length)) => self.put(bytes.to_le_bytes(), length),
            None => self.long_varint(value),
        }
    }

    #[cold]
    fn long_varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 1 << 7 {
            self.0.push(value as u8 | 1 << 7);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }
}

/// A number in groups of seven bits, the lowest first, if that takes eight bytes at most; and how many it takes.
#[inline]
pub(super) fn short_varint(value: u64) -> Option<(u64, usize)> {
    if value >= 1 << 56 {
        return None;
    }
    // Halves of 28 bits are moved apart, then halves of these, and theirs.
    let bytes = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let bytes = (bytes & 0x0000_3fff_0000_3fff) | (bytes & 0x0fff_c000_0fff_c000) << 2;
    let bytes = (bytes & 0x007f_007f_007f_007f) | (bytes & 0x3f80_3f80_3f80_3f80) << 1;
    let last = (bytes | 1).ilog2() / 8;
    // All but the last say that another one follows.
    let more = 0x8080_8080_8080_8080 & ((1 << (8 * last)) - 1);
    Some((bytes | more, last as usize + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back(value in any::<u64>(), shift in 0..64u32) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            Proto(&mut bytes).varint(value);
            let groups = bytes.iter().rev().fold(0u128, |number, byte| number << 7 | u128::from(byte & 0x7f));
            prop_assert_eq!(groups, u128::from(value));
            let last = bytes.len() - 1;
            prop_assert!(bytes.iter().enumerate().all(|(at, byte)| (byte & 0x80 != 0) == (at < last)));
            prop_assert!(last == 0 || bytes[last] != 0, "no longer than it must be");
        }
    }

    #[test]
    fn messages_of_any_length_say_it() {
        for length in [0, 1, 124, 125, 126, 16_380, 16_381, 3_000_000] {
            let text = "x".repeat(length);
            let mut bytes = vec![7];
            Proto(&mut bytes).message(1, |message| {
                message.message(2, |message| _ = message.text(3, &text));
            });
            let mut inner = Vec::new();
            Proto(&mut inner).text(3, &text);
            let mut middle = vec![2 << 3 | 2];
            Proto(&mut middle).varint(inner.len() as u64);
            middle.extend(inner);
            let mut expected = vec![7, 1 << 3 | 2];
            Proto(&mut expected).varint(middle.len() as u64);
            expected.extend(middle);
            assert!(bytes == expected, "{length}");
        }
    }
}
