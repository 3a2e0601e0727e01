//! Long texts, written on several threads.

use std::io::{self, Write};

/// How many items one thread writes at a time.
const SHARE: usize = 1_024;
/// How many of these are in memory at a time.
const SHARES: usize = 8;

/// Writes items one after the other: shares of them on several threads, and handed on in order. `write` appends some of
/// them, which follow each other, to a text; it begins each time without knowing of the others.
///
/// The text in memory is that of a few thousand items.
///
/// # Errors
/// What `out` says.
pub(super) fn write_shares<T: Sync>(
    items: &[T],
    mut out: impl Write,
    write: impl Fn(&[T], &mut Vec<u8>) + Sync,
) -> io::Result<()> {
    let mut texts: Vec<Vec<u8>> = vec![Vec::new(); SHARES];
    for round in items.chunks(SHARE * SHARES) {
        let mut shares: Vec<(&[T], &mut Vec<u8>)> = round.chunks(SHARE).zip(&mut texts).collect();
        write_all(&mut shares, &write);
        for text in &mut texts {
            out.write_all(text)?;
            text.clear();
        }
    }
    Ok(())
}

/// Halves go to whoever is free.
fn write_all<T: Sync>(shares: &mut [(&[T], &mut Vec<u8>)], write: &(impl Fn(&[T], &mut Vec<u8>) + Sync)) {
    match shares {
        [] => {}
        [(items, text)] => write(items, text),
        _ => {
            let (first, second) = shares.split_at_mut(shares.len() / 2);
            rayon_core::join(|| write_all(first, write), || write_all(second, write));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_items_are_written_in_order() {
        for count in [0, 1, SHARE, SHARE + 1, SHARE * SHARES, 3 * SHARE * SHARES + 7] {
            let items: Vec<usize> = (0..count).collect();
            let mut out = Vec::new();
            let write = |items: &[usize], text: &mut Vec<u8>| {
                items.iter().for_each(|item| text.extend_from_slice(format!("{item} ").as_bytes()));
            };
            write_shares(&items, &mut out, write).unwrap();
            let expected: String = items.iter().map(|item| format!("{item} ")).collect();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn what_takes_no_more_says_so() {
        let mut room = [0u8; 10];
        let error = write_shares(&[1, 2, 3], &mut room[..], |_, text| text.extend_from_slice(&[0; 11])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
