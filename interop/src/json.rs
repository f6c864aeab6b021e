//! Compares how `JSON.parse` and the client read texts that are nearly JSON.

use std::io::Write as _;
use std::process::Stdio;

use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use waldo_auth_core::{
    Call, Config, Credentials, Head, Login, Now, Outcome as Ended, Session, Step,
};

use crate::node::node;
use crate::{KEY, Outcome, SECRET};

/// The texts from which other texts are made.
const SEEDS: [&str; 12] = [
    r#"{"code":"INVALID_API_KEY","message":"no"}"#,
    r#" { "message" : [1, -2.5e+3, {"code":"X"}] , "code" : "Y" } "#,
    r#"{"name":"\ud83d","code":"\ud83d\ude00A"}"#,
    r#"{"code":"A","code":"B","c\u006fde":"C"}"#,
    r#"{"n":1e999,"m":-0.0,"t":true,"u":null,"code":"\"\\\/\b\f\n\r\t"}"#,
    "\u{feff}{\"code\":\"Z\"}",
    "{\"\u{e9}\u{1f600}\":\"\u{e9}\",\"code\":\"\u{e9}X\u{1f600}\"}",
    r#"{"a":"]}[{,:\\","code":"\\\"}"}"#,
    r#"{"a":[[[[[[]]]]]],"b":{"b":{"b":{}}},"code":"D"}"#,
    r#"[{"code":"E"}]"#,
    r#"{"":"","code":7}"#,
    r#""{\"code\":\"F\"}""#,
];

/// The pieces that are inserted into the texts.
const PIECES: [&[u8]; 20] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\\u",
    b"\\ud83d",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\"code\":",
    b"\"G\"",
    b"0",
    b"-",
    b"e1",
    b"null",
];

const TEXTS: usize = 100_000;

/// If `JSON.parse` accepts a text, the client reads the text in the same way.
pub(crate) fn meeting() -> Outcome {
    let texts = texts();
    let taken = compare(&texts, &parsed(&texts)?)?;
    if taken < TEXTS / 10 { Err(format!("only {taken} texts are JSON").into()) } else { Ok(()) }
}

/// Compares the client's reading of each text with the result of `JSON.parse`. Returns the number
/// of texts that are JSON.
fn compare(
    texts: &[Vec<u8>],
    said: &[Value],
) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    let mut taken = 0;
    for (text, said) in texts.iter().zip(said) {
        let Some(codes) = said.as_array() else { continue };
        taken += 1;
        let code = codes.first().and_then(Value::as_str).map(kept);
        let read = read(text)?;
        if read != code {
            return Err(format!(
                "the client reads {read:?} from {}, but JSON.parse reads {code:?}",
                text.escape_ascii()
            )
            .into());
        }
    }
    Ok(taken)
}

/// The unchanged seeds, and then each seed with a few changes.
fn texts() -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or_default() % end.max(1)
    };
    let mut texts: Vec<Vec<u8>> = SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    while texts.len() < TEXTS {
        let mut text = texts.get(below(SEEDS.len())).cloned().unwrap_or_default();
        for _ in 0..=below(3) {
            let (at, length) = (below(text.len() + 1), below(3));
            let end = (at + length).min(text.len());
            let piece = PIECES.get(below(2 * PIECES.len())).copied().unwrap_or_default();
            text.splice(at..end, piece.iter().copied());
        }
        texts.push(text);
    }
    texts
}

fn parsed(texts: &[Vec<u8>]) -> Result<Vec<Value>, Box<dyn std::error::Error + Send + Sync>> {
    let mut child = node("parse.mjs").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut lines = Vec::new();
    for text in texts {
        lines.extend(text.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]));
        lines.push(b'\n');
    }
    let input = child.stdin.take();
    let writing = std::thread::spawn(move || input.map(|mut input| input.write_all(&lines)));
    let output = child.wait_with_output()?;
    drop(writing.join());
    let said: Vec<Value> = String::from_utf8(output.stdout)?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    if said.len() == texts.len() { Ok(said) } else { Err(format!("{} answers", said.len()).into()) }
}

fn digit(half: u8) -> u8 {
    if half < 10 { b'0' + half } else { b'a' + half - 10 }
}

/// The code that the client reads from a 401 with this body.
fn read(body: &[u8]) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
    let login = login()?;
    Ok(match login.read(Head::new(StatusCode::UNAUTHORIZED, &HeaderMap::new()), body) {
        Ended::Rejected(rejection) => Some(rejection.code().as_str().to_owned()),
        Ended::Granted(_)
        | Ended::Unavailable(_)
        | Ended::FailedElsewhere(_)
        | Ended::Abandoned => None,
    })
}

fn login() -> Result<Login, Box<dyn std::error::Error + Send + Sync>> {
    let config = Config::builder("https://api.waldo.ai", Credentials::new(KEY, SECRET)?).build()?;
    let now = Now::new(std::time::Duration::ZERO, std::time::SystemTime::UNIX_EPOCH);
    let mut request = Request::get("https://api.waldo.ai/").body(())?;
    match Session::new(config).admit(Call::replayable(), &mut request, now)? {
        Step::Authenticate(login, _) => Ok(login),
        Step::Send(_) | Step::Wait(..) | Step::Refuse(_) => Err("expected a login".into()),
    }
}

/// The part of a code that the client keeps.
fn kept(code: &str) -> String {
    code.chars().filter(char::is_ascii_graphic).take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_reading_of_a_code_is_reported() {
        let texts = [br#"{"code":"A"}"#.to_vec(), b"{".to_vec(), b"{}".to_vec()];
        let taken = |said: [Value; 3]| compare(&texts, &said).ok();
        assert_eq!(taken([json!(["A"]), json!(null), json!([])]), Some(2));
        assert_eq!(taken([json!(["B"]), json!(null), json!([])]), None);
        assert_eq!(taken([json!(["A"]), json!(null), json!(["A"])]), None);
        assert_eq!(taken([json!([]), json!(null), json!([])]), None);
    }
}
