//! A file that holds the API key or the client secret, and nothing else.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::env::surroundings;

/// The most bytes that a file may have.
const MAX: u64 = 64 * 1024;

/// Reads the file, and cuts one line end at its end. The result and the buffer are wiped on drop.
///
/// # Errors
/// Says what is wrong with the file, without its path and its content.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let io = |error: io::Error| format!("cannot be read: {error}");
    // A pipe can be read only once, but the file is read again after a rejection. Look before
    // opening, because opening a pipe blocks.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err("is no regular file; it must be, because it is read again later".to_owned());
    }
    // Reserve the largest size: a buffer that grows leaves a copy behind.
    let size = usize::try_from(MAX).unwrap_or(usize::MAX).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    File::open(path).map_err(io)?.take(MAX + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() == size {
        return Err("is larger than 64 KiB".to_owned());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not text in UTF-8".to_owned())?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    match surroundings(text) {
        _ if text.is_empty() => Err("is empty".to_owned()),
        Some(problem) => Err(problem.to_owned()),
        None => Ok(Zeroizing::new(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    fn reads(content: &[u8]) -> Result<String, String> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        read(file.path()).map(|text| text.to_string())
    }

    #[test]
    fn one_line_end_is_cut() {
        for content in ["ws.1", "ws.1\n", "ws.1\r\n"] {
            assert_eq!(reads(content.as_bytes()).as_deref(), Ok("ws.1"), "{content:?}");
        }
    }

    #[test]
    fn other_characters_around_the_text_are_errors() {
        for (content, problem) in [
            (&b""[..], "is empty"),
            (b"\n", "is empty"),
            (b"\r\n", "is empty"),
            (b"canary\n\n", "begins or ends with a line end; remove it"),
            (b"canary\r", "begins or ends with a line end; remove it"),
            (b"canary\r\r\n", "begins or ends with a line end; remove it"),
            (b"\ncanary", "begins or ends with a line end; remove it"),
            (b" canary\n", "begins or ends with white space; remove it"),
            (b"\xef\xbb\xbfcanary", "begins or ends with an invisible character; remove it"),
            (b"'canary'\n", "has quotation marks around it; remove them"),
            (b"\xffcanary", "is not text in UTF-8"),
        ] {
            assert_eq!(reads(content), Err(problem.to_owned()), "{content:?}");
        }
    }

    #[test]
    fn a_file_is_at_most_64_kib_long() {
        let most = vec![b'x'; 64 * 1024];
        assert_eq!(reads(&most).unwrap().len(), most.len());
        assert_eq!(reads(&[&most[..], b"x"].concat()), Err("is larger than 64 KiB".to_owned()));
    }

    #[test]
    fn a_folder_and_a_missing_file_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().starts_with("is no regular file"));
        let missing = read(&folder.path().join("missing")).unwrap_err();
        assert!(missing.starts_with("cannot be read: "), "{missing}");
    }

    /// Process substitution of a shell gives a pipe.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_and_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(read(&pipe).unwrap_err().starts_with("is no regular file"));
    }
}
