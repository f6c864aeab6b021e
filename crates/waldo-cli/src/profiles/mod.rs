//! The profiles file.

mod change;

use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Value};
use zeroize::Zeroizing;

pub(crate) use self::change::Change;
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

/// The profiles file: a table of TOML for each profile.
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
            None => "the profiles file".to_owned(),
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

    /// The command's words for a profile of this name, such as `[sandbox]`.
    pub(crate) fn header(profile: &str) -> String {
        format!("[{}]", toml_edit::Key::new(profile).display_repr())
    }

    /// Whether the profile says that the keyring has its key pair.
    pub(crate) fn uses_keyring(&self, profile: &str) -> bool {
        self.field(profile, STORAGE.0) == Some(STORAGE.1)
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
    // To open a FIFO would wait for a program that writes to it.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(failed(io::Error::other("it is no file")));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        // A file as a parent folder: there is no profiles file, too.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut text = Zeroizing::new(String::new());
    (&file).take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE {
        return Err(failed(io::Error::other(format!("it has more than {MAX_FILE} bytes"))));
    }
    check(&file, path, has_secret(&text))?;
    Ok(Some(text))
}

/// Whether the text may hold a secret. A comment counts too, and so does a text that is no TOML. The
/// names of the files of a key pair do not count.
fn has_secret(text: &str) -> bool {
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return SECRETS.iter().any(|name| text.contains(name));
    };
    // Remove the names of the files, because a file is often called /run/secrets/api_key.
    for (_, item) in document.iter_mut() {
        let Some(table) = item.as_table_like_mut() else { continue };
        for field in FILES {
            if let Some(value) = table.get_mut(field).and_then(Item::as_value_mut) {
                let comment = value.decor().clone();
                *value = Value::from("");
                *value.decor_mut() = comment;
            }
        }
    }
    let text = Zeroizing::new(document.to_string());
    // The field for a file has the name of the secret in its own name.
    let counts = |(secret, file): (&&str, &&str)| {
        text.matches(*secret).count() > text.matches(*file).count()
    };
    SECRETS.iter().zip(&FILES).any(counts)
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
                // A name that is no word may be a secret in the wrong place.
                let is_word = name.chars().all(|char| char == '_' || char.is_ascii_lowercase());
                let name = if is_word { name } else { "that is no word" };
                return Err(wrong(format!("{profile} has a field {name}; known are {known}")));
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
