//! The key pair from the environment.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;

use waldo_auth_core::{ConfigError, Credentials};

/// Reads the key pair, and the origin if there is one.
pub(crate) fn read(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<(Credentials, Option<String>), EnvError> {
    let text = |name| {
        let text = variable(name).map(OsString::into_string).transpose();
        // Without the error itself, which is the value.
        text.map_err(|_| EnvError(format!("the environment variable {name} is not Unicode")))
    };
    let half = |name| {
        let unset =
            || format!("the environment variable {name} is not set; it comes from the Waldo dashboard");
        text(name)?.ok_or_else(|| EnvError(unset()))
    };
    let credentials = Credentials::new(half("WALDO_API_KEY")?, half("WALDO_CLIENT_SECRET")?)
        .map_err(|error| EnvError(format!("WALDO_API_KEY or WALDO_CLIENT_SECRET is unusable: {error}")))?;
    Ok((credentials, text("WALDO_ORIGIN")?))
}

/// Why the environment gives no client: a sentence for a person that names the variable, and never its value.
///
/// Its `Debug` is the same sentence, as that is what a `main` that returns it prints.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvError(String);

impl EnvError {
    /// What the configuration has against the origin from `WALDO_ORIGIN`: for a client of which nothing else was set.
    pub fn of_origin(error: &ConfigError) -> Self {
        Self(format!("the environment variable WALDO_ORIGIN is unusable: {error}"))
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
        let find = |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        read(find).map(|(_, origin)| origin)
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
                "the environment variable WALDO_API_KEY is not set; it comes from the Waldo dashboard",
            ),
            (
                &[key],
                "the environment variable WALDO_CLIENT_SECRET is not set; it comes from the Waldo dashboard",
            ),
            (
                &[key, ("WALDO_CLIENT_SECRET", "")],
                "WALDO_API_KEY or WALDO_CLIENT_SECRET is unusable: the client secret is empty",
            ),
            (
                &[("WALDO_API_KEY", "canary\n"), secret],
                "WALDO_API_KEY or WALDO_CLIENT_SECRET is unusable: the API key begins or ends with white space; trim it",
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
