//! The key pair from the environment.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use waldo_auth_core::{Credentials, Origin};
use zeroize::Zeroizing;

use crate::secret_file;
use crate::source::CredentialSource;

impl CredentialSource {
    /// The environment: the first row of this table whose variables are set.
    ///
    /// | the API key | the client secret |
    /// |---|---|
    /// | `WALDO_API_KEY` | `WALDO_CLIENT_SECRET` |
    /// | the file that `WALDO_API_KEY_FILE` names | the file that `WALDO_CLIENT_SECRET_FILE` names |
    /// | `$CREDENTIALS_DIRECTORY/waldo-api-key` | `$CREDENTIALS_DIRECTORY/waldo-client-secret` |
    ///
    /// An empty variable counts as not set. systemd sets `CREDENTIALS_DIRECTORY` for a service with
    /// `LoadCredential=`. A key and a secret from different rows are an error, because they may not
    /// belong together. [`files`](Self::files) says what the files may hold.
    pub fn env() -> Self {
        Self::new(|| credentials(std::env::var_os))
    }

    /// Two files. Each of them holds one half of the key pair, in UTF-8, in at most 64 KiB.
    ///
    /// One line end at the end of a file is cut. Each file must be a regular file, or a link to
    /// one, because a pipe cannot be read again. Write both files before you revoke the old key: a
    /// client that reads between the two would send a mixed pair, whose rejection stands until the
    /// next probe.
    pub fn files(api_key: impl Into<PathBuf>, client_secret: impl Into<PathBuf>) -> Self {
        let (api_key, client_secret) = (api_key.into(), client_secret.into());
        Self::new(move || from_files(&api_key, &client_secret))
    }
}

/// The names of one half of the key pair.
struct Half {
    variable: &'static str,
    /// The variable that names a file.
    file: &'static str,
    /// The name of the file in the folder of [`DIRECTORY`].
    credential: &'static str,
}

const KEY: Half =
    Half { variable: "WALDO_API_KEY", file: "WALDO_API_KEY_FILE", credential: "waldo-api-key" };

const SECRET: Half = Half {
    variable: "WALDO_CLIENT_SECRET",
    file: "WALDO_CLIENT_SECRET_FILE",
    credential: "waldo-client-secret",
};

/// The folder in which systemd passes secrets to a service.
const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// A way in which the environment has both halves of the key pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Variables,
    Files,
    Directory,
}

impl Way {
    /// In the order of their precedence.
    const ALL: [Self; 3] = [Self::Variables, Self::Files, Self::Directory];

    /// Where the environment has this half.
    fn place(self, half: &Half) -> String {
        match self {
            Self::Variables => format!("the environment variable {}", half.variable),
            Self::Files => format!("the file that {} names", half.file),
            Self::Directory => format!("the file {} in ${DIRECTORY}", half.credential),
        }
    }

    /// The variable that has this half, or leads to its file.
    fn variable(self, half: &Half) -> &'static str {
        match self {
            Self::Variables => half.variable,
            Self::Files => half.file,
            Self::Directory => DIRECTORY,
        }
    }

    /// Whether the environment has this half in this way.
    fn has(self, half: &Half, variable: impl Fn(&'static str) -> Option<OsString>) -> bool {
        let Some(value) = variable(self.variable(half)) else { return false };
        match self {
            Self::Variables | Self::Files => !wiped(value).is_empty(),
            // If the file cannot be reached, it is there: reading the file names the reason.
            Self::Directory => {
                !value.is_empty()
                    && PathBuf::from(value).join(half.credential).try_exists().unwrap_or(true)
            }
        }
    }

    fn read(
        self,
        half: &Half,
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Zeroizing<String>, EnvError> {
        let name = self.variable(half);
        let value = variable(name).ok_or_else(|| not_set(name))?;
        let path = match self {
            Self::Variables => return text(name, value)?.ok_or_else(|| not_set(name)),
            Self::Files => PathBuf::from(value),
            Self::Directory => PathBuf::from(value).join(half.credential),
        };
        secret_file::read(&path)
            .map_err(|problem| EnvError(format!("{} ({name}) {problem}", shown(&path))))
    }
}

/// Reads the key pair.
pub(crate) fn credentials(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<Credentials, EnvError> {
    let way_of = |half| Way::ALL.into_iter().find(|way| way.has(half, &variable));
    let way = match (way_of(&KEY), way_of(&SECRET)) {
        (Some(way), Some(other)) if way == other => way,
        (Some(way), Some(other)) => {
            return Err(EnvError(format!(
                "the API key comes from {}, and the client secret from {}; set both in one way, \
                 because they belong together",
                way.place(&KEY),
                other.place(&SECRET)
            )));
        }
        (None, None) => return Err(not_set(KEY.variable)),
        (None, Some(way)) => return Err(missing(way, &KEY)),
        (Some(way), None) => return Err(missing(way, &SECRET)),
    };
    let (key, secret) = (way.read(&KEY, &variable)?, way.read(&SECRET, &variable)?);
    Credentials::new(key.as_str(), secret.as_str()).map_err(|error| {
        let (key, secret) = (way.place(&KEY), way.place(&SECRET));
        EnvError(format!("{key} or {secret} is unusable: {error}"))
    })
}

/// Reads the key pair from two files.
pub(crate) fn from_files(api_key: &Path, client_secret: &Path) -> Result<Credentials, EnvError> {
    let read = |path: &Path| {
        secret_file::read(path).map_err(|problem| EnvError(format!("{} {problem}", shown(path))))
    };
    let (key, secret) = (read(api_key)?, read(client_secret)?);
    Credentials::new(key.as_str(), secret.as_str())
        .map_err(|error| EnvError(format!("a file of the key pair is unusable: {error}")))
}

/// Reads the origin, if it is set.
pub(crate) fn origin(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<Option<Origin>, EnvError> {
    let Some(value) = variable("WALDO_ORIGIN") else { return Ok(None) };
    let Some(origin) = text("WALDO_ORIGIN", value)? else { return Ok(None) };
    let unusable = |error| EnvError::of("WALDO_ORIGIN", &format!("is unusable: {error}"));
    origin.parse().map(Some).map_err(unusable)
}

fn not_set(name: &str) -> EnvError {
    EnvError::of(name, "is not set, or is empty; its value comes from the Waldo dashboard")
}

/// The error for a half that the environment does not have, although it has the other half in this
/// way.
fn missing(way: Way, half: &Half) -> EnvError {
    match way {
        Way::Variables => not_set(half.variable),
        Way::Files => EnvError::of(half.file, "is not set, or is empty; set both files"),
        Way::Directory => EnvError(format!("{} is missing; set both files", way.place(half))),
    }
}

/// The path of a file. Only an absolute path is shown, because any other path may be the secret
/// itself, set to the wrong variable.
fn shown(path: &Path) -> String {
    if path.is_absolute() { format!("the file {}", path.display()) } else { "the file".to_owned() }
}

/// The value of a variable, which is wiped on drop. `None` if the value is empty, because an empty
/// variable counts as not set.
fn text(name: &'static str, value: OsString) -> Result<Option<Zeroizing<String>>, EnvError> {
    let value = value.into_string().map(Zeroizing::new).map_err(|value| {
        // The error must not show the value, and no copy may stay in memory.
        drop(wiped(value));
        EnvError::of(name, "is not Unicode; set it to text in UTF-8")
    })?;
    match surroundings(&value) {
        _ if value.is_empty() => Ok(None),
        Some(problem) => Err(EnvError::of(name, problem)),
        None => Ok(Some(value)),
    }
}

/// The bytes of a value, which are wiped on drop.
fn wiped(value: OsString) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(value.into_encoded_bytes())
}

/// Names the characters around a value that cannot belong to the value, such as white space.
pub(crate) fn surroundings(value: &str) -> Option<&'static str> {
    let ends = [value.chars().next(), value.chars().next_back()];
    let any = |is: fn(char) -> bool| ends.into_iter().flatten().any(is);
    let both =
        |is: fn(char) -> bool| value.chars().nth(1).is_some() && ends.into_iter().flatten().all(is);
    if any(|end| matches!(end, '\n' | '\r')) {
        Some("begins or ends with a line end; remove it")
    } else if any(char::is_whitespace) {
        Some("begins or ends with white space; remove it")
    } else if any(|end| end.is_control() || end == '\u{feff}' || end == '\u{200b}') {
        Some("begins or ends with an invisible character; remove it")
    } else if both(|end| {
        matches!(end, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}')
    }) {
        Some("has quotation marks around it; remove them")
    } else {
        None
    }
}

/// Why the environment gives no client. Its message names the variable or the file, and never shows
/// the value or the content.
///
/// `Debug` shows the same sentence as `Display`, because a `main` that returns the error prints its
/// `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvError(String);

impl EnvError {
    fn of(name: &str, problem: &str) -> Self {
        Self(format!("the environment variable {name} {problem}"))
    }
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for EnvError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Option<String>, EnvError> {
        let find =
            |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        drop(credentials(find)?);
        origin(find).map(|origin| origin.map(|origin| origin.to_string()))
    }

    #[test]
    fn each_mistake_names_its_variable_and_never_its_value() {
        let key = ("WALDO_API_KEY", "wk.canary");
        let secret = ("WALDO_CLIENT_SECRET", "ws.canary");
        let origin = ("WALDO_ORIGIN", "http://[::1]:1");
        assert_eq!(from(&[key, secret]), Ok(None));
        assert_eq!(from(&[key, secret, origin]), Ok(Some("http://[::1]:1".to_owned())));
        for (pairs, message) in [
            (
                &[secret][..],
                "WALDO_API_KEY is not set, or is empty; its value comes from the Waldo dashboard",
            ),
            (
                &[key],
                "WALDO_CLIENT_SECRET is not set, or is empty; its value comes from the Waldo dashboard",
            ),
            (
                &[key, ("WALDO_CLIENT_SECRET", "")],
                "WALDO_CLIENT_SECRET is not set, or is empty; its value comes from the Waldo dashboard",
            ),
        ] {
            let error = from(pairs).unwrap_err();
            let message = format!("the environment variable {message}");
            assert_eq!(error.to_string(), message);
            assert_eq!(format!("{error:?}"), message, "what a main that returns it prints");
        }
    }

    /// Some tools set a variable to an empty text instead of removing it.
    ///
    /// Seen in openai/openai-python#2927: The client uses an empty variable as the base URL.
    #[test]
    fn an_empty_origin_is_no_origin() {
        let pair = [("WALDO_API_KEY", "k"), ("WALDO_CLIENT_SECRET", "s")];
        assert_eq!(from(&[pair[0], pair[1], ("WALDO_ORIGIN", "")]), Ok(None));
    }

    #[test]
    fn characters_around_a_value_are_reported() {
        let space = "begins or ends with white space; remove it";
        let line_end = "begins or ends with a line end; remove it";
        let marks = "has quotation marks around it; remove them";
        let invisible = "begins or ends with an invisible character; remove it";
        let sound = [
            ("WALDO_API_KEY", "wk.canary"),
            ("WALDO_CLIENT_SECRET", "ws.canary"),
            ("WALDO_ORIGIN", "https://canary"),
        ];
        for place in 0..sound.len() {
            for (before, after, problem) in [
                (" ", "", space),
                ("", "\t", space),
                ("\u{a0}", "", space),
                ("", "\n", line_end),
                ("", "\r", line_end),
                (" ", "\r\n", line_end),
                ("\"", "\"", marks),
                ("'", "'", marks),
                ("\u{201c}", "\u{201d}", marks),
                ("\u{feff}", "", invisible),
                ("", "\u{0}", invisible),
            ] {
                let mut pairs = sound;
                let value = format!("{before}{}{after}", sound[place].1);
                pairs[place].1 = &value;
                let error = from(&pairs).unwrap_err().to_string();
                assert_eq!(error, format!("the environment variable {} {problem}", sound[place].0));
            }
        }
        // A single quotation mark may belong to a secret.
        for value in ["\"", "\"x", "x'", "x\"y"] {
            assert_eq!(from(&[sound[0], ("WALDO_CLIENT_SECRET", value)]), Ok(None), "{value}");
        }
    }

    #[test]
    fn an_origin_that_is_refused_names_its_variable() {
        let pair = [("WALDO_API_KEY", "k"), ("WALDO_CLIENT_SECRET", "s")];
        for (origin, problem) in [
            ("http://canary", "the origin must use https"),
            ("https://canary/v1", "the origin must end after the host and port"),
            ("canary", "the origin needs http or https"),
        ] {
            let error =
                from(&[pair[0], pair[1], ("WALDO_ORIGIN", origin)]).unwrap_err().to_string();
            let start = format!("the environment variable WALDO_ORIGIN is unusable: {problem}");
            assert!(error.starts_with(&start) && !error.contains("canary"), "{error}");
        }
    }

    /// Two files, a folder of systemd, and the path of each.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            for (name, text) in [
                ("key", "wk.file\n"),
                ("secret", "ws.file\r\n"),
                ("empty", ""),
                ("waldo-api-key", "wk.directory"),
                ("waldo-client-secret", "ws.directory\n"),
            ] {
                std::fs::write(files.path(name), text).unwrap();
            }
            files
        }

        fn path(&self, name: &str) -> String {
            self.0.path().join(name).to_str().unwrap().to_owned()
        }
    }

    fn pair(pairs: &[(&str, &str)]) -> Result<Credentials, String> {
        let find =
            |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        credentials(find).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_come_before_files_and_files_before_the_directory() {
        let files = Files::new();
        let (folder, key, secret) = (files.path(""), files.path("key"), files.path("secret"));
        let all = [
            ("WALDO_API_KEY", "wk.variable"),
            ("WALDO_CLIENT_SECRET", "ws.variable"),
            ("WALDO_API_KEY_FILE", key.as_str()),
            ("WALDO_CLIENT_SECRET_FILE", secret.as_str()),
            ("CREDENTIALS_DIRECTORY", folder.as_str()),
        ];
        for (first, from) in [(0, "variable"), (2, "file"), (4, "directory")] {
            let expected = Credentials::new(format!("wk.{from}"), format!("ws.{from}")).unwrap();
            assert!(pair(&all[first..]).unwrap() == expected, "{from}");
            // An empty variable counts as not set.
            let emptied = all.iter().take(first).map(|(name, _)| (*name, ""));
            let emptied: Vec<_> = emptied.chain(all[first..].iter().copied()).collect();
            assert!(pair(&emptied).unwrap() == expected, "{from}");
        }
        assert!(
            pair(&[("CREDENTIALS_DIRECTORY", "")]).unwrap_err().contains("WALDO_API_KEY is not")
        );
    }

    #[test]
    fn a_key_and_a_secret_from_two_places_are_an_error() {
        let files = Files::new();
        let (folder, key, secret) = (files.path(""), files.path("key"), files.path("secret"));
        for (key, secret, places) in [
            (
                ("WALDO_API_KEY", "wk.canary"),
                ("WALDO_CLIENT_SECRET_FILE", secret.as_str()),
                [
                    "the environment variable WALDO_API_KEY",
                    "file that WALDO_CLIENT_SECRET_FILE names",
                ],
            ),
            (
                ("WALDO_API_KEY_FILE", key.as_str()),
                ("WALDO_CLIENT_SECRET", "ws.canary"),
                [
                    "file that WALDO_API_KEY_FILE names",
                    "the environment variable WALDO_CLIENT_SECRET",
                ],
            ),
            (
                ("WALDO_API_KEY", "wk.canary"),
                ("CREDENTIALS_DIRECTORY", folder.as_str()),
                [
                    "the environment variable WALDO_API_KEY",
                    "the file waldo-client-secret in $CREDENTIALS_DIRECTORY",
                ],
            ),
        ] {
            let error = pair(&[key, secret]).unwrap_err();
            assert!(places.iter().all(|place| error.contains(place)), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_problem_of_a_file_names_its_variable_and_its_path() {
        let files = Files::new();
        let (key, empty, missing) = (files.path("key"), files.path("empty"), files.path("none"));
        let key = ("WALDO_API_KEY_FILE", key.as_str());
        for (pairs, start) in [
            (
                vec![key, ("WALDO_CLIENT_SECRET_FILE", empty.as_str())],
                format!("the file {empty} (WALDO_CLIENT_SECRET_FILE) is empty"),
            ),
            (
                vec![key, ("WALDO_CLIENT_SECRET_FILE", missing.as_str())],
                format!("the file {missing} (WALDO_CLIENT_SECRET_FILE) cannot be read: "),
            ),
            (vec![key], "the environment variable WALDO_CLIENT_SECRET_FILE is not set".to_owned()),
            // The secret itself, set to the wrong variable.
            (
                vec![key, ("WALDO_CLIENT_SECRET_FILE", "ws.canary/with+slash")],
                "the file (WALDO_CLIENT_SECRET_FILE) cannot be read: ".to_owned(),
            ),
        ] {
            let error = pair(&pairs).unwrap_err();
            assert!(error.starts_with(&start) && !error.contains("canary"), "{error}");
        }
        std::fs::remove_file(files.path("waldo-client-secret")).unwrap();
        assert_eq!(
            pair(&[("CREDENTIALS_DIRECTORY", files.path("").as_str())]).unwrap_err(),
            "the file waldo-client-secret in $CREDENTIALS_DIRECTORY is missing; set both files"
        );
    }

    #[cfg(unix)]
    #[test]
    fn non_unicode_value_has_its_own_error() {
        use std::os::unix::ffi::OsStringExt;
        let error = credentials(|_| Some(OsString::from_vec(vec![0xff]))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable WALDO_API_KEY is not Unicode; set it to text in UTF-8"
        );
    }
}
