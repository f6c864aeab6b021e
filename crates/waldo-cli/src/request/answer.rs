//! The answer of the API.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use waldo_ureq::Error;
use waldo_ureq::http::Response;
use waldo_ureq::http::header::CONTENT_TYPE;
use waldo_ureq::ureq::{self, Body};

use crate::arguments::RequestOptions;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::request::download::{Download, unwritten};
use crate::request::headers::{by_name, shown};
use crate::request::pretty::Pretty;
use crate::request::retry_after;
use crate::request::text::Text;
use crate::request::upload::Progress;
use crate::terminal;

/// The largest body that `--json` puts into its object, in bytes.
const MAX_JSON: u64 = 16 << 20;

/// An answer that is to be printed.
pub(crate) struct Answer<'a> {
    pub(crate) response: Response<Body>,
    pub(crate) options: &'a RequestOptions,
    pub(crate) as_json: bool,
    /// The file of `--output`.
    pub(crate) download: Option<Download>,
}

impl Answer<'_> {
    /// Prints the answer. A status that is no success is a failure.
    pub(crate) fn deliver(mut self) -> Result<Exit, Failure> {
        if self.options.include && !self.as_json {
            self.show_head();
        }
        let failure = self.failure();
        let delivered = match self.download.take().zip(self.options.output_file()) {
            // The file keeps its content if the API refuses the call.
            Some((download, path)) if failure.is_none() => self.save(download, path),
            _ if self.as_json => self.read_whole().and_then(|body| self.print_json(Some(body))),
            _ => self.print(),
        };
        match (delivered, failure) {
            (Ok(()), None) => Ok(Exit::Success),
            // A reader that has read enough does not change the result.
            (Err(unwritten), Some(_)) if unwritten.exit != Exit::Success => Err(unwritten),
            (_, Some(failure)) | (Err(failure), None) => Err(failure),
        }
    }

    fn save(&mut self, mut download: Download, path: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| unwritten(path, &error);
        copy(&mut self.body(), &mut download, failed).inspect_err(|_| {
            terminal::warn(&format!("{} is as it was before", path.display()));
        })?;
        download.finish().map_err(failed)?;
        if self.as_json {
            self.print_json(None)?;
        }
        Ok(())
    }

    /// The body, with its progress unless it goes to the terminal itself.
    fn body(&mut self) -> impl Read + use<> {
        let body = std::mem::replace(self.response.body_mut(), Body::builder().data(Vec::new()));
        let is_shown = self.options.output_file().is_none() && io::stdout().is_terminal();
        let progress = Progress::of(if is_shown { Some(0) } else { body.content_length() });
        let reader = progress.0.wrap_read(body.into_with_config().limit(u64::MAX).reader());
        Watched { reader, _progress: progress }
    }

    /// Streams the body to stdout.
    fn print(&mut self) -> Result<(), Failure> {
        let is_json = self.is_json();
        let mut body = self.body();
        let failed = |error: io::Error| Failure::output(&error);
        let mut stdout = io::stdout().lock();
        if !stdout.is_terminal() {
            return copy(&mut body, &mut stdout, failed);
        }
        let mut text = Text::new(io::BufWriter::new(stdout));
        if is_json && !self.options.raw {
            copy(&mut body, &mut Pretty::new(&mut text), failed)?;
        } else {
            copy(&mut body, &mut text, failed)?;
        }
        if !text.ends_line {
            text.write_all(b"\n").and_then(|()| text.flush()).map_err(failed)?;
        }
        Ok(())
    }

    fn read_whole(&mut self) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        let mut body = self.body();
        (&mut body).take(MAX_JSON + 1).read_to_end(&mut whole).map_err(unreceived)?;
        if whole.len() as u64 > MAX_JSON {
            return Err(Failure::new(Exit::Other, "the body is too large for --json")
                .next("write it to a file: --output FILE"));
        }
        Ok(whole)
    }

    fn print_json(&self, body: Option<Vec<u8>>) -> Result<(), Failure> {
        let headers = self.response.headers();
        let answer = json!({
            "schema": 1,
            "status": self.response.status().as_u16(),
            "headers": by_name(
                headers.iter().map(|(name, value)| (name.to_string(), shown(name, value))),
            ),
        });
        let mut answer = answer.to_string();
        if let Some(body) = body {
            let (name, value) = self.to_json(body);
            // The body comes before the last brace.
            answer.pop();
            // Writing to a string cannot fail.
            let _ = write!(answer, ",\"{name}\":{value}}}");
        }
        terminal::print_json(&format!("{answer}\n"))
    }

    /// The JSON for the body: the body itself, or its text, or base64.
    fn to_json(&self, body: Vec<u8>) -> (&'static str, String) {
        match String::from_utf8(body) {
            // A `Value` would lose digits of numbers, and the order of the fields. JSON has line
            // ends between its values only.
            Ok(text) if self.is_json() && serde_json::from_str::<IgnoredAny>(&text).is_ok() => {
                ("body", text.trim().replace(['\r', '\n'], ""))
            }
            Ok(text) => ("body_text", Value::from(text).to_string()),
            Err(error) => {
                ("body_base64", Value::from(STANDARD.encode(error.as_bytes())).to_string())
            }
        }
    }

    fn is_json(&self) -> bool {
        let value = self.response.headers().get(CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let value = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        value == "application/json" || value.ends_with("+json")
    }

    /// Shows the status and the headers on stderr.
    fn show_head(&self) {
        let response = &self.response;
        let mut head = format!("{:?} {}", response.version(), response.status());
        for (name, value) in response.headers() {
            // Writing to a string cannot fail.
            let _ = write!(head, "\n{name}: {}", shown(name, value));
        }
        terminal::note(&format!("{head}\n"));
    }

    fn failure(&self) -> Option<Failure> {
        let status = self.response.status();
        let exit = Exit::of(status);
        if exit == Exit::Success {
            return None;
        }
        let failure = Failure::new(exit, format!("the API answered {status}"))
            .retry_in(retry_after(&self.response));
        Some(match status.as_u16() {
            300..=399 => failure
                .because("no redirect is followed, because the token is for one origin")
                .next("--include shows where it leads"),
            401 => failure.because(
                "this path refuses a token that is good elsewhere, or the body could be read \
                 only once",
            ),
            429 | 503 if !self.options.retry_after => failure.next("--retry-after waits once"),
            _ => failure,
        })
    }
}

/// A reader with its progress.
struct Watched<R> {
    reader: R,
    _progress: Progress,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// Copies the body in constant memory. A failure to read is the network's.
fn copy(
    body: &mut impl Read,
    out: &mut impl Write,
    unwritten: impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = body.read(&mut buffer).map_err(unreceived)?;
        let read = buffer.get(..count).unwrap_or_default();
        if read.is_empty() {
            return out.flush().map_err(unwritten);
        }
        out.write_all(read).map_err(&unwritten)?;
    }
}

/// The answer broke off. The part that has come is printed already.
fn unreceived(error: io::Error) -> Failure {
    Failure::from(Error::Ureq(ureq::Error::from(error)))
}
