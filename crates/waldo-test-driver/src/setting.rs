//! The environment variables that configure this project's own tests.
//!
//! A misspelt name is an error, and so is an unreadable value. Otherwise a search could silently be
//! shorter than requested.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::str::FromStr;

/// An environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The seed of a random run.
    Seed,
    /// The choices of one run, whose transcript is printed.
    Choices,
    /// The seed of the schedules of the model.
    ModelSeed,
    /// The number of schedules for each scene of the model.
    ModelSchedules,
    /// The number of rounds of the storm of 401s.
    StormRounds,
    /// Whether a test fails if a program that the test starts is missing.
    Programs,
}

/// The variables that clients read.
const CLIENTS: [&str; 5] = [
    "WALDO_API_KEY",
    "WALDO_API_KEY_FILE",
    "WALDO_CLIENT_SECRET",
    "WALDO_CLIENT_SECRET_FILE",
    "WALDO_ORIGIN",
];

impl Setting {
    const ALL: [Self; 6] = [
        Self::Seed,
        Self::Choices,
        Self::ModelSeed,
        Self::ModelSchedules,
        Self::StormRounds,
        Self::Programs,
    ];

    /// The name of the variable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seed => "WALDO_SEED",
            Self::Choices => "WALDO_CHOICES",
            Self::ModelSeed => "WALDO_MODEL_SEED",
            Self::ModelSchedules => "WALDO_MODEL_SCHEDULES",
            Self::StormRounds => "WALDO_STORM_ROUNDS",
            Self::Programs => "WALDO_PROGRAMS",
        }
    }

    /// Reads the variable; `None` if it is not set.
    ///
    /// # Errors
    /// The value is empty or unreadable, or the environment has an unknown variable whose name
    /// begins with `WALDO_`.
    pub fn read<T: FromStr<Err: fmt::Display>>(self) -> Result<Option<T>, SettingError> {
        self.read_from(env::vars_os())
    }

    fn read_from<T: FromStr<Err: fmt::Display>>(
        self,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Option<T>, SettingError> {
        let name = self.name();
        let mut read = None;
        for (variable, value) in variables {
            if variable == name {
                read = Some(parse(name, &value)?);
            } else if !is_known(&variable) {
                let known = Self::ALL.map(Self::name).join(", ");
                return Err(SettingError(format!(
                    "{} means nothing; these do: {known}",
                    variable.display()
                )));
            }
        }
        Ok(read)
    }
}

fn parse<T: FromStr<Err: fmt::Display>>(name: &str, value: &OsStr) -> Result<T, SettingError> {
    let text = value.to_string_lossy();
    if text.is_empty() {
        return Err(SettingError(format!("{name} is empty; give it a value, or unset it")));
    }
    text.parse().map_err(|error| SettingError(format!("{name} cannot be {text:?}: {error}")))
}

fn is_known(variable: &OsStr) -> bool {
    let ours = variable.as_encoded_bytes().starts_with(b"WALDO_");
    !ours
        || Setting::ALL
            .iter()
            .map(|setting| setting.name())
            .chain(CLIENTS)
            .any(|name| variable == name)
}

/// Why a setting cannot be read, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError(String);

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn read(setting: Setting, variables: &[(&str, &str)]) -> Result<Option<NonZeroU32>, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        setting.read_from(variables).map_err(|error| error.to_string())
    }

    #[test]
    fn each_setting_is_read_by_its_name_alone() {
        let all = Setting::ALL.map(Setting::name).map(|name| (name, "7"));
        for setting in Setting::ALL {
            assert_eq!(read(setting, &all).map(|seven| seven.map(NonZeroU32::get)), Ok(Some(7)));
            let others: Vec<_> =
                all.into_iter().filter(|(name, _)| *name != setting.name()).collect();
            assert_eq!(others.len(), 5);
            assert_eq!(read(setting, &others), Ok(None), "{setting:?}");
        }
    }

    #[test]
    fn values_that_cannot_be_read_are_errors() {
        for (value, why) in [
            ("", "WALDO_SEED is empty; give it a value, or unset it"),
            ("10k", "WALDO_SEED cannot be \"10k\": invalid digit found in string"),
            (" 7", "WALDO_SEED cannot be \" 7\": invalid digit found in string"),
            ("0", "WALDO_SEED cannot be \"0\": number would be zero for non-zero type"),
        ] {
            assert_eq!(read(Setting::Seed, &[("WALDO_SEED", value)]), Err(why.to_owned()));
        }
    }

    #[test]
    fn unknown_names_are_errors() {
        let clients = CLIENTS.map(|name| (name, ""));
        assert_eq!(read(Setting::Seed, &clients), Ok(None));
        assert_eq!(read(Setting::Seed, &[("PATH", ""), ("XWALDO_A", ""), ("WALDO", "")]), Ok(None));
        for misspelt in ["WALDO_STORM_ROUND", "WALDO_", "WALDO_SEEDS"] {
            let error = read(Setting::Seed, &[("WALDO_SEED", "7"), (misspelt, "7")]).unwrap_err();
            let known = "WALDO_SEED, WALDO_CHOICES, WALDO_MODEL_SEED, WALDO_MODEL_SCHEDULES, \
                         WALDO_STORM_ROUNDS, WALDO_PROGRAMS";
            assert_eq!(error, format!("{misspelt} means nothing; these do: {known}"));
        }
    }
}
