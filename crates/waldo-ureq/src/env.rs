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
    let text = |name| match variable(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Err(EnvError::Empty { variable: name }),
        Some(value) => value.into_string().map(Some).map_err(|_| EnvError::NotUnicode { variable: name }),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        match self {
            Self::Missing { variable } => write!(f, "the environment variable {variable} is not set"),
            Self::Empty { variable } => write!(f, "the environment variable {variable} is empty"),
            Self::NotUnicode { variable } => {
                write!(f, "the value of the environment variable {variable} is not Unicode")
            }
            Self::Credentials(error) => write!(f, "in {API_KEY} or {CLIENT_SECRET}: {error}"),
            Self::Origin { variable, source } => write!(f, "in {variable}: {source}"),
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl Error for EnvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Missing { .. } | Self::Empty { .. } | Self::NotUnicode { .. } => None,
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
            (&[secret][..], "the environment variable WALDO_API_KEY is not set"),
            (&[key], "the environment variable WALDO_CLIENT_SECRET is not set"),
            (&[key, (CLIENT_SECRET, "")], "the environment variable WALDO_CLIENT_SECRET is empty"),
            (
                &[key, (CLIENT_SECRET, "canary\n")],
                "in WALDO_API_KEY or WALDO_CLIENT_SECRET: the client secret begins or ends with white space; trim it",
            ),
            (&[key, secret, (ORIGIN, "")], "the environment variable WALDO_ORIGIN is empty"),
            (
                &[key, secret, (ORIGIN, "https://canary/path")],
                "in WALDO_ORIGIN: the origin must end after the host and port; the login path is a setting of its own",
            ),
        ] {
            let error = from(pairs).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
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
