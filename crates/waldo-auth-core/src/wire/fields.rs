//! Reads a few fields of a JSON object, even if other parts of the text are faulty.
//!
//! A JSON library refuses the whole text if it has one fault. But a fault beside `token` or `code`
//! must not cost the login. So this reader accepts every object that `JSON.parse` accepts, and
//! skips the parts that it need not understand. The reader does not recurse, and it finds the
//! fields without a copy.

use std::char::REPLACEMENT_CHARACTER;

use zeroize::Zeroizing;

/// The value of a field as the text writes it, without the white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'a>(&'a [u8]);

/// Finds the fields with these names, and passes their values to `read`; `None` if the text is no
/// JSON object.
///
/// If a name occurs twice, the last value counts. Bytes after the object are ignored.
pub(crate) fn members<R, const N: usize>(
    json: &[u8],
    names: [&str; N],
    read: impl FnOnce([Option<Value<'_>>; N]) -> R,
) -> Option<R> {
    let recoded = recoded(json);
    find(recoded.as_ref().map_or(json, |text| text.as_bytes()), Text::Whole, names).map(read)
}

/// Like [`members`], but `json` is the beginning of a longer text, so the object need not end. A
/// field that does not end is not found.
pub(crate) fn leading_members<R, const N: usize>(
    json: &[u8],
    names: [&str; N],
    read: impl FnOnce([Option<Value<'_>>; N]) -> R,
) -> Option<R> {
    let recoded = recoded(json);
    find(recoded.as_ref().map_or(json, |text| text.as_bytes()), Text::Cut, names).map(read)
}

/// Whether the text is complete.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Whole,
    Cut,
}

fn find<'a, const N: usize>(
    json: &'a [u8],
    text: Text,
    names: [&str; N],
) -> Option<[Option<Value<'a>>; N]> {
    let mut found = [None; N];
    let mut rest = without_marks(json).strip_prefix(b"{")?;
    loop {
        rest = match rest {
            [b'}', ..] => return Some(found),
            [] if text == Text::Cut => return Some(found),
            [b'"', after @ ..] => {
                let Some((name, value, after)) = member(after) else {
                    return (text == Text::Cut).then_some(found);
                };
                let place = names.iter().zip(&mut found).find(|(known, _)| name.is(known));
                if let Some((_, place)) = place {
                    *place = Some(value);
                }
                after
            }
            [b',' | b' ' | b'\t' | b'\n' | b'\r' | b'\x0c', after @ ..] => after,
            _ => return None,
        };
    }
}

/// Splits the text after a name and its value. `json` begins after the opening quotation mark of
/// the name.
fn member(json: &[u8]) -> Option<(Inside<'_>, Value<'_>, &[u8])> {
    let (name, after) = string(json)?;
    let (value, after) = value(after.trim_ascii_start().strip_prefix(b":")?)?;
    Some((name, value, after))
}

/// The bytes between the quotation marks of a string, with its escapes.
#[derive(Clone, Copy)]
struct Inside<'a>(&'a [u8]);

/// Splits the text after the closing quotation mark of a string. `json` begins after the opening
/// quotation mark.
fn string(json: &[u8]) -> Option<(Inside<'_>, &[u8])> {
    let mut end = 0;
    loop {
        end += json.get(end..)?.iter().position(|byte| *byte == b'"')?;
        let inside = json.get(..end)?;
        end += 1;
        // Each pair of backslashes is one escaped backslash. An odd backslash escapes the quotation
        // mark.
        let backslashes = inside.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some((Inside(inside), json.get(end..)?));
        }
    }
}

/// Splits the text before the comma or the brace that ends a value.
fn value(json: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (mut rest, mut depth) = (json, 0_usize);
    loop {
        let (byte, after) = rest.split_first()?;
        rest = match byte {
            b'"' => string(after)?.1,
            b',' | b'}' | b']' if depth == 0 => break,
            byte => {
                match byte {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                after
            }
        };
    }
    let written = json.get(..json.len() - rest.len())?;
    Some((Value(written.trim_ascii()), rest))
}

impl<'a> Value<'a> {
    /// The value as it is written.
    pub(crate) fn as_written(self) -> &'a [u8] {
        self.0
    }

    /// The text, if the value is a string. The text may echo the key pair, so it is wiped on drop.
    pub(crate) fn text(self) -> Option<Zeroizing<String>> {
        Some(self.inside()?.text())
    }

    /// Whether the value is this text.
    #[cfg(feature = "verify")]
    pub(crate) fn is(self, text: &str) -> bool {
        self.inside().is_some_and(|inside| inside.is(text))
    }

    fn inside(self) -> Option<Inside<'a>> {
        match string(self.0.strip_prefix(b"\"")?)? {
            (inside, []) => Some(inside),
            _ => None,
        }
    }
}

impl Inside<'_> {
    fn is(&self, name: &str) -> bool {
        // A name with an escape is longer in the text than the name itself.
        let may_escape = self.0.len() > name.len() && self.0.contains(&b'\\');
        self.0 == name.as_bytes() || (may_escape && self.text().as_str() == name)
    }

    /// The text without its escapes. As in a browser, U+FFFD replaces each byte or escape that
    /// forms no character.
    fn text(&self) -> Zeroizing<String> {
        // Reserve the largest size, three bytes for each byte: a buffer that grows leaves a copy of
        // a secret behind.
        let mut text = Zeroizing::new(String::with_capacity(3 * self.0.len()));
        let mut rest = self.0;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            let (plain, escape) = rest.split_at(at);
            push(&mut text, plain);
            let (character, after) = escaped(escape.get(1..).unwrap_or_default());
            text.push(character);
            rest = after;
        }
        push(&mut text, rest);
        text
    }
}

fn push(text: &mut String, plain: &[u8]) {
    for chunk in plain.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(REPLACEMENT_CHARACTER);
        }
    }
}

/// The character of an escape, and the rest of the text. `json` begins after the backslash.
fn escaped(json: &[u8]) -> (char, &[u8]) {
    match json {
        [b'b', after @ ..] => ('\u{8}', after),
        [b'f', after @ ..] => ('\u{c}', after),
        [b'n', after @ ..] => ('\n', after),
        [b'r', after @ ..] => ('\r', after),
        [b't', after @ ..] => ('\t', after),
        [b'u', after @ ..] => code_point(after),
        [character @ 0..=0x7f, after @ ..] => (char::from(*character), after),
        after => (REPLACEMENT_CHARACTER, after),
    }
}

/// The character of one UTF-16 code unit, or of a surrogate pair.
fn code_point(json: &[u8]) -> (char, &[u8]) {
    let Some((first, after)) = code_unit(json) else { return (REPLACEMENT_CHARACTER, json) };
    let character = |units: &[u16]| char::decode_utf16(units.iter().copied()).next()?.ok();
    if let Some(character) = character(&[first]) {
        return (character, after);
    }
    let pair = after
        .strip_prefix(b"\\u")
        .and_then(code_unit)
        .and_then(|(second, after)| Some((character(&[first, second])?, after)));
    pair.unwrap_or((REPLACEMENT_CHARACTER, after))
}

fn code_unit(json: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, after) = json.split_first_chunk::<4>()?;
    let mut unit = 0;
    for digit in digits {
        unit = unit << 4 | char::from(*digit).to_digit(16)?;
    }
    Some((u16::try_from(unit).ok()?, after))
}

/// The text after leading white space and byte-order marks.
fn without_marks(mut json: &[u8]) -> &[u8] {
    loop {
        json = json.trim_ascii_start();
        match json.strip_prefix(b"\xef\xbb\xbf") {
            Some(after) => json = after,
            None => return json,
        }
    }
}

/// A copy of the text in UTF-8, if its first bytes show UTF-16 or UTF-32 (RFC 4627 §3). The copy is
/// wiped on drop.
fn recoded(json: &[u8]) -> Option<Zeroizing<String>> {
    Some(match json {
        [0xff, 0xfe, 0, 0, ..] | [_, 0, 0, 0, ..] => of_utf32(json, u32::from_le_bytes),
        [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] => of_utf32(json, u32::from_be_bytes),
        [0xff, 0xfe, ..] | [_, 0, ..] => of_utf16(json, u16::from_le_bytes),
        [0xfe, 0xff, ..] | [0, _, ..] => of_utf16(json, u16::from_be_bytes),
        _ => return None,
    })
}

fn of_utf16(json: &[u8], unit: fn([u8; 2]) -> u16) -> Zeroizing<String> {
    let units = json.as_chunks().0.iter().copied().map(unit);
    collected(json, char::decode_utf16(units).map(Result::ok))
}

fn of_utf32(json: &[u8], unit: fn([u8; 4]) -> u32) -> Zeroizing<String> {
    collected(json, json.as_chunks().0.iter().copied().map(unit).map(char::from_u32))
}

fn collected(json: &[u8], characters: impl Iterator<Item = Option<char>>) -> Zeroizing<String> {
    // Reserve enough, so that the buffer never grows: two bytes become at most three.
    let mut text = Zeroizing::new(String::with_capacity(2 * json.len()));
    characters.for_each(|character| text.push(character.unwrap_or(REPLACEMENT_CHARACTER)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The string `a`, or the reason why the text has none.
    #[derive(Debug, PartialEq)]
    enum Read {
        NoObject,
        NoText,
        Text(String),
    }

    fn read(json: &[u8]) -> Read {
        match members(json, ["a"], |[value]| value.and_then(Value::text)) {
            None => Read::NoObject,
            Some(None) => Read::NoText,
            Some(Some(text)) => Read::Text(text.as_str().to_owned()),
        }
    }

    fn text(text: &str) -> Read {
        Read::Text(text.to_owned())
    }

    /// The crate `interop` compares many more texts with `JSON.parse` itself.
    #[test]
    fn rule_02_a_text_is_read_as_json_parse_reads_it() {
        for (json, expected) in [
            (r#"{"a":"x"}"#, text("x")),
            (" \t\r\n{ \"a\" : \"x\" } \n", text("x")),
            (r#"{"a":"x","a":"y"}"#, text("y")),
            (r#"{"a":"x","a":1}"#, Read::NoText),
            (r#"{"a":"x","\u0061":"y"}"#, text("y")),
            (r#"{"A":"x"}"#, Read::NoText),
            (r#"{"b":{"a":"x"},"c":[{"a":"x"}]}"#, Read::NoText),
            (r#"{"b":"{\"a\":\"x\"}"}"#, Read::NoText),
            (r#"{"b":"\\","a":"x"}"#, text("x")),
            (r#"{"b":"\\\"","a":"x"}"#, text("x")),
            (r#"{"b":"]}[{,:","a":"x"}"#, text("x")),
            (r#"{"b":"\ud83d","a":"x"}"#, text("x")),
            (r#"{"\ud83d":"\ude00","a":"x"}"#, text("x")),
            (r#"{"b":1e999,"a":"x"}"#, text("x")),
            (r#"{"b":-0.0E-999,"a":"x"}"#, text("x")),
            (r#"{"a":"\"\\\/\b\f\n\r\t\u0078"}"#, text("\"\\/\u{8}\u{c}\n\r\tx")),
            (r#"{"a":"\ud83d\ude00 \uD83D\uDE00"}"#, text("\u{1f600} \u{1f600}")),
            (r#"{"a":"\ud83d"}"#, text("\u{fffd}")),
            (r#"{"a":"\ude00\ud83d"}"#, text("\u{fffd}\u{fffd}")),
            (r#"{"a":"\ud83dx\u0041"}"#, text("\u{fffd}xA")),
            (r#"{"a":"\ud83d\u0041"}"#, text("\u{fffd}A")),
            (r#"{"a":"ß€😀"}"#, text("ß€😀")),
            (r#"{"a":""}"#, text("")),
            (r#"{"":"x"}"#, Read::NoText),
            ("{}", Read::NoText),
            (r#"{"a":null}"#, Read::NoText),
            (r#"{"a":["x"]}"#, Read::NoText),
            (r#"{"a":{"a":"x"}}"#, Read::NoText),
            (r#"["a","x"]"#, Read::NoObject),
            (r#"[{"a":"x"}]"#, Read::NoObject),
            (r#""{\"a\":\"x\"}""#, Read::NoObject),
            ("null", Read::NoObject),
            ("1", Read::NoObject),
        ] {
            assert_eq!(read(json.as_bytes()), expected, "{json}");
        }
    }

    /// serde-rs/json#495, DollhouseMCP/mcp-server#2520, and other faults before, beside and after a
    /// text.
    #[test]
    fn rule_02_faults_beside_a_text_do_not_spoil_it() {
        for json in [
            &b"\xef\xbb\xbf{\"a\":\"x\"}"[..],
            b"\xef\xbb\xbf\r\n\xef\xbb\xbf {\"a\":\"x\"}",
            b"{\"a\":\"x\"}\0\0\0",
            b"{\"a\":\"x\"}{\"a\":\"y\"}",
            b"{\"a\":\"x\"}<!-- 12 ms -->",
            b"{\"b\":\"caf\xe9\",\"a\":\"x\"}",
            b"{\"\xff\":\"\xc3\",\"a\":\"x\"}",
            b"{\"b\":\"\x01\n\t\0\",\"a\":\"x\"}",
            b"{\"b\":\"\\x \\' \\u12 \\u\",\"a\":\"x\"}",
            b"{\"b\":NaN,\"c\":-Infinity,\"d\":undefined,\"a\":\"x\"}",
            b"{\"b\":01,\"c\":+1,\"d\":.5,\"e\":1.,\"a\":\"x\"}",
            b"{\"b\":[1,2,],\"a\":\"x\",}",
            b"{\"b\":,,\"a\":\"x\"}",
        ] {
            assert_eq!(read(json), text("x"), "{}", json.escape_ascii());
        }
    }

    #[test]
    fn rule_02_a_text_that_is_no_object_is_none() {
        for json in [
            "",
            " ",
            "{",
            "}",
            r#"{"a""#,
            r#"{"a":"#,
            r#"{"a":"x"#,
            r#"{"a":"x""#,
            r#"{"a":"x","#,
            r#"{"a":"x","b":["#,
            r#"{"a":"x\"}"#,
            r#"{"b":"\"#,
            r#"{a:"x"}"#,
            r"{'a':'x'}",
            r#"{"a" "x"}"#,
            r#"{"a":"x"]}"#,
            r#"{:"x"}"#,
            r#"{{"a":"x"}}"#,
            r#"<html>{"a":"x"}"#,
            r#"callback({"a":"x"})"#,
        ] {
            assert_eq!(read(json.as_bytes()), Read::NoObject, "{json}");
        }
    }

    #[test]
    fn rule_02_truncated_object_keeps_complete_fields() {
        let read =
            |json: &[u8]| match leading_members(json, ["a"], |[value]| value.and_then(Value::text))
            {
                None => Read::NoObject,
                Some(None) => Read::NoText,
                Some(Some(text)) => Read::Text(text.as_str().to_owned()),
            };
        for json in
            [r#"{"a":"x","#, r#"{"a":"x","b":"{"#, r#"{"a":"x","b":{"a":"y""#, r#"{"a":"x","a"#]
        {
            assert_eq!(read(json.as_bytes()), text("x"), "{json}");
            let wide: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(read(&wide), text("x"), "{json}");
        }
        assert_eq!(read(br#"{"a":"x","a":"y","b"#), text("y"));
        for json in ["{", r#"{"a":"#, r#"{"a":"x"#, r#"{"a":"x""#, r#"{"b":{"a":"x","#] {
            assert_eq!(read(json.as_bytes()), Read::NoText, "{json}");
        }
        for json in ["", " ", r#"["a","x""#, "<html>", r#"{"a":"x",b"#] {
            assert_eq!(read(json.as_bytes()), Read::NoObject, "{json}");
        }
    }

    #[test]
    fn rule_02_only_a_whole_string_is_a_text() {
        for json in [r#"{"a":"x""y"}"#, r#"{"a":"x"y}"#, r#"{"a":y"x"}"#, r#"{"a":"x" "b":"y"}"#] {
            assert_eq!(read(json.as_bytes()), Read::NoText, "{json}");
        }
        assert_eq!(
            read(b"{\"a\":\"\\x\\'\\u12\\\xff\xe9\"}"),
            text("x'\u{fffd}12\u{fffd}\u{fffd}\u{fffd}")
        );
    }

    #[test]
    fn rule_02_utf_16_and_utf_32_need_no_mark() {
        for mark in ["", "\u{feff}"] {
            let json = format!("{mark}{{\"b\":\"ß€😀\",\"a\":\"x😀\"}}");
            let (narrow, wide): (Vec<u16>, Vec<u32>) =
                (json.encode_utf16().collect(), json.chars().map(u32::from).collect());
            for bytes in [
                narrow.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>(),
                narrow.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
                wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
                wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
            ] {
                assert_eq!(read(&bytes), text("x😀"), "{}", bytes.escape_ascii());
                assert_eq!(
                    read(&[&bytes[..], &[0]].concat()),
                    text("x😀"),
                    "an odd byte behind it"
                );
            }
        }
        let halves: Vec<u8> = "{\"b\":\"\u{1}\",\"a\":\"x\"}"
            .encode_utf16()
            .map(|unit| if unit == 1 { 0xd83d } else { unit })
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(read(&halves), text("x"), "half of a pair");
    }

    /// Each text has ten megabytes. If the reader recursed, the stack would overflow. If it read
    /// bytes again and again, it would take hours.
    #[test]
    fn rule_02_nesting_depth_and_text_length_are_unlimited() {
        const MANY: usize = 10_000_000;
        for (open, close) in [("[", "]"), ("{\"b\":", "}"), ("[\"[\",", "]")] {
            let nested = [open.repeat(MANY / 5), close.repeat(MANY / 5)].concat();
            assert_eq!(
                read(format!(r#"{{"b":{nested},"a":"x"}}"#).as_bytes()),
                text("x"),
                "{open}"
            );
        }
        assert_eq!(read("{".repeat(MANY).as_bytes()), Read::NoObject);
        assert_eq!(read("{\"a\":".repeat(MANY / 5).as_bytes()), Read::NoObject);
        let escapes = "\\u0061".repeat(MANY / 6);
        assert_eq!(
            read(format!(r#"{{"{escapes}":1,"a":"{escapes}"}}"#).as_bytes()),
            text(&"a".repeat(MANY / 6))
        );
    }

    #[test]
    fn rule_20_the_buffer_of_a_text_never_grows() {
        for inside in
            [&b"\xff"[..], b"\\\xff", b"\\u20ac", b"\\x", b"a\\ud83d", b"\\u1", b"\xe2\x82\xac"]
        {
            let inside = inside.repeat(500);
            let json = [b"\"", &inside[..], b"\""].concat();
            let text = Value(&json).text().unwrap();
            assert!(text.len() <= 3 * inside.len(), "{}", text.len());
            assert_eq!(text.capacity(), 3 * inside.len());
        }
        let wide: Vec<u8> = "{€}".repeat(500).encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(recoded(&wide).unwrap().capacity(), 2 * wide.len());
    }
}
