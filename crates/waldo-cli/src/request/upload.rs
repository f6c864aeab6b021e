//! The body of a request, from its parts.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use waldo_ureq::http::Response;
use waldo_ureq::{Error, Factory, OneShot, RequestBuilder, ureq};

use crate::failure::Failure;
use crate::request::parts::{Body, Field};

/// Smaller bodies show no progress.
const LARGE: u64 = 1 << 20;

/// A body that is ready to be sent. Files are opened when the body is sent, and streamed.
#[derive(Debug)]
pub(crate) struct Upload {
    content_type: Option<String>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Empty,
    /// Texts and files in a row, which can be read again.
    Pieces(Vec<Piece>, u64),
    /// Texts, pipes and files in a row, which can be read once.
    Stream(Vec<Piece>),
}

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    File(PathBuf),
    Stdin,
}

impl Upload {
    pub(crate) fn of(body: &Body) -> Result<Self, Failure> {
        let (content_type, pieces) = match body {
            Body::Empty => return Ok(Self { content_type: None, source: Source::Empty }),
            Body::Json(json) => (JSON.to_owned(), vec![Piece::Text(json.clone().into_bytes())]),
            Body::File(path) => (type_of(path).to_owned(), vec![Piece::File(path.clone())]),
            Body::Stdin => (JSON.to_owned(), vec![Piece::Stdin]),
            Body::Form(fields) => {
                // The boundary must not occur in a file, so it is random.
                let boundary = format!("{:032x}", fastrand::u128(..));
                let pieces = form(fields, &boundary)?;
                (format!("multipart/form-data; boundary={boundary}"), pieces)
            }
        };
        let lengths: Result<Vec<_>, _> = pieces.iter().map(Piece::length).collect();
        let source = match lengths?.into_iter().sum::<Option<u64>>() {
            Some(length) => Source::Pieces(pieces, length),
            None => Source::Stream(pieces),
        };
        Ok(Self { content_type: Some(content_type), source })
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    pub(crate) fn is_replayable(&self) -> bool {
        !matches!(self.source, Source::Stream(_))
    }

    /// What is sent, for people: the text, and the names of the files.
    pub(crate) fn description(&self) -> Option<String> {
        let (Source::Pieces(pieces, _) | Source::Stream(pieces)) = &self.source else {
            return None;
        };
        let shown = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Piece::File(path) => format!("[the file {}]", path.display()),
            Piece::Stdin => "[stdin]".to_owned(),
        });
        Some(shown.collect())
    }

    pub(crate) fn send(
        &mut self,
        request: RequestBuilder<'_>,
    ) -> Result<Response<ureq::Body>, Error> {
        let bar = Progress::of(self.length());
        match &self.source {
            Source::Empty => request.call(),
            Source::Pieces(pieces, length) => {
                let make = || {
                    bar.0.reset();
                    Ok(bar.0.wrap_read(reader(pieces)?))
                };
                request.send(Factory::new(make).with_length(*length))
            }
            Source::Stream(pieces) => match reader(pieces) {
                Ok(reader) => request.send(OneShot::new(bar.0.wrap_read(reader))),
                Err(error) => Err(Error::Body(error)),
            },
        }
    }

    fn length(&self) -> Option<u64> {
        match self.source {
            Source::Empty => Some(0),
            Source::Pieces(_, length) => Some(length),
            Source::Stream(_) => None,
        }
    }
}

/// A bar on stderr, which disappears when this is dropped.
pub(crate) struct Progress(pub(crate) ProgressBar);

impl Progress {
    pub(crate) fn of(length: Option<u64>) -> Self {
        let is_large = length.is_none_or(|length| length >= LARGE);
        if !is_large || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match length {
            Some(length) => {
                (ProgressBar::new(length), "{bar:30} {bytes} of {total_bytes}, {eta} left")
            }
            None => (ProgressBar::no_length(), "{spinner} {bytes}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Piece {
    /// The length; `None` if the piece can be read only once.
    fn length(&self) -> Result<Option<u64>, Failure> {
        let path = match self {
            Self::Text(text) => return Ok(Some(text.len() as u64)),
            Self::Stdin => return Ok(None),
            Self::File(path) => path,
        };
        let unreadable = || Failure::usage(format!("{} cannot be read", path.display()));
        let metadata = fs::metadata(path).map_err(|error| unreadable().because(error))?;
        if metadata.is_dir() {
            return Err(unreadable().because("it is a directory"));
        }
        if !metadata.is_file() {
            return Ok(None);
        }
        // Files of the system, such as those of /proc, have no length and yet a content.
        let is_empty = |mut file: File| file.read(&mut [0]).is_ok_and(|count| count == 0);
        let is_stream = metadata.len() == 0 && !File::open(path).is_ok_and(is_empty);
        Ok((!is_stream).then_some(metadata.len()))
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(match self {
            Self::Text(text) => Box::new(text.as_slice()),
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => {
                let file = File::open(path);
                Box::new(file.map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?)
            }
        })
    }
}

/// A reader of all pieces.
fn reader(pieces: &[Piece]) -> io::Result<Box<dyn Read + Send + '_>> {
    let mut all: Box<dyn Read + Send> = Box::new(io::empty());
    for piece in pieces {
        all = Box::new(all.chain(piece.open()?));
    }
    Ok(all)
}

const JSON: &str = "application/json";

/// The type of a file, by the end of its name.
fn type_of(path: &Path) -> &'static str {
    let end = path.extension().map(OsStr::to_ascii_lowercase);
    match end.as_deref().and_then(OsStr::to_str).unwrap_or_default() {
        "json" => JSON,
        "pdf" => "application/pdf",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "heic" => "image/heic",
        "tif" | "tiff" => "image/tiff",
        "txt" => "text/plain",
        "csv" => "text/csv",
        _ => "application/octet-stream",
    }
}

/// The pieces of a multipart form (RFC 7578).
fn form(fields: &[(String, Field)], boundary: &str) -> Result<Vec<Piece>, Failure> {
    let mut pieces = Vec::new();
    for (name, field) in fields {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(name));
        match field {
            Field::Text(text) => {
                pieces.push(Piece::Text(format!("{head}\r\n\r\n{text}\r\n").into_bytes()));
            }
            Field::File(path) => {
                let file = path
                    .file_name()
                    .ok_or_else(|| Failure::usage(format!("the field {name} names no file")))?;
                let head = format!(
                    "{head}; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
                    quoted(&file.to_string_lossy()),
                    type_of(path)
                );
                pieces.push(Piece::Text(head.into_bytes()));
                pieces.push(Piece::File(path.clone()));
                pieces.push(Piece::Text(b"\r\n".to_vec()));
            }
        }
    }
    pieces.push(Piece::Text(format!("--{boundary}--\r\n").into_bytes()));
    Ok(pieces)
}

/// A name in quotation marks, escaped as browsers do (RFC 7578, and the HTML standard).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
