/// A count with its digits in groups of three: `1,234,567`.
///
/// ```
/// assert_eq!(leafhold::explain::grouped(1234567), "1,234,567");
/// assert_eq!(leafhold::explain::grouped(12), "12");
/// ```
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Estimates beyond this have too many digits to read.
const READABLE: f64 = 1e15;

/// An estimate as a whole count; one that is too large to read as a power of ten.
pub(super) fn estimate(rows: f64) -> String {
    match rows {
        rows if rows.is_nan() => "unknown".to_owned(),
        rows if rows >= READABLE => format!("{rows:.1e}"),
        rows => grouped(rows.round().max(0.0) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn estimates_are_whole_and_never_negative() {
        assert_eq!(estimate(0.4), "0");
        assert_eq!(estimate(1233.5), "1,234");
        assert_eq!(estimate(-3.0), "0");
        assert_eq!(estimate(2.5e17), "2.5e17");
        assert_eq!(estimate(f64::INFINITY), "inf");
        assert_eq!(estimate(f64::NAN), "unknown");
    }
}
