//! The directory of a store on Unix.
//!
//! Each check looks at an open file, so nobody can exchange the file between the check and its use.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, open, openat, renameat, unlinkat};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::geteuid;
use waldo_store::MAX_DOCUMENT;

use crate::directory::{Directory, TryLock};
use crate::trouble::Trouble;

/// An open directory that belongs to this user, and in which nobody else can write.
#[derive(Debug)]
pub(crate) struct OpenDirectory {
    file: File,
    path: PathBuf,
}

impl OpenDirectory {
    /// Opens the directory; `None` if there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, Trouble> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match retry_on_intr(|| open(path, flags, Mode::empty())) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {
                let path = path.display();
                return Err(Trouble::Unsafe(format!(
                    "{path} is a symbolic link, or no directory; choose a real directory"
                )));
            }
            Err(error) => return Err(io::Error::from(error).into()),
        };
        check_owner(&file.metadata()?, path)?;
        Ok(Some(Self { file, path: path.to_owned() }))
    }

    /// Makes the directory and its parents, in which only this user can read and write.
    pub(crate) fn make(path: &Path) -> Result<Self, Trouble> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::open(path)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    /// Opens a file of this user that nobody else can write; `None` if there is none.
    fn open_file(&self, name: &str, flags: OFlags) -> Result<Option<File>, Trouble> {
        // Without NONBLOCK, opening a FIFO would wait for another program.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = match retry_on_intr(|| openat(&self.file, name, flags, mode)) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::MLINK | Errno::ISDIR | Errno::NXIO) => {
                return Err(self.not_a_file(name));
            }
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(self.not_a_file(name));
        }
        check_owner(&metadata, &self.path.join(name))?;
        Ok(Some(file))
    }

    fn not_a_file(&self, name: &str) -> Trouble {
        let path = self.path.join(name);
        let path = path.display();
        Trouble::Unsafe(format!("{path} is a symbolic link, or no regular file; remove it"))
    }
}

impl Directory for OpenDirectory {
    type File = File;
    type Lock = Lock;

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let Some(file) = self.open_file(name, OFlags::RDONLY)? else { return Ok(None) };
        // Room for a usual document, so that one system call reads the document.
        let mut bytes = Vec::with_capacity(8 * 1024);
        file.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn try_lock(&self, name: &str) -> Result<TryLock<Lock>, Trouble> {
        // NFS gives an exclusive lock only for a file that is open for writing.
        let Some(file) = self.open_file(name, OFlags::RDWR | OFlags::CREATE)? else {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        };
        Ok(match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => TryLock::Held(Lock(file)),
            Err(Errno::WOULDBLOCK | Errno::INTR) => TryLock::Busy,
            // Such as ENOLCK, EOPNOTSUPP and ESTALE.
            Err(_) => TryLock::Unavailable,
        })
    }

    fn pause(&self, span: Duration) {
        thread::sleep(span);
    }

    fn create(&self, name: &str) -> Result<File, Trouble> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let descriptor = retry_on_intr(|| openat(&self.file, name, flags, mode));
        Ok(File::from(descriptor.map_err(io::Error::from)?))
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> Result<(), Trouble> {
        Ok(file.write_all(bytes)?)
    }

    fn sync_file(&self, file: &File) -> Result<(), Trouble> {
        sync(file)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Trouble> {
        Ok(renameat(&self.file, from, &self.file, to).map_err(io::Error::from)?)
    }

    fn remove(&self, name: &str) -> Result<(), Trouble> {
        match unlinkat(&self.file, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR) => Err(self.not_a_file(name)),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    fn sync(&self) -> Result<(), Trouble> {
        sync(&self.file)
    }
}

/// A lock, which dropping releases.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that this one has forked may have the file open, too.
        let _closed_next = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Synchronizes a file or a directory with the disk, if its filesystem can do so.
fn sync(file: &File) -> Result<(), Trouble> {
    match file.sync_all() {
        Err(error)
            if [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS]
                .map(Errno::raw_os_error)
                .map(Some)
                .contains(&error.raw_os_error()) =>
        {
            Ok(())
        }
        result => Ok(result?),
    }
}

/// Refuses a file or directory that another user can write.
fn check_owner(metadata: &Metadata, path: &Path) -> Result<(), Trouble> {
    let (owner, user) = (metadata.uid(), geteuid().as_raw());
    let path = path.display();
    if owner != user {
        return Err(Trouble::Unsafe(format!(
            "{path} belongs to the user with the id {owner}, and this user has the id {user}; \
             choose another directory"
        )));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(Trouble::Unsafe(format!(
            "{path} has the mode {mode:04o}, so other users can write it; run chmod go-w {path}, \
             or choose another directory"
        )));
    }
    Ok(())
}
