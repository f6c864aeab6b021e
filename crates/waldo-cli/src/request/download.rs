//! The file of `--output`, which is replaced when the body is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::iter;
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::Failure;

/// A file that takes a body. A body that breaks off leaves the old file as it was.
#[derive(Debug)]
pub(crate) struct Download {
    file: File,
    /// The new file and the old one. `None` for a device or a pipe, which is written in place.
    names: Option<(PathBuf, PathBuf)>,
}

impl Download {
    /// Creates the new file beside the old one, which stays until [`finish`](Self::finish).
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn begin(path: &Path) -> Result<Self, Failure> {
        Self::create(path).map_err(|error| unwritten(path, &error))
    }

    fn create(path: &Path) -> io::Result<Self> {
        let old = fs::metadata(path);
        if old.as_ref().is_ok_and(|old| !old.is_file()) {
            return Ok(Self { file: OpenOptions::new().write(true).open(path)?, names: None });
        }
        // Keep a symbolic link, and replace the file to which it leads.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // A user who may not read the old file must not open the new one before it has the mode of
        // the old one.
        #[cfg(unix)]
        if old.is_ok() {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        // Another run, and a file of the user, have another name.
        let mut name = path.file_name().ok_or(ErrorKind::IsADirectory)?.to_owned();
        let random: String = iter::repeat_with(fastrand::alphanumeric).take(8).collect();
        name.push(format!(".{random}.part"));
        let part = path.with_file_name(name);
        let download = Self { file: options.open(&part)?, names: Some((part, path)) };
        if let Ok(old) = old {
            download.file.set_permissions(old.permissions())?;
        }
        Ok(download)
    }

    /// Puts the new file in the place of the old one.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match &self.names {
            Some((part, path)) => fs::rename(part, path)?,
            None => return Ok(()),
        }
        self.names = None;
        Ok(())
    }
}

/// The failure for a file of `--output` that cannot be written.
pub(crate) fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Other, format!("{} cannot be written", path.display())).because(error)
}

impl Write for Download {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some((part, _)) = &self.names {
            // Nobody could do more about a file that cannot be removed.
            drop(fs::remove_file(part));
        }
    }
}
