//! A change of the profiles file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use toml_edit::{Item, Table, TableLike, value};
use zeroize::Zeroizing;

use super::{FILES, NEEDS, Profiles, SECRETS, STORAGE};
use crate::exit::Exit;
use crate::failure::Failure;

/// How long a run waits for another one that changes the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// The profiles, which no other run changes at the same time.
pub(crate) struct Change {
    profiles: Profiles,
    /// The file itself, to which a symbolic link may lead.
    path: PathBuf,
    /// A file that is open in one run only. The system closes the file if the run is killed.
    _lock: File,
}

impl Deref for Change {
    type Target = Profiles;

    fn deref(&self) -> &Profiles {
        &self.profiles
    }
}

impl Change {
    /// Locks the file, and reads it.
    ///
    /// # Errors
    /// The file cannot be read or written, or another run changes it for too long.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let Some(path) = super::path() else {
            return Err(Failure::new(Exit::Other, "there is no place for the profiles file")
                .because("this user has no home directory")
                .next(NEEDS));
        };
        let unwritten = |error: io::Error| unwritten(&path, &error);
        let lock = lock(&path.with_extension("lock")).map_err(unwritten)?;
        let real = target(&path).map_err(unwritten)?;
        match fs::remove_file(new(&real)) {
            // A run that was killed has left the file, with a key pair in it.
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unwritten(error)),
        }
        Ok(Self { profiles: Profiles::read()?, path: real, _lock: lock })
    }

    /// Removes what a run has left that was killed, if the file's folder is there.
    pub(crate) fn clean_up(path: Option<&Path>) {
        if path.and_then(Path::parent).is_some_and(Path::exists) {
            drop(Self::begin());
        }
    }

    /// Keeps a key pair in a profile, in the place of the files that the profile names.
    pub(crate) fn keep(&mut self, profile: &str, key: &str, secret: &str) -> Result<(), Failure> {
        self.remove(profile, &FILES);
        for (name, text) in SECRETS.iter().zip([key, secret]) {
            self.set(profile, name, text);
        }
        self.write()
    }

    /// Notes that the keyring has the key pair of a profile, in the place of any other.
    pub(crate) fn keep_in_keyring(&mut self, profile: &str) -> Result<(), Failure> {
        self.remove(profile, &FILES);
        self.remove(profile, &SECRETS);
        self.set(profile, STORAGE.0, STORAGE.1);
        self.write()
    }

    /// Removes the key pair of a profile from the file. Returns whether there was one.
    pub(crate) fn forget(&mut self, profile: &str) -> Result<bool, Failure> {
        self.remove_and_write(profile, &SECRETS)
    }

    /// Removes the note that the keyring has the key pair. Returns whether there was one.
    pub(crate) fn forget_keyring(&mut self, profile: &str) -> Result<bool, Failure> {
        self.remove_and_write(profile, &[STORAGE.0])
    }

    /// Sets another field of a profile. The next write keeps it.
    pub(crate) fn set(&mut self, profile: &str, name: &str, text: &str) {
        let document = &mut self.profiles.document.0;
        let table = document.entry(profile).or_insert_with(|| Item::Table(Table::new()));
        if let Some(table) = table.as_table_like_mut() {
            table.insert(name, value(text));
        }
    }

    fn remove_and_write(&mut self, profile: &str, names: &[&str]) -> Result<bool, Failure> {
        if !self.remove(profile, names) {
            return Ok(false);
        }
        let document = &mut self.profiles.document.0;
        let table = document.get(profile).and_then(Item::as_table_like);
        if table.is_some_and(TableLike::is_empty) {
            document.remove(profile);
        }
        self.write()?;
        Ok(true)
    }

    /// Removes fields of a profile. Returns whether there was one.
    fn remove(&mut self, profile: &str, names: &[&str]) -> bool {
        let table = self.profiles.document.0.get_mut(profile).and_then(Item::as_table_like_mut);
        let Some(table) = table else { return false };
        names.iter().filter(|name| table.remove(name).is_some()).count() > 0
    }

    fn write(&self) -> Result<(), Failure> {
        let text = Zeroizing::new(self.profiles.document.0.to_string());
        replace(&self.path, text.as_bytes()).map_err(|error| unwritten(&self.path, &error))
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Other, format!("{} cannot be written", path.display()))
        .because(error)
        .next("set WALDO_API_KEY_FILE and WALDO_CLIENT_SECRET_FILE instead")
}

/// The file to which a symbolic link leads, or the file itself. The file need not exist.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {
            Ok(path.to_owned())
        }
        Err(error) if path.is_symlink() => {
            let message = format!("it is a symbolic link to a place that is not there ({error})");
            Err(io::Error::new(error.kind(), message))
        }
        Err(error) => Err(error),
    }
}

/// The next content of the file, until it is renamed.
fn new(path: &Path) -> PathBuf {
    path.with_extension("toml.new")
}

/// Replaces the file as a whole, so that no other program reads half of it. Only this user may read
/// the new file.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = new(path);
    let written = private(OpenOptions::new().write(true).create_new(true), &new)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    let replaced = written.and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        drop(fs::remove_file(&new));
    }
    replaced
}

/// Opens a file that only this user may read.
fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Opens the lock, and waits for the run that has it.
fn lock(path: &Path) -> io::Result<File> {
    create_folder(path.parent().ok_or(ErrorKind::NotFound)?)?;
    let end = Instant::now() + PATIENCE;
    loop {
        match try_lock(path) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                let message = "another run of waldo changes it at the moment";
                return Err(io::Error::new(ErrorKind::WouldBlock, message));
            }
            Err(error) => return Err(error),
        }
    }
}

/// `None` if another run has the lock.
#[cfg(unix)]
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{FlockOperation, flock};

    let file = private(OpenOptions::new().write(true).create(true).truncate(false), path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // A filesystem may have no locks. Then two logins at once may lose one key pair.
        Ok(()) | Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `None` if another run has the lock: a file that is open for one program only.
#[cfg(windows)]
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt;

    const SHARING_VIOLATION: i32 = 32;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).share_mode(0);
    match private(&mut options, path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
