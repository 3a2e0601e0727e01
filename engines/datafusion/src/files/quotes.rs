//! A text that ends inside quotes is cut off, or has a quote too many. The parser takes all that follows the quote as one
//! field, and rows would vanish without a word.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use memchr::memchr_iter;

const QUOTE: u8 = b'"';
/// Some programs begin a text with it; the parser skips it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A text of quoted fields on its way to the parser, which fails where it ends inside quotes.
pub(super) struct Quotes<R> {
    input: R,
    delimiter: u8,
    within: Within,
    /// The byte before those that come next.
    last: u8,
    /// How many bytes went by.
    passed: u64,
}

/// Where a text is, and the place of the quote that began the field, if one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// Quotes are letters here, but for the first letter of a field.
    Plain,
    /// Inside quotes.
    Quoted(u64),
    /// A quote was the last. It closes, unless the next byte is one, too: the two stand for one.
    Closed(u64),
}

impl<R: Read + Seek> Quotes<R> {
    pub fn new(input: R, delimiter: u8) -> Self {
        Quotes { input, delimiter, within: Within::Plain, last: b'\n', passed: 0 }
    }

    /// Goes from quote to quote: of what is between them, only the byte before a quote matters.
    fn see(&mut self, mut text: &[u8]) {
        if self.passed == 0
            && let Some(rest) = text.strip_prefix(BYTE_ORDER_MARK)
        {
            self.passed = BYTE_ORDER_MARK.len() as u64;
            text = rest;
        }
        let (delimiter, passed, mut within) = (self.delimiter, self.passed, self.within);
        for at in memchr_iter(QUOTE, text) {
            let before = if at == 0 { self.last } else { text[at - 1] };
            within = match within {
                Within::Quoted(from) => Within::Closed(from),
                Within::Closed(from) if before == QUOTE => Within::Quoted(from),
                _ if before == delimiter || matches!(before, b'\n' | b'\r') => Within::Quoted(passed + at as u64),
                _ => Within::Plain,
            };
        }
        self.within = within;
        self.last = text.last().copied().unwrap_or(self.last);
        self.passed += text.len() as u64;
    }

    fn end(&mut self) -> io::Result<usize> {
        let Within::Quoted(from) = self.within else { return Ok(0) };
        let line = 1 + self.lines_before(from)?;
        self.input.seek(SeekFrom::End(0))?;
        let reason = format!("it ends inside quotes that begin in line {line} and are never closed");
        Err(io::Error::new(io::ErrorKind::InvalidData, reason))
    }

    /// Counted only where something is wrong, which costs another reading.
    fn lines_before(&mut self, place: u64) -> io::Result<usize> {
        self.input.rewind()?;
        let mut before = BufReader::new((&mut self.input).take(place));
        let mut count = 0;
        loop {
            let text = before.fill_buf()?;
            if text.is_empty() {
                return Ok(count);
            }
            count += memchr_iter(b'\n', text).count();
            let length = text.len();
            before.consume(length);
        }
    }
}

impl<R: Read + Seek> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer)? {
            0 if !buffer.is_empty() => self.end(),
            count => {
                self.see(&buffer[..count]);
                Ok(count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::Quotes;

    /// Reads a text in pieces of so many bytes.
    fn read(text: &str, piece: usize) -> Result<(), String> {
        let mut quotes = Quotes::new(Cursor::new(text), b',');
        let mut buffer = vec![0; piece];
        loop {
            match quotes.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn a_text_that_ends_inside_quotes_is_told_by_the_line_where_they_begin() {
        for piece in [4, 5, 100] {
            for whole in [
                "",
                "a,b\n1,2\n",
                "a,b\n1,\"x\"",
                "a\n\"x\ny\"\n",
                "a\n\"x\"\"y\"\n",
                "a\n\"\"\n",
                "a\n5\" pipe\n",
                "a\nx\"\"y\"\n",
                "a\n\"x\"y\"z\n",
                "a\r\n\"x\"\r\n",
                "\u{feff}\"a\nb\",c\n1,2\n",
            ] {
                assert_eq!(read(whole, piece), Ok(()), "{whole:?} by {piece}");
            }
            for (cut, line) in [
                ("a,b\n1,\"x\n2,y\n", 2),
                ("\"a", 1),
                ("a\n1\n\"x\"\"\n2\n3", 3),
                ("a\n\"x\ny\"\n\"", 4),
                ("a\n\"\"\"\n", 2),
            ] {
                let error = read(cut, piece).unwrap_err();
                assert!(error.contains(&format!("begin in line {line} ")), "{cut:?} by {piece}: {error}");
            }
        }
    }
}
