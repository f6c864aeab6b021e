//! Text for a terminal, without control characters.

use std::io::{self, Write};

/// Replaces the control characters of a stream, which could command a terminal, and bytes that are
/// not UTF-8.
#[derive(Debug)]
pub(crate) struct Text<W> {
    out: W,
    /// The beginning of a character.
    rest: Vec<u8>,
    /// Whether the last character was a line end.
    pub(crate) ends_line: bool,
}

impl<W: Write> Text<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, rest: Vec::new(), ends_line: true }
    }
}

impl<W: Write> Write for Text<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.extend(chunk.valid().chars().map(harmless));
            let invalid = chunk.invalid();
            let is_beginning = chunks.peek().is_none()
                && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if is_beginning {
                self.rest = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        if let Some(last) = text.chars().next_back() {
            self.ends_line = last == '\n';
        }
        self.out.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn harmless(char: char) -> char {
    let is_layout = matches!(char, '\n' | '\t');
    if char.is_control() && !is_layout { char::REPLACEMENT_CHARACTER } else { char }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        let bytes = b"a\x1b[2J\t\xc3\xa9\xc2\x9bx\xff\xe2\x82\xac\n";
        for size in 1..=bytes.len() {
            let mut out = Vec::new();
            let mut text = Text::new(&mut out);
            bytes.chunks(size).for_each(|piece| text.write_all(piece).unwrap());
            assert!(text.ends_line);
            let out = String::from_utf8(out).unwrap();
            assert_eq!(out, "a\u{fffd}[2J\t\u{e9}\u{fffd}x\u{fffd}\u{20ac}\n", "{size}");
        }
    }
}
