//! The headers of the command line.

use std::{fs, io};

use serde_json::{Map, Value};
use waldo_ureq::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION, SET_COOKIE,
    TRANSFER_ENCODING,
};
use waldo_ureq::http::{HeaderName, HeaderValue};

use crate::failure::Failure;
use crate::request::parts::Body;
use crate::request::upload::Upload;

/// The headers that the user adds.
#[derive(Debug)]
pub(crate) struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    pub(crate) fn read(texts: &[String], body: &Body) -> Result<Self, Failure> {
        let mut headers = Vec::new();
        for text in texts {
            match text.strip_prefix('@') {
                Some(path) => read_file(path, body, &mut headers)?,
                None => headers.push(read(text)?),
            }
        }
        // Without the boundary, no server can read the form.
        if matches!(body, Body::Form(_)) && headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
            return Err(Failure::usage("a header is wrong")
                .because("the client sets content-type itself, with the boundary of the form"));
        }
        Ok(Self(headers))
    }

    /// The headers, with the type of the body unless the user names one.
    pub(crate) fn with_type_of(
        &self,
        upload: &Upload,
    ) -> impl Iterator<Item = (&HeaderName, HeaderValue)> {
        let is_named = self.0.iter().any(|(name, _)| name == CONTENT_TYPE);
        let own = upload.content_type().filter(|_| !is_named);
        let own = own.and_then(|text| HeaderValue::from_str(text).ok());
        let own = own.map(|value| (&CONTENT_TYPE, value));
        self.0.iter().map(|(name, value)| (name, value.clone())).chain(own)
    }
}

/// Reads a file with a header in each line. `-` is stdin.
fn read_file(
    path: &str,
    body: &Body,
    headers: &mut Vec<(HeaderName, HeaderValue)>,
) -> Result<(), Failure> {
    let text = match (path, body) {
        ("-", Body::Stdin) => {
            return Err(Failure::usage("stdin is the body already")
                .next("write the headers to a file: -H @FILE"));
        }
        ("-", _) => io::read_to_string(io::stdin()),
        _ => fs::read_to_string(path),
    };
    let what = if path == "-" { "stdin" } else { path };
    let text =
        text.map_err(|error| Failure::usage(format!("{what} cannot be read")).because(error))?;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, mut value) = read(line)?;
        // A file keeps a secret out of the command line, so the output hides it too.
        value.set_sensitive(true);
        headers.push((name, value));
    }
    Ok(())
}

/// Reads a header such as `Accept: text/plain`.
fn read(text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let wrong = |why: &str| {
        Failure::usage("a header is wrong").because(why).next("write it like -H 'Accept: text/csv'")
    };
    let (name, value) = text.split_once(':').ok_or_else(|| wrong("it has no colon"))?;
    let name: HeaderName = name.trim().parse().map_err(|_| wrong("its name is invalid"))?;
    if [AUTHORIZATION, HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
        return Err(wrong(&format!("the client sets {name} itself")));
    }
    let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong("its value is invalid"))?;
    Ok((name, value))
}

/// The headers by their names. The values of one name are joined, as RFC 9110 does it.
pub(crate) fn by_name(headers: impl IntoIterator<Item = (String, String)>) -> Map<String, Value> {
    let mut joined = Map::new();
    for (name, value) in headers {
        let value = match joined.get(&name).and_then(Value::as_str) {
            Some(first) => format!("{first}, {value}"),
            None => value,
        };
        joined.insert(name, value.into());
    }
    joined
}

/// The value of a header for people, which hides secrets. Each success brings a token.
pub(crate) fn shown(name: &HeaderName, value: &HeaderValue) -> String {
    const WORDS: [&str; 5] = ["auth", "key", "pass", "secret", "token"];
    let is_secret = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(name)
        || WORDS.iter().any(|word| name.as_str().contains(word))
        // The first letters of each token.
        || value.as_bytes().windows(3).any(|part| part == b"eyJ");
    if is_secret || value.is_sensitive() {
        return "[hidden]".to_owned();
    }
    crate::terminal::printable(&String::from_utf8_lossy(value.as_bytes()))
}
