//! Sizes in bytes, as people write them.

const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("KI", 1 << 10),
    ("MI", 1 << 20),
    ("GI", 1 << 30),
    ("TI", 1 << 40),
];

/// `512MB`, `1.5GiB`, `100000`.
pub fn size(text: &str) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_uppercase();
    let unit = unit.strip_suffix('B').unwrap_or(&unit);
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    match (number.parse::<f64>(), known) {
        (Ok(number), Some((_, bytes))) => Ok((number * *bytes as f64) as u64),
        _ => Err("write a size as 512MB, 1.5GiB or 100000 (bytes)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        let read = ["100000", "512MB", "512 mb", "1.5GiB", "2k", "7B"].map(|text| size(text).unwrap());
        assert_eq!(read, [100_000, 512_000_000, 512_000_000, 3 << 29, 2_000, 7]);
        for wrong in ["", "MB", "-1", "1.2.3", "5 parsecs", "1e9"] {
            assert!(size(wrong).is_err(), "{wrong:?}");
        }
    }
}
