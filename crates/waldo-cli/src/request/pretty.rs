//! JSON with line ends and indents, made from a stream in constant memory.

use std::io::{self, Write};

/// Writes JSON so that people can read it. The values stay byte for byte.
#[derive(Debug)]
pub(crate) struct Pretty<W> {
    out: W,
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    /// The last byte opened an array or an object.
    has_opened: bool,
}

/// Deeper levels get no further indent, so that a deep nesting stays small.
const MAX_INDENT: usize = 32;

impl<W: Write> Pretty<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, depth: 0, is_in_string: false, is_escaped: false, has_opened: false }
    }

    fn byte(&mut self, byte: u8) -> io::Result<()> {
        if self.is_in_string {
            let is_end = byte == b'"' && !self.is_escaped;
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            self.is_in_string = !is_end;
            return self.out.write_all(&[byte]);
        }
        match byte {
            // Lines of JSON stay lines.
            b'\n' if self.depth == 0 => self.out.write_all(b"\n"),
            b' ' | b'\t' | b'\r' | b'\n' => Ok(()),
            b'{' | b'[' => {
                self.open()?;
                self.depth += 1;
                self.has_opened = true;
                self.out.write_all(&[byte])
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if !std::mem::take(&mut self.has_opened) {
                    self.line()?;
                }
                self.out.write_all(&[byte])
            }
            b',' => {
                self.out.write_all(b",")?;
                self.line()
            }
            b':' => self.out.write_all(b": "),
            _ => {
                self.open()?;
                self.is_in_string = byte == b'"';
                self.out.write_all(&[byte])
            }
        }
    }

    /// Begins the first value of an array or an object.
    fn open(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.has_opened) { self.line() } else { Ok(()) }
    }

    fn line(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")?;
        (0..self.depth.min(MAX_INDENT)).try_for_each(|_| self.out.write_all(b"  "))
    }
}

impl<W: Write> Write for Pretty<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bytes.iter().try_for_each(|&byte| self.byte(byte))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text, in pieces of every length.
    fn pretty(json: &str) -> String {
        let mut texts: Vec<_> = (1..=json.len())
            .map(|size| {
                let mut text = Vec::new();
                let mut pretty = Pretty::new(&mut text);
                json.as_bytes().chunks(size).for_each(|piece| pretty.write_all(piece).unwrap());
                String::from_utf8(text).unwrap()
            })
            .collect();
        texts.dedup();
        assert_eq!(texts.len(), 1);
        texts.remove(0)
    }

    #[test]
    fn values_stay_as_they_are() {
        for (json, expected) in [
            ("{}", "{}"),
            ("[ ]", "[]"),
            ("1.50", "1.50"),
            (
                r#"{"a":[1,{"b": "x, {\"\\"}],"c":{}}"#,
                "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x, {\\\"\\\\\"\n    }\n  ],\n\
                 \u{20} \"c\": {}\n}",
            ),
            ("{\"a\":1}\n{\"a\":2}\n", "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n"),
        ] {
            assert_eq!(pretty(json), expected, "{json}");
        }
    }

    #[test]
    fn deep_nesting_stays_small() {
        let deep = "[".repeat(10_000);
        assert!(pretty(&deep[..200]).len() < 200 * 80);
        let mut text = Vec::new();
        Pretty::new(&mut text).write_all(deep.as_bytes()).unwrap();
        assert!(text.len() < 10_000 * 70, "{}", text.len());
    }
}
