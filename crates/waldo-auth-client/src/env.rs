//! The key pair from the environment.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;

use waldo_auth_core::{Credentials, Origin};
use zeroize::Zeroizing;

/// Reads the key pair, and the origin if it is set.
pub(crate) fn read(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<(Credentials, Option<Origin>), EnvError> {
    let text = |name| text(name, variable(name)?).transpose();
    let half = |name| {
        text(name).unwrap_or_else(|| {
            Err(EnvError::of(
                name,
                "is not set, or is empty; its value comes from the Waldo dashboard",
            ))
        })
    };
    let (key, secret) = (half("WALDO_API_KEY")?, half("WALDO_CLIENT_SECRET")?);
    let credentials = Credentials::new(key.as_str(), secret.as_str()).map_err(|error| {
        EnvError(format!("WALDO_API_KEY or WALDO_CLIENT_SECRET is unusable: {error}"))
    })?;
    let origin = text("WALDO_ORIGIN").transpose()?.map(|origin| origin.parse()).transpose();
    let origin =
        origin.map_err(|error| EnvError::of("WALDO_ORIGIN", &format!("is unusable: {error}")))?;
    Ok((credentials, origin))
}

/// The value of a variable, which is wiped on drop. `None` if the value is empty, because an empty
/// variable counts as not set.
fn text(name: &'static str, value: OsString) -> Result<Option<Zeroizing<String>>, EnvError> {
    let value = value.into_string().map(Zeroizing::new).map_err(|value| {
        // Wipe the value: the error must not show it, and no copy may stay in memory.
        drop(Zeroizing::new(value.into_encoded_bytes()));
        EnvError::of(name, "is not Unicode; set it to text in UTF-8")
    })?;
    match surroundings(&value) {
        _ if value.is_empty() => Ok(None),
        Some(problem) => Err(EnvError::of(name, problem)),
        None => Ok(Some(value)),
    }
}

/// Names the characters around a value that cannot belong to the value, such as white space.
fn surroundings(value: &str) -> Option<&'static str> {
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

/// Why the environment gives no client. Its message names the variable, and never shows its value.
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
        read(find).map(|(_, origin)| origin.map(|origin| origin.to_string()))
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

    #[cfg(unix)]
    #[test]
    fn non_unicode_value_has_its_own_error() {
        use std::os::unix::ffi::OsStringExt;
        let error = read(|_| Some(OsString::from_vec(vec![0xff]))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable WALDO_API_KEY is not Unicode; set it to text in UTF-8"
        );
    }
}
