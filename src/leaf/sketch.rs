use std::hash::{BuildHasherDefault, Hasher};

use hyperloglogplus::{HyperLogLog, HyperLogLogPlus};

/// 2^12 registers: 1.6 % standard error.
const PRECISION: u8 = 12;

/// Estimates how many different values it has seen: the same for the same values, in whatever order,
/// process and on whatever machine.
pub(super) struct Sketch(HyperLogLogPlus<[u8], BuildHasherDefault<StableHasher>>);

impl Sketch {
    pub(super) fn new() -> Option<Self> {
        HyperLogLogPlus::new(PRECISION, BuildHasherDefault::default()).ok().map(Sketch)
    }

    pub(super) fn insert(&mut self, value: &[u8]) {
        self.0.insert(value);
    }

    pub(super) fn distinct(mut self) -> f64 {
        self.0.count().round()
    }
}

/// A hash that is a part of plans: estimates follow from it, so it may change with no compiler, word
/// size or byte order. The standard library's promises none of that.
#[derive(Default)]
struct StableHasher(u64);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // Multiply and fold, so that every bit of a word reaches the next one.
        let product = u128::from(self.0.rotate_left(23) ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    /// The last mixing of MurmurHash3: the registers are chosen by the top bits.
    fn finish(&self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}
