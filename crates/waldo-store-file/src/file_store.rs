//! A store in a directory.

use std::env;
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use waldo_store::{Key, MAX_DOCUMENT, ShortStore, Store, StoreError, StoreProblem, Stored};

use crate::directory::Directory;
use crate::replacement::{document_name, replace};
use crate::system::OpenDirectory;
use crate::trouble::Trouble;
use crate::user_directory::Platform;

/// A store in the files of one directory, for the programs of one user on one machine.
///
/// ```
/// use std::time::Duration;
/// use waldo_store::{Key, Store};
/// use waldo_store_file::FileStore;
///
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("waldo");
/// let (store, key) = (FileStore::new(directory), Key::of_hash([0; 16]));
/// assert!(store.replace(&key, None, b"one", Duration::from_secs(60))?);
/// assert!(!store.replace(&key, None, b"two", Duration::from_secs(60))?, "it was replaced before");
/// assert_eq!(store.read(&key)?.document.as_deref(), Some(&b"one"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The store keeps no file open, and looks at the directory at each operation. So a store whose
/// directory is missing, full or unsafe works as soon as somebody has put the directory right.
///
/// The store ignores `keep`, and forgets no document. Its clock is the wall clock of this machine.
///
/// As an [`AsyncStore`](waldo_store::AsyncStore), the store works on the thread of the task. A read
/// takes microseconds. A replacement waits for the disk, and for at most 500 ms for a lock.
#[derive(Clone, Debug)]
pub struct FileStore {
    directory: PathBuf,
}

impl FileStore {
    /// A store in this directory, which the first replacement makes. A relative path counts from
    /// the current directory of this moment.
    ///
    /// Choose a directory that holds nothing else, and in which only this user can write.
    ///
    /// ```
    /// use waldo_store_file::FileStore;
    ///
    /// let store = FileStore::new("/var/lib/shop/waldo");
    /// assert_eq!(store.directory(), std::path::Path::new("/var/lib/shop/waldo"));
    /// ```
    pub fn new(directory: impl AsRef<Path>) -> Self {
        let directory = directory.as_ref();
        let directory = absolute(directory).unwrap_or_else(|_| directory.to_owned());
        // "link/" and "link/." name the target of a symbolic link, and "link" names the link.
        Self { directory: directory.components().collect() }
    }

    /// A store in the directory where the platform keeps a user's state.
    ///
    /// | platform | directory |
    /// |---|---|
    /// | Linux and others | `$XDG_STATE_HOME/waldo`, or else `~/.local/state/waldo` |
    /// | macOS | `~/Library/Application Support/waldo` |
    /// | Windows | `%LOCALAPPDATA%\waldo` |
    ///
    /// ```
    /// use waldo_store_file::FileStore;
    ///
    /// match FileStore::for_user() {
    ///     Ok(store) => println!("the token is kept in {}", store.directory().display()),
    ///     Err(error) => println!("{error}; this program goes on without a store"),
    /// }
    /// ```
    ///
    /// # Errors
    /// The user has no home directory: [`StoreProblem::Other`].
    pub fn for_user() -> Result<Self, StoreError> {
        let platform = Platform::THIS;
        let directory = platform.user_directory(|name| env::var_os(name), env::home_dir());
        directory.map(Self::new).ok_or_else(|| {
            let message = format!("there is no directory for a token store; {}", platform.needs());
            StoreError::new(StoreProblem::Other, message)
        })
    }

    /// The directory of the store, as an absolute path.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn read_file(&self, key: &Key) -> Result<Option<Vec<u8>>, Trouble> {
        match OpenDirectory::open(&self.directory)? {
            Some(directory) => directory.read(&document_name(key)),
            None => Ok(None),
        }
    }

    fn replace_file(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, Trouble> {
        if document.len() > MAX_DOCUMENT {
            let message = format!("a document has at most {MAX_DOCUMENT} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message).into());
        }
        let directory = match OpenDirectory::open(&self.directory)? {
            Some(directory) => directory,
            None if seen.is_some() => return Ok(false),
            None => OpenDirectory::make(&self.directory)?,
        };
        replace(&directory, key, seen, document)
    }
}

impl Store for FileStore {
    /// Reads the document. It is `None` as long as there is no directory.
    ///
    /// Of a file with more than [`MAX_DOCUMENT`] bytes, the document has one byte more than that.
    /// So a client sees that the document is too large, and can replace it.
    fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        let document =
            self.read_file(key).map_err(|trouble| trouble.into_error(&self.directory))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Stored { document, now })
    }

    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        _keep: Duration,
    ) -> Result<bool, StoreError> {
        self.replace_file(key, seen, document)
            .map_err(|trouble| trouble.into_error(&self.directory))
    }
}

impl ShortStore for FileStore {}
