//! The file of profiles.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, TableLike, value};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;

/// The fields of a profile.
pub(crate) const FIELDS: [&str; 8] = [
    "api_key",
    "client_secret",
    "api_key_file",
    "client_secret_file",
    "storage",
    "origin",
    "store",
    "timeout",
];

const SECRETS: [&str; 2] = ["api_key", "client_secret"];

const FILES: [&str; 2] = ["api_key_file", "client_secret_file"];

/// The field that says where else the key pair is kept, and its value.
const STORAGE: (&str, &str) = ("storage", "keyring");

/// The largest file, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The file of profiles: a table of TOML for each profile.
#[derive(Debug)]
pub(crate) struct Profiles {
    /// `None` without a home.
    path: Option<PathBuf>,
    document: Document,
}

/// The document, whose `Debug` would show the secrets.
struct Document(DocumentMut);

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Document")
    }
}

impl Profiles {
    /// Reads the file in the platform's place.
    ///
    /// # Errors
    /// The file is not safe, or cannot be read.
    pub(crate) fn read() -> Result<Self, Failure> {
        let path = path();
        let text = match &path {
            Some(path) => read(path)?,
            None => None,
        };
        let document = match (text, &path) {
            (Some(text), Some(path)) => parse(&text, path)?,
            _ => DocumentMut::new(),
        };
        Ok(Self { path, document: Document(document) })
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The path of the file, for a message.
    pub(crate) fn place(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "the file of profiles".to_owned(),
        }
    }

    pub(crate) fn has(&self, profile: &str) -> bool {
        self.document.0.get(profile).is_some()
    }

    /// A field of a profile, unless the field is missing or empty.
    pub(crate) fn field(&self, profile: &str, name: &str) -> Option<&str> {
        let text = self.document.0.get(profile)?.get(name)?.as_str()?;
        (!text.is_empty()).then_some(text)
    }

    /// Whether the profile says that the keyring has its key pair.
    pub(crate) fn uses_keyring(&self, profile: &str) -> bool {
        self.field(profile, STORAGE.0) == Some(STORAGE.1)
    }

    /// Keeps a key pair in a profile, in the place of any other.
    pub(crate) fn keep(&mut self, profile: &str, key: &str, secret: &str) -> Result<(), Failure> {
        self.remove(profile, FILES.iter().chain([&STORAGE.0]));
        for (name, text) in SECRETS.iter().zip([key, secret]) {
            self.set(profile, name, text);
        }
        self.write()
    }

    /// Notes that the keyring has the key pair of a profile, in the place of any other.
    pub(crate) fn keep_in_keyring(&mut self, profile: &str) -> Result<(), Failure> {
        self.remove(profile, FILES.iter().chain(&SECRETS));
        self.set(profile, STORAGE.0, STORAGE.1);
        self.write()
    }

    /// Removes fields of a profile. Returns whether there was one.
    fn remove<'a>(&mut self, profile: &str, names: impl Iterator<Item = &'a &'static str>) -> bool {
        let table = self.document.0.get_mut(profile).and_then(Item::as_table_like_mut);
        let Some(table) = table else { return false };
        names.filter(|name| table.remove(name).is_some()).count() > 0
    }

    /// Keeps another field in a profile.
    pub(crate) fn set(&mut self, profile: &str, name: &str, text: &str) {
        let table = self.document.0.entry(profile).or_insert_with(|| Item::Table(Table::new()));
        if let Some(table) = table.as_table_like_mut() {
            table.insert(name, value(text));
        }
    }

    /// Removes the key pair of a profile, or the note that the keyring has it. Returns whether there
    /// was one.
    pub(crate) fn forget(&mut self, profile: &str) -> Result<bool, Failure> {
        if !self.remove(profile, SECRETS.iter().chain([&STORAGE.0])) {
            return Ok(false);
        }
        let table = self.document.0.get(profile).and_then(Item::as_table_like);
        if table.is_some_and(TableLike::is_empty) {
            self.document.0.remove(profile);
        }
        self.write()?;
        Ok(true)
    }

    /// Replaces the file as a whole, so that no other program reads half of it.
    fn write(&self) -> Result<(), Failure> {
        let Some(path) = &self.path else {
            return Err(Failure::new(Exit::Other, "there is no place for the file of profiles")
                .because("this user has no home directory")
                .next(NEEDS));
        };
        let text = Zeroizing::new(self.document.0.to_string());
        replace(path, text.as_bytes()).map_err(|error| {
            Failure::new(Exit::Other, format!("{} cannot be written", path.display()))
                .because(error)
                .next("set WALDO_API_KEY_FILE and WALDO_CLIENT_SECRET_FILE instead")
        })
    }
}

#[cfg(windows)]
const NEEDS: &str = "set APPDATA";
#[cfg(target_vendor = "apple")]
const NEEDS: &str = "set HOME";
#[cfg(not(any(windows, target_vendor = "apple")))]
const NEEDS: &str = "set HOME or XDG_CONFIG_HOME";

/// The platform's place for a user's settings.
fn path() -> Option<PathBuf> {
    let folder = |path: PathBuf| path.is_absolute().then_some(path);
    let variable = |name| env::var_os(name).map(PathBuf::from).and_then(folder);
    let home = || env::home_dir().and_then(folder);
    let settings = if cfg!(windows) {
        variable("APPDATA")
    } else if cfg!(target_vendor = "apple") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_CONFIG_HOME").or_else(|| Some(home()?.join(".config")))
    };
    Some(settings?.join("waldo").join("profiles.toml"))
}

/// Reads the file, if there is one.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::Other, format!("{} cannot be read", path.display())).because(error)
    };
    let file = match File::open(path) {
        Ok(file) => file,
        // A file as a parent folder: there is no file of profiles, too.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut text = Zeroizing::new(String::new());
    (&file).take(MAX_FILE).read_to_string(&mut text).map_err(failed)?;
    check(&file, path, has_secret(&text))?;
    Ok(Some(text))
}

/// Whether the text may hold a secret. A comment counts too.
fn has_secret(text: &str) -> bool {
    SECRETS.iter().any(|name| text.contains(name))
}

/// Refuses a file that another user could change, or could read if it holds a secret.
#[cfg(unix)]
fn check(file: &File, path: &Path, secret: bool) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;

    let unsafe_because = |why: &str, next: String| {
        Failure::new(Exit::Other, format!("{} is not safe", path.display())).because(why).next(next)
    };
    let metadata = file.metadata().map_err(|error| {
        Failure::new(Exit::Other, format!("{} cannot be read", path.display())).because(error)
    })?;
    let (mode, path) = (metadata.mode(), path.display());
    if metadata.uid() != rustix::process::geteuid().as_raw() && metadata.uid() != 0 {
        return Err(unsafe_because("it belongs to another user", format!("look at ls -l {path}")));
    }
    if mode & 0o022 != 0 {
        return Err(unsafe_because("other users can change it", format!("chmod 600 {path}")));
    }
    if secret && mode & 0o044 != 0 {
        return Err(unsafe_because("other users can read its secret", format!("chmod 600 {path}")));
    }
    Ok(())
}

/// Windows gives a file in a user's folder to this user alone.
#[cfg(not(unix))]
fn check(_: &File, _: &Path, _: bool) -> Result<(), Failure> {
    Ok(())
}

/// Reads the TOML. The parser's message would show the line, which may be a secret.
fn parse(text: &str, path: &Path) -> Result<DocumentMut, Failure> {
    let wrong = |what: String| {
        Failure::usage(format!("{} is wrong: {what}", path.display()))
            .next("write it like: [sandbox], and beneath: origin = \"https://api.waldo.ai\"")
    };
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        wrong(format!("line {line} is no TOML"))
    })?;
    for (profile, item) in document.iter() {
        let table = item.as_table_like();
        let table = table.ok_or_else(|| wrong(format!("{profile} is no table")))?;
        for (name, item) in table.iter() {
            if !FIELDS.contains(&name) {
                let known = FIELDS.join(", ");
                return Err(wrong(format!("{profile} has the field {name}; known are {known}")));
            }
            if !item.is_str() {
                return Err(wrong(format!("{name} of {profile} is no text")));
            }
            if name == STORAGE.0 && item.as_str() != Some(STORAGE.1) {
                return Err(wrong(format!("{name} of {profile} can be \"{}\" only", STORAGE.1)));
            }
        }
    }
    Ok(document)
}

/// Writes a new file beside the old one, and renames it. Only this user may read it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Keep a symbolic link, and replace the file to which it leads.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().ok_or(ErrorKind::NotFound)?;
    create_folder(folder)?;
    let new = folder.join(format!("profiles.toml.{:016x}", fastrand::u64(..)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let replaced = written.and_then(|()| fs::rename(&new, &path));
    if replaced.is_err() {
        drop(fs::remove_file(&new));
    }
    replaced
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
