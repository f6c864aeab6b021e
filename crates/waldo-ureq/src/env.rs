//! The key pair from the environment.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;

use waldo_auth_core::{ConfigError, Credentials, CredentialsError, Origin, OriginError};

const API_KEY: &str = "WALDO_API_KEY";
const CLIENT_SECRET: &str = "WALDO_CLIENT_SECRET";
const ORIGIN: &str = "WALDO_ORIGIN";

/// Reads the key pair, and the origin if there is one.
pub(crate) fn read(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<(Credentials, Option<String>), EnvError> {
    let text = |name| match variable(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Err(_)) => Err(EnvError::NotUnicode { variable: name }),
        Some(Ok(value)) if value.is_empty() => Err(EnvError::Empty { variable: name }),
        Some(Ok(value)) if value.trim() != value => Err(EnvError::WhiteSpace { variable: name }),
        Some(Ok(value)) => Ok(Some(value)),
    };
    let required = |name| text(name)?.ok_or(EnvError::Missing { variable: name });
    let credentials =
        Credentials::new(required(API_KEY)?, required(CLIENT_SECRET)?).map_err(EnvError::Credentials)?;
    let origin = text(ORIGIN)?;
    if let Some(Err(error)) = origin.as_deref().map(str::parse::<Origin>) {
        return Err(EnvError::Origin { variable: ORIGIN, source: error });
    }
    Ok((credentials, origin))
}

/// Why the environment gives no client; it names the variable, never its value.
///
/// Its `Debug` is its message, as that is what a `main` that returns it prints.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvError {
    /// The variable is not set.
    Missing {
        /// Its name.
        variable: &'static str,
    },
    /// The variable is set, to nothing.
    Empty {
        /// Its name.
        variable: &'static str,
    },
    /// The variable's value begins or ends with white space: a line end from a file, most often.
    WhiteSpace {
        /// Its name.
        variable: &'static str,
    },
    /// The variable's value is not Unicode.
    NotUnicode {
        /// Its name.
        variable: &'static str,
    },
    /// The key pair in `WALDO_API_KEY` and `WALDO_CLIENT_SECRET` can never be meant.
    Credentials(CredentialsError),
    /// The variable holds no origin that a token may be sent to.
    Origin {
        /// Its name.
        variable: &'static str,
        /// What is wrong with the value.
        source: OriginError,
    },
    /// The settings beside the environment do not go together.
    Config(ConfigError),
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = |variable| match variable {
            ORIGIN => "unset it for production",
            _ => "its value comes from the Waldo dashboard",
        };
        match *self {
            Self::Missing { variable } => {
                write!(f, "the environment variable {variable} is not set; {}", advice(variable))
            }
            Self::Empty { variable } => {
                write!(f, "the environment variable {variable} is empty; {}", advice(variable))
            }
            Self::WhiteSpace { variable } => {
                write!(f, "the environment variable {variable} begins or ends with white space; trim it")
            }
            Self::NotUnicode { variable } => {
                write!(f, "the value of the environment variable {variable} is not Unicode")
            }
            Self::Credentials(error) => write!(f, "in {API_KEY} or {CLIENT_SECRET}: {error}"),
            Self::Origin { variable, source } => write!(f, "in {variable}: {source}"),
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for EnvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Missing { .. } | Self::Empty { .. } | Self::WhiteSpace { .. } | Self::NotUnicode { .. } => {
                None
            }
            Self::Credentials(error) => error.source(),
            Self::Origin { source, .. } => source.source(),
            Self::Config(error) => error.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Option<String>, EnvError> {
        let find = |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        read(find).map(|(_, origin)| origin)
    }

    #[test]
    fn each_mistake_names_its_variable_and_never_its_value() {
        let key = (API_KEY, "wk.canary");
        let secret = (CLIENT_SECRET, "ws.canary");
        assert_eq!(from(&[key, secret]), Ok(None));
        assert_eq!(from(&[key, secret, (ORIGIN, "http://[::1]:1")]), Ok(Some("http://[::1]:1".to_owned())));
        for (pairs, message) in [
            (
                &[secret][..],
                "the environment variable WALDO_API_KEY is not set; its value comes from the Waldo dashboard",
            ),
            (
                &[key],
                "the environment variable WALDO_CLIENT_SECRET is not set; its value comes from the Waldo dashboard",
            ),
            (
                &[key, (CLIENT_SECRET, "")],
                "the environment variable WALDO_CLIENT_SECRET is empty; its value comes from the Waldo dashboard",
            ),
            (
                &[key, (CLIENT_SECRET, "canary\n")],
                "the environment variable WALDO_CLIENT_SECRET begins or ends with white space; trim it",
            ),
            (
                &[key, secret, (ORIGIN, "")],
                "the environment variable WALDO_ORIGIN is empty; unset it for production",
            ),
            (
                &[key, secret, (ORIGIN, "https://canary/path")],
                "in WALDO_ORIGIN: the origin must end after the host and port; the login path is a setting of its own",
            ),
        ] {
            let error = from(pairs).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(format!("{error:?}"), message, "what a main that returns it prints");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_unicode_is_its_own_mistake() {
        use std::os::unix::ffi::OsStringExt;
        let error = read(|_| Some(OsString::from_vec(vec![0xff]))).unwrap_err();
        assert_eq!(error, EnvError::NotUnicode { variable: API_KEY });
    }
}
