//! The first byte of every encoded value: its kind in the upper half, a small argument in the lower.
//!
//! An argument up to 11 stands in the byte itself; 12 to 15 say that 1, 2, 4 or 8 bytes follow with it, lowest
//! first, always as few as can be. So every value has one encoding, and none is the beginning of another.
//! All of this is part of the scheme: never renumber.

use arrayvec::ArrayVec;

/// What a value is; the argument is its length or, for numbers, the value itself.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Kind {
    /// A value without an argument: see [`Atom`].
    Atom = 0,
    Unsigned = 1,
    Signed = 2,
    Char = 3,
    Text = 4,
    Bytes = 5,
    Sequence = 6,
    Tuple = 7,
    Map = 8,
    Record = 9,
    Field = 10,
}

/// Values of a fixed size, told apart by the lower half of the first byte.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Atom {
    False = 0,
    True = 1,
    Unit = 2,
    None = 3,
    Some = 4,
    U8 = 5,
    U16 = 6,
    U32 = 7,
    I8 = 8,
    I16 = 9,
    I32 = 10,
    F32 = 11,
    F64 = 12,
    U128 = 13,
    I128 = 14,
    Token = 15,
}

impl Atom {
    pub(super) fn header(self) -> u8 {
        (Kind::Atom as u8) << 4 | self as u8
    }
}

impl Kind {
    /// The header that has its argument in itself.
    #[inline]
    pub(super) fn short_header(self, argument: u64) -> Option<u8> {
        (argument < 12).then_some((self as u8) << 4 | argument as u8)
    }

    /// The header with its argument behind it.
    pub(super) fn long_header(self, argument: u64) -> ArrayVec<u8, 9> {
        let (code, size) = match argument {
            0..=0xff => (12, 1),
            0x100..=0xffff => (13, 2),
            0x1_0000..=0xffff_ffff => (14, 4),
            _ => (15, 8),
        };
        let mut header = ArrayVec::new();
        header.push((self as u8) << 4 | code);
        header.extend(argument.to_le_bytes().into_iter().take(size));
        header
    }
}
