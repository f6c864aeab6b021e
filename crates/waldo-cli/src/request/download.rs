//! The file of `--output`, which is replaced when the body is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file that takes a body. A body that breaks off leaves the old file as it was.
#[derive(Debug)]
pub(crate) struct Download {
    file: File,
    /// The new file and the old one. `None` for a device or a pipe, which is written in place.
    names: Option<(PathBuf, PathBuf)>,
}

impl Download {
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        let old = fs::metadata(path);
        if old.as_ref().is_ok_and(|old| !old.is_file()) {
            return Ok(Self { file: OpenOptions::new().write(true).open(path)?, names: None });
        }
        // Keep a symbolic link, and replace the file to which it leads.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut name = path.file_name().ok_or(ErrorKind::IsADirectory)?.to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        // An earlier run may have been killed.
        drop(fs::remove_file(&part));
        let file = OpenOptions::new().write(true).create_new(true).open(&part)?;
        let download = Self { file, names: Some((part, path)) };
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
            // If the file cannot be removed, the next run tries again.
            drop(fs::remove_file(part));
        }
    }
}
