//! The key pair of a run, and the place that it comes from.

use std::env;
use std::fmt;
use std::path::PathBuf;

use waldo_ureq::{ClientBuilder, CredentialSource, Credentials};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::keyring::Entry;
use crate::settings::{Place, Setting, Settings};
use crate::terminal;

/// Where the key pair comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The variables themselves.
    Variables,
    /// The files that variables name.
    Files,
    /// The folder of systemd.
    Systemd,
    /// The profiles file itself.
    Profile(String),
    /// The files that a profile names.
    FilesOfProfile(String),
    /// The keyring, as a profile says.
    Keyring(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables => f.write_str("WALDO_API_KEY and WALDO_CLIENT_SECRET"),
            Self::Files => {
                f.write_str("the files of WALDO_API_KEY_FILE and WALDO_CLIENT_SECRET_FILE")
            }
            Self::Systemd => f.write_str("waldo-api-key and waldo-client-secret of systemd"),
            Self::Profile(name) => write!(f, "the profile {name}"),
            Self::FilesOfProfile(name) => write!(f, "the files that the profile {name} names"),
            Self::Keyring(name) => write!(f, "the keyring, for the profile {name}"),
        }
    }
}

impl Origin {
    /// How the secret is protected.
    pub(crate) fn protection(&self) -> &'static str {
        match self {
            Self::Variables => {
                "in plain text in the environment, which this user's programs can read"
            }
            Self::Files | Self::FilesOfProfile(_) => "in plain text in files, as their modes say",
            Self::Systemd => "in memory, for this service only",
            Self::Profile(_) => "in plain text in a file that only this user can read",
            Self::Keyring(_) => {
                "in the keyring, which this user's programs can read while it is unlocked"
            }
        }
    }
}

/// A source of the key pair, and its place.
#[derive(Debug)]
pub(crate) struct KeyPair {
    pub(crate) origin: Origin,
    pub(crate) source: CredentialSource,
}

impl KeyPair {
    /// Finds the key pair: in the environment, or else in the profile. `None` if there is none.
    pub(crate) fn find(settings: &Settings) -> Option<Self> {
        Self::find_in_environment().or_else(|| Self::of_profile(settings))
    }

    pub(crate) fn find_in_environment() -> Option<Self> {
        of_environment().map(|origin| Self { origin, source: CredentialSource::env() })
    }

    /// Finds the key pair of the profile: in the profile itself, in the files that it names, or in
    /// the keyring.
    pub(crate) fn of_profile(settings: &Settings) -> Option<Self> {
        let profile = settings.profile.value.clone();
        let field = |name| settings.profiles.field(&profile, name).map(str::to_owned);
        let halves = |key, secret| match (field(key), field(secret)) {
            (None, None) => None,
            (Some(key), Some(secret)) => Some(Ok((key, secret))),
            (Some(_), None) => Some(Err(format!("the profile has {key}, and no {secret}"))),
            (None, Some(_)) => Some(Err(format!("the profile has {secret}, and no {key}"))),
        };
        if let Some(pair) = halves("api_key", "client_secret") {
            let pair = pair.and_then(|(key, secret)| {
                Credentials::new(key, secret).map_err(|error| error.to_string())
            });
            let source = CredentialSource::new(move || pair.clone());
            return Some(Self { origin: Origin::Profile(profile), source });
        }
        if let Some(files) = halves("api_key_file", "client_secret_file") {
            let source = match files {
                Ok((key, secret)) => CredentialSource::files(key, secret),
                Err(why) => CredentialSource::new(move || Err::<Credentials, _>(why.clone())),
            };
            return Some(Self { origin: Origin::FilesOfProfile(profile), source });
        }
        settings.profiles.uses_keyring(&profile).then(|| {
            let entry = Entry::of(settings);
            let source = CredentialSource::new(move || entry.read());
            Self { origin: Origin::Keyring(profile), source }
        })
    }

    /// Finds the key pair, and says if it is another one than the named profile's.
    ///
    /// # Errors
    /// There is no key pair, or it is for another server.
    pub(crate) fn require(settings: &Settings) -> Result<Self, Failure> {
        let Some(pair) = Self::find(settings) else { return Err(none(settings)) };
        pair.check_server(settings)?;
        let is_of_environment =
            matches!(pair.origin, Origin::Variables | Origin::Files | Origin::Systemd);
        if is_of_environment && matches!(settings.profile.place, Place::Option(_)) {
            let (profile, origin) = (&settings.profile.value, &pair.origin);
            terminal::warn(&format!(
                "the key pair is not that of the profile {profile}, because {origin} go first"
            ));
        }
        Ok(pair)
    }

    /// Checks that the key pair of a profile is for the server of this run. A key pair of the
    /// environment is for any server.
    ///
    /// # Errors
    /// An option or a variable names another server than the profile.
    pub(crate) fn check_server(&self, settings: &Settings) -> Result<(), Failure> {
        let (Origin::Profile(profile) | Origin::FilesOfProfile(profile) | Origin::Keyring(profile)) =
            &self.origin
        else {
            return Ok(());
        };
        let own = settings.profiles.field(profile, "origin");
        let own = own.unwrap_or(ClientBuilder::DEFAULT_ORIGIN).parse::<waldo_ureq::Origin>();
        let Setting { value: origin, place } = &settings.origin;
        let why = match own {
            Ok(own) if own == *origin => return Ok(()),
            Ok(own) => format!("it is for {own}, and {place} names {origin}"),
            Err(error) => format!("the origin of the profile is wrong: {error}"),
        };
        let remedy = match place {
            Place::Option(name) => format!("leave out --{name}"),
            Place::Environment(name) => format!("unset {name}"),
            Place::Profile(_) | Place::Default => "change the origin of the profile".to_owned(),
        };
        let what = format!("the key pair of the profile {profile} is for another server");
        Err(Failure::usage(what)
            .because(why)
            .next(format!("{remedy}, or name the profile of that server: --profile NAME")))
    }

    pub(crate) fn ask(&self) -> Result<Credentials, Failure> {
        self.source.ask().map_err(|error| self.unusable(error))
    }

    pub(crate) fn unusable(&self, error: impl fmt::Display) -> Failure {
        let what = format!("the key pair cannot be used, which comes from {}", self.origin);
        let failure = Failure::new(Exit::NoCredentials, what).because(error);
        match &self.origin {
            Origin::Keyring(profile) if terminal::is_interactive() => {
                failure.next(format!("waldo login --profile {}", terminal::quoted(profile)))
            }
            Origin::Keyring(_) => {
                failure.next("set WALDO_API_KEY_FILE and WALDO_CLIENT_SECRET_FILE")
            }
            Origin::Variables
            | Origin::Files
            | Origin::Systemd
            | Origin::Profile(_)
            | Origin::FilesOfProfile(_) => failure,
        }
    }
}

/// The failure for no key pair. Without a terminal, nobody can answer the questions of a login.
pub(crate) fn none(settings: &Settings) -> Failure {
    let profile = &settings.profile.value;
    let failure = Failure::new(Exit::NoCredentials, "there is no key pair").because(format!(
        "the environment has none, and {} has none for the profile {profile}",
        settings.profiles.place()
    ));
    if terminal::is_interactive() {
        return failure.next(format!("waldo login{}", of_profile(settings)));
    }
    failure.next(
        "set WALDO_API_KEY and WALDO_CLIENT_SECRET, or WALDO_API_KEY_FILE and \
         WALDO_CLIENT_SECRET_FILE",
    )
}

/// The option that names the profile, for a shell, unless it is the default.
pub(crate) fn of_profile(settings: &Settings) -> String {
    match settings.profile.place {
        Place::Default => String::new(),
        Place::Option(_) | Place::Environment(_) | Place::Profile(_) => {
            format!(" --profile {}", terminal::quoted(&settings.profile.value))
        }
    }
}

/// The place in the environment from which `CredentialSource::env` takes the key pair. If only half
/// of it is there, the source says so.
fn of_environment() -> Option<Origin> {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("WALDO_API_KEY") || is_set("WALDO_CLIENT_SECRET") {
        return Some(Origin::Variables);
    }
    if is_set("WALDO_API_KEY_FILE") || is_set("WALDO_CLIENT_SECRET_FILE") {
        return Some(Origin::Files);
    }
    let folder = env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())?;
    let folder = PathBuf::from(folder);
    let has = |name| folder.join(name).try_exists().unwrap_or(true);
    (has("waldo-api-key") || has("waldo-client-secret")).then_some(Origin::Systemd)
}
