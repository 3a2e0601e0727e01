use std::time::Duration;

use serde::Serialize;

/// JSON that is written piece by piece. Punctuation and names are put as they are; everything that somebody else wrote
/// goes through [`json`](JsonText::json).
pub(super) struct JsonText<'a>(pub(super) &'a mut Vec<u8>);

impl JsonText<'_> {
    /// Punctuation, and names that need no escapes.
    #[inline]
    pub(super) fn put(&mut self, piece: &str) -> &mut Self {
        self.0.extend_from_slice(piece.as_bytes());
        self
    }

    #[inline]
    pub(super) fn whole(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.put(itoa::Buffer::new().format(number))
    }

    /// A time in microseconds: exact, with the nanoseconds as a fraction.
    #[inline]
    pub(super) fn micros(&mut self, time: Duration) -> &mut Self {
        match u64::try_from(time.as_micros()) {
            Ok(micros) => self.whole(micros),
            Err(_) => self.whole(time.as_micros()),
        };
        let nanos = time.subsec_nanos() % 1000;
        if nanos > 0 {
            let digits = [b'.', digit(nanos / 100), digit(nanos / 10), digit(nanos)];
            let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
            self.0.extend_from_slice(&digits[..digits.len() - zeros]);
        }
        self
    }

    /// Whatever can be written as JSON.
    pub(super) fn json(&mut self, value: &(impl Serialize + ?Sized)) -> &mut Self {
        // Strings, numbers, and lists and maps of these, into memory: this cannot fail.
        let _ = serde_json::to_writer(&mut *self.0, value);
        self
    }
}

/// The last digit of a number.
fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_exact(secs in prop_oneof![0..100u64, any::<u64>()], nanos in 0..1_000_000_000u32) {
            let time = Duration::new(secs, nanos);
            let mut text = Vec::new();
            JsonText(&mut text).micros(time);
            let text = String::from_utf8(text).unwrap();
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert!(!fraction.ends_with('0'), "{}", text);
            let nanos = format!("{whole}{fraction:0<3}").parse::<u128>().unwrap();
            prop_assert_eq!(nanos, time.as_nanos());
        }
    }
}
