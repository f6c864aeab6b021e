//! The settings of a run, each with the place that it comes from.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use waldo_ureq::{ClientBuilder, Origin};

use crate::arguments::{Global, duration};
use crate::failure::Failure;
use crate::profiles::Profiles;
use crate::store::Choice;
use crate::terminal;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Option(&'static str),
    Environment(&'static str),
    Profile(String),
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => write!(f, "the option --{name}"),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::Profile(name) => write!(f, "the profile {name}"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// A setting, and the place that it comes from.
#[derive(Debug)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// The settings of a run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) profile: Setting<String>,
    pub(crate) origin: Setting<Origin>,
    pub(crate) store: Setting<Choice>,
    /// `None` sets no limit. The second is whether the user has set it.
    pub(crate) timeout: Setting<Option<Duration>>,
    pub(crate) profiles: Profiles,
}

/// The name of the profile if none is named.
const DEFAULT_PROFILE: &str = "default";

impl Settings {
    /// Takes each setting from its option, or else from the environment, or else from the profile.
    /// `may_be_new` says that the profile need not exist.
    pub(crate) fn resolve(global: &Global, may_be_new: bool) -> Result<Self, Failure> {
        let profiles = Profiles::read()?;
        let profile = pick("profile", "WALDO_PROFILE", global.profile.clone(), None)?
            .unwrap_or(Setting { value: DEFAULT_PROFILE.to_owned(), place: Place::Default });
        if profile.value.is_empty() || profile.value.chars().any(char::is_control) {
            return Err(wrong("profile", &profile.place)
                .because("a name has one character at least, and no control character"));
        }
        let is_named = profile.place != Place::Default;
        if is_named && !may_be_new && !profiles.has(&profile.value) {
            let (name, place) = (&profile.value, profiles.place());
            // Without a terminal, nobody can answer the questions of a login.
            let next = if terminal::is_interactive() {
                format!("waldo login --profile {}", terminal::quoted(name))
            } else {
                format!("add the table {} to {place}", Profiles::header(name))
            };
            return Err(Failure::usage(format!("there is no profile {name}"))
                .because(format!("{place} has no table of this name; {} names it", profile.place))
                .next(next));
        }
        let of_profile = |field| {
            let text = profiles.field(&profile.value, field)?;
            Some((profile.value.as_str(), text))
        };
        let (name, variable) = ("origin", "WALDO_ORIGIN");
        let origin = pick(name, variable, global.origin.clone(), of_profile(name))?;
        let (name, variable) = ("timeout", "WALDO_TIMEOUT");
        let timeout = match global.timeout {
            Some(value) => Some(Setting { value, place: Place::Option(name) }),
            None => pick(name, variable, None, of_profile(name))?
                .map(|Setting { value, place }| match duration(&value) {
                    Ok(value) => Ok(Setting { value, place }),
                    Err(error) => Err(wrong(name, &place).because(error)),
                })
                .transpose()?,
        };
        Ok(Self {
            origin: parsed_origin(origin)?,
            store: store(global, of_profile("store"))?,
            timeout: match timeout {
                Some(Setting { value, place }) => {
                    Setting { value: (!value.is_zero()).then_some(value), place }
                }
                None => {
                    Setting { value: Some(ClientBuilder::DEFAULT_TIMEOUT), place: Place::Default }
                }
            },
            profile,
            profiles,
        })
    }
}

fn wrong(name: &str, place: &Place) -> Failure {
    Failure::usage(format!("the {name} is wrong, which comes from {place}"))
}

/// The first text of: the option, the environment variable, and the profile's field.
fn pick(
    name: &'static str,
    variable: &'static str,
    option: Option<String>,
    of_profile: Option<(&str, &str)>,
) -> Result<Option<Setting<String>>, Failure> {
    if let Some(value) = option {
        return Ok(Some(Setting { value, place: Place::Option(name) }));
    }
    // An empty variable counts as not set, because some tools cannot remove a variable.
    if let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) {
        let place = Place::Environment(variable);
        let value =
            value.into_string().map_err(|_| wrong(name, &place).because("it is not UTF-8"))?;
        return Ok(Some(Setting { value, place }));
    }
    Ok(of_profile.map(|(profile, value)| Setting {
        value: value.to_owned(),
        place: Place::Profile(profile.to_owned()),
    }))
}

fn parsed_origin(origin: Option<Setting<String>>) -> Result<Setting<Origin>, Failure> {
    let Setting { value, place } = origin.unwrap_or_else(|| Setting {
        value: ClientBuilder::DEFAULT_ORIGIN.to_owned(),
        place: Place::Default,
    });
    let value = value.parse().map_err(|error| wrong("origin", &place).because(error))?;
    Ok(Setting { value, place })
}

/// The store, whose directory need not be UTF-8.
fn store(global: &Global, of_profile: Option<(&str, &str)>) -> Result<Setting<Choice>, Failure> {
    const NAME: &str = "store";
    const VARIABLE: &str = "WALDO_STORE";
    let variable = || env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let (text, place): (OsString, _) = if let Some(text) = &global.store {
        (text.clone(), Place::Option(NAME))
    } else if let Some(text) = variable() {
        (text, Place::Environment(VARIABLE))
    } else if let Some((profile, text)) = of_profile {
        (text.into(), Place::Profile(profile.to_owned()))
    } else {
        return Ok(Setting { value: Choice::User, place: Place::Default });
    };
    if matches!(place, Place::Option(_)) && Choice::has_password(&text) {
        return Err(wrong(NAME, &place)
            .because("the URL has a password, and other users can see the command line")
            .next("set WALDO_STORE to the URL"));
    }
    let value = Choice::parse(&text).map_err(|why| {
        wrong(NAME, &place)
            .because(why)
            .next("write file, none, a directory such as ./store, or a URL")
    })?;
    Ok(Setting { value, place })
}
