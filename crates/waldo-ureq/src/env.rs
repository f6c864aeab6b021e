//! The key pair from the environment.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;

use waldo_auth_core::{ConfigError, Credentials, Origin};

const API_KEY: &str = "WALDO_API_KEY";
const CLIENT_SECRET: &str = "WALDO_CLIENT_SECRET";
const ORIGIN: &str = "WALDO_ORIGIN";

/// Reads the key pair, and the origin if there is one.
pub(crate) fn read(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<(Credentials, Option<String>), EnvError> {
    let text = |name, advice| match variable(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Err(_)) => Err(EnvError::new(name, "is not Unicode")),
        Some(Ok(value)) if value.is_empty() => Err(EnvError::new(name, format!("is empty; {advice}"))),
        Some(Ok(value)) if value.trim() != value => {
            Err(EnvError::new(name, "begins or ends with white space; trim it"))
        }
        Some(Ok(value)) => Ok(Some(value)),
    };
    let half = |name| {
        let advice = "its value comes from the Waldo dashboard";
        text(name, advice)?.ok_or_else(|| EnvError::new(name, format!("is not set; {advice}")))
    };
    let credentials = Credentials::new(half(API_KEY)?, half(CLIENT_SECRET)?)
        .map_err(|error| EnvError::new(API_KEY, format!("or {CLIENT_SECRET} is unusable: {error}")))?;
    let origin = text(ORIGIN, "unset it for production")?;
    if let Some(Err(error)) = origin.as_deref().map(str::parse::<Origin>) {
        return Err(EnvError::new(ORIGIN, format!("is unusable: {error}")));
    }
    Ok((credentials, origin))
}

/// Why the environment gives no client: a sentence for a person that names the variable, and never its value.
///
/// Its `Debug` is the same sentence, as that is what a `main` that returns it prints.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvError(String);

impl EnvError {
    fn new(variable: &str, problem: impl fmt::Display) -> Self {
        Self(format!("the environment variable {variable} {problem}"))
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

/// The rest of a client from the environment is defaults, so what does not fit can only be the origin.
impl From<ConfigError> for EnvError {
    fn from(error: ConfigError) -> Self {
        Self::new(ORIGIN, format!("is unusable: {error}"))
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
                "the environment variable WALDO_ORIGIN is unusable: the origin must end after the host and port; the login path is a setting of its own",
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
        assert_eq!(error.to_string(), "the environment variable WALDO_API_KEY is not Unicode");
    }
}
