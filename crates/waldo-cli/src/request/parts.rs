//! The words of the command line: the method, the path and the parts.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use serde_json::Value;
use waldo_ureq::http::Method;

use crate::arguments::RequestOptions;
use crate::failure::Failure;

/// A request, as the command line describes it.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// The body of a request.
#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Json(String),
    File(PathBuf),
    Stdin,
    Form(Vec<(String, Field)>),
}

/// A field of a multipart form.
#[derive(Debug)]
pub(crate) enum Field {
    Text(String),
    File(PathBuf),
}

impl Body {
    pub(crate) fn has_file(&self) -> bool {
        match self {
            Self::Empty | Self::Json(_) => false,
            Self::File(_) | Self::Stdin => true,
            Self::Form(fields) => fields.iter().any(|(_, field)| matches!(field, Field::File(_))),
        }
    }
}

const METHODS: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];

impl Parts {
    pub(crate) fn read(options: &RequestOptions) -> Result<Self, Failure> {
        let mut words = options.words.iter();
        let no_path =
            || Failure::usage("there is no path").next("waldo request '/customer?field=id'");
        let first = words.next().ok_or_else(no_path)?;
        let method = METHODS.into_iter().find(|method| first == method.as_str());
        let path = if method.is_some() { words.next().ok_or_else(no_path)? } else { first };
        let path = utf8(path, "the path")?;
        if !path.starts_with('/') && !path.contains("://") {
            return Err(Failure::usage("the path does not begin with /")
                .because(
                    "before the path stands at most one method: GET, POST, PUT, PATCH, DELETE or \
                     HEAD",
                )
                .next("waldo request POST /onboard firstName=Ada"));
        }
        let mut query = Vec::new();
        for pair in &options.query {
            let (name, text) = pair.split_once('=').ok_or_else(|| {
                Failure::usage("--query needs an equals sign")
                    .next("write it like --query field=id")
            })?;
            query.push((name.to_owned(), text.to_owned()));
        }
        let mut fields = Fields { all: Vec::new(), is_form: options.form };
        let mut whole = None;
        for word in words {
            match Part::read(word)? {
                Part::Query(name, text) => query.push((name, text)),
                Part::Whole(body) => {
                    if whole.replace(body).is_some() {
                        return Err(Failure::usage("there are two bodies"));
                    }
                }
                Part::Field(name, field) => fields.add(name, field)?,
            }
        }
        let body = match whole {
            Some(_) if !fields.all.is_empty() || options.form => {
                return Err(Failure::usage("there are a whole body and fields")
                    .because("@FILE and - stand for the whole body"));
            }
            Some(body) => body,
            None => fields.into_body()?,
        };
        let default = if matches!(body, Body::Empty) { Method::GET } else { Method::POST };
        Ok(Self { method: method.unwrap_or(default), path, query, body })
    }
}

/// One word behind the path.
enum Part {
    Query(String, String),
    Field(String, Input),
    Whole(Body),
}

/// The value of a field.
enum Input {
    Text(String),
    Json(String),
    File(PathBuf),
}

impl Part {
    /// Reads a word: its first separator decides.
    fn read(word: &OsStr) -> Result<Self, Failure> {
        let bytes = word.as_encoded_bytes();
        if matches!(bytes, b"-" | b"@-") {
            return Ok(Self::Whole(Body::Stdin));
        }
        if bytes.first() == Some(&b'@') {
            return Ok(Self::Whole(Body::File(tail(word, 1)?.into())));
        }
        let at = bytes.iter().position(|byte| matches!(byte, b'=' | b'@' | b':'));
        let (at, rest) = match at.and_then(|at| Some((at, bytes.get(at..)?))) {
            Some((at, rest)) if !rest.starts_with(b":") || rest.starts_with(b":=") => (at, rest),
            _ => {
                return Err(Failure::usage("a part has no =, := or @")
                    .because("behind the path stand the parts of the request")
                    .next(
                        "write it like name=text, name:=json, name==text, name@file, @file or -",
                    ));
            }
        };
        let name = bytes.get(..at).and_then(|name| std::str::from_utf8(name).ok());
        let name =
            name.ok_or_else(|| Failure::usage("the name of a part is not UTF-8"))?.to_owned();
        if rest.starts_with(b"@") {
            return Ok(Self::Field(name, Input::File(tail(word, at + 1)?.into())));
        }
        let of = format!("the value of {name}");
        if rest.starts_with(b":=") {
            return Ok(Self::Field(name, Input::Json(utf8(&tail(word, at + 2)?, &of)?)));
        }
        if rest.starts_with(b"==") {
            return Ok(Self::Query(name, utf8(&tail(word, at + 2)?, &of)?));
        }
        Ok(Self::Field(name, Input::Text(utf8(&tail(word, at + 1)?, &of)?)))
    }
}

/// The fields, in the order of the command line.
struct Fields {
    all: Vec<(String, Input)>,
    is_form: bool,
}

impl Fields {
    fn add(&mut self, name: String, value: Input) -> Result<(), Failure> {
        if let Input::Json(json) = &value
            && let Err(error) = serde_json::from_str::<Value>(json)
        {
            return Err(Failure::usage(format!("the value of {name} is no JSON"))
                .because(error)
                .next(format!("write {name}=… if it is text")));
        }
        self.is_form |= matches!(value, Input::File(_));
        self.all.push((name, value));
        Ok(())
    }

    fn into_body(self) -> Result<Body, Failure> {
        if self.all.is_empty() {
            return Ok(if self.is_form { Body::Form(Vec::new()) } else { Body::Empty });
        }
        if self.is_form {
            let fields = self.all.into_iter().map(|(name, value)| match value {
                Input::Text(text) | Input::Json(text) => (name, Field::Text(text)),
                Input::File(path) => (name, Field::File(path)),
            });
            return Ok(Body::Form(fields.collect()));
        }
        // The fields keep their order, and numbers their digits.
        let mut names = Vec::new();
        let mut json = Vec::new();
        for (name, value) in self.all {
            if names.contains(&name) {
                return Err(Failure::usage(format!("the field {name} is given twice")));
            }
            let value = match value {
                Input::Text(text) => Value::from(text).to_string(),
                Input::Json(json) => json,
                Input::File(_) => continue,
            };
            json.push(format!("{}:{value}", Value::from(name.as_str())));
            names.push(name);
        }
        Ok(Body::Json(format!("{{{}}}", json.join(","))))
    }
}

fn utf8(text: &OsStr, what: &str) -> Result<String, Failure> {
    text.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!("{what} is not UTF-8")).next("put it into a file, and write @FILE")
    })
}

/// The text behind a separator. The name of a file need not be UTF-8.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn tail(word: &OsStr, at: usize) -> Result<OsString, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(OsStr::from_bytes(word.as_bytes().get(at..).unwrap_or_default()).to_owned())
}

#[cfg(not(unix))]
fn tail(word: &OsStr, at: usize) -> Result<OsString, Failure> {
    Ok(utf8(word, "a part")?.get(at..).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Parts, Failure> {
        let words = words.iter().map(OsString::from).collect();
        Parts::read(&RequestOptions {
            words,
            query: Vec::new(),
            headers: Vec::new(),
            form: false,
            output: None,
            include: false,
            raw: false,
            dry_run: false,
            time: false,
            retry_after: false,
        })
    }

    #[test]
    fn method_follows_from_the_body() {
        for (words, method) in [
            (&["/customer"][..], "GET"),
            (&["/customer", "field==id"], "GET"),
            (&["/onboard", "a=b"], "POST"),
            (&["/onboard", "-"], "POST"),
            (&["/onboard", "@body.json"], "POST"),
            (&["/document", "a@b.pdf"], "POST"),
            (&["PUT", "/onboard", "a=b"], "PUT"),
        ] {
            assert_eq!(read(words).unwrap().method, method, "{words:?}");
        }
    }

    #[test]
    fn fields_make_json_in_their_order() {
        let words = ["/x", "b=1", "a:=12345678901234567890.50", "q=\"\u{e9}", "u=http://x/?a=b@c"];
        let Body::Json(json) = read(&words).unwrap().body else { panic!("no JSON") };
        assert_eq!(
            json,
            "{\"b\":\"1\",\"a\":12345678901234567890.50,\
             \"q\":\"\\\"\u{e9}\",\"u\":\"http://x/?a=b@c\"}"
        );
    }

    #[test]
    fn file_makes_a_form_of_all_fields() {
        let Body::Form(fields) = read(&["/x", "a=b", "c:=1", "d@e"]).unwrap().body else {
            panic!("no form")
        };
        let fields: Vec<_> = fields.iter().map(|field| format!("{field:?}")).collect();
        assert_eq!(
            fields,
            ["(\"a\", Text(\"b\"))", "(\"c\", Text(\"1\"))", "(\"d\", File(\"e\"))"]
        );
    }

    #[test]
    fn wrong_parts_are_refused() {
        for words in [
            &["customer"][..],
            &["GTE", "/customer"],
            &["GET"],
            &["/x", "nothing"],
            &["/x", "a:b"],
            &["/x", "a:=nope"],
            &["/x", "a=1", "a=2"],
            &["/x", "@a", "@b"],
            &["/x", "@a", "b=c"],
            &["/x", "-", "b=c"],
        ] {
            assert_eq!(read(words).unwrap_err().exit, crate::exit::Exit::Usage, "{words:?}");
        }
    }
}
