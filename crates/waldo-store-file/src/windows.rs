//! The directory of a store on Windows.
//!
//! The directory inherits the access control list of its parent, which for a user's profile lets
//! only this user and the system write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use waldo_store::MAX_DOCUMENT;

use crate::directory::{Directory, TryLock};
use crate::trouble::Trouble;

/// `FILE_FLAG_OPEN_REPARSE_POINT` of the Windows API: opens a symbolic link and not its target.
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// `ERROR_SHARING_VIOLATION` of the Windows API: another program has the file open.
const SHARING_VIOLATION: i32 = 32;

/// A directory that is no symbolic link.
#[derive(Debug)]
pub(crate) struct OpenDirectory {
    path: PathBuf,
}

impl OpenDirectory {
    /// Opens the directory; `None` if there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, Trouble> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(Self { path: path.to_owned() })),
            Ok(_) => {
                let path = path.display();
                Err(Trouble::Unsafe(format!(
                    "{path} is a symbolic link, or no directory; choose a real directory"
                )))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the directory and its parents.
    pub(crate) fn make(path: &Path) -> Result<Self, Trouble> {
        fs::create_dir_all(path)?;
        Self::open(path)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    /// Opens a regular file.
    fn open_file(&self, name: &str, options: &mut OpenOptions) -> Result<File, Trouble> {
        let path = self.path.join(name);
        let file = options.custom_flags(OPEN_REPARSE_POINT).open(&path)?;
        if !file.metadata()?.is_file() {
            let path = path.display();
            return Err(Trouble::Unsafe(format!("{path} is no regular file; remove it")));
        }
        Ok(file)
    }
}

impl Directory for OpenDirectory {
    type File = File;
    type Lock = File;

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let file = match again(|| self.open_file(name, OpenOptions::new().read(true))) {
            Ok(file) => file,
            Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let mut bytes = Vec::new();
        file.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Opens the file for this program alone, which locks it. The system closes it even if the
    /// program is killed.
    fn try_lock(&self, name: &str) -> Result<TryLock<File>, Trouble> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).share_mode(0);
        match self.open_file(name, &mut options) {
            Ok(file) => Ok(TryLock::Held(file)),
            Err(Trouble::Io(error)) if error.raw_os_error() == Some(SHARING_VIOLATION) => {
                Ok(TryLock::Busy)
            }
            Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(TryLock::Unavailable)
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn pause(&self, span: Duration) {
        thread::sleep(span);
    }

    fn create(&self, name: &str) -> Result<File, Trouble> {
        Ok(OpenOptions::new().write(true).create_new(true).open(self.path.join(name))?)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> Result<(), Trouble> {
        Ok(file.write_all(bytes)?)
    }

    fn sync_file(&self, file: &File) -> Result<(), Trouble> {
        Ok(file.sync_all()?)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Trouble> {
        again(|| Ok(fs::rename(self.path.join(from), self.path.join(to))?))
    }

    fn remove(&self, name: &str) -> Result<(), Trouble> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Does nothing, because Windows cannot synchronize a directory. NTFS keeps a journal of names.
    fn sync(&self) -> Result<(), Trouble> {
        Ok(())
    }
}

/// Tries an operation again a few times, for 31 ms in all, while the system denies it. A scanner of
/// viruses, or a program that reads, may have the file open for a moment.
fn again<T>(mut operation: impl FnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
    for pause in [1, 2, 4, 8, 16] {
        match operation() {
            Err(Trouble::Io(error))
                if error.kind() == io::ErrorKind::PermissionDenied
                    || error.raw_os_error() == Some(SHARING_VIOLATION) => {}
            result => return result,
        }
        thread::sleep(Duration::from_millis(pause));
    }
    operation()
}
