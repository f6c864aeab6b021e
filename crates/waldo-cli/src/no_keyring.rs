//! What stands for the keyring in a program that was built without one.

use std::error::Error;
use std::fmt;

use waldo_ureq::Credentials;

use crate::settings::Settings;

/// The entry of a profile, which no keyring has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry;

#[expect(clippy::unused_self, reason = "the entry of a keyring needs itself")]
impl Entry {
    pub(crate) fn of(_: &Settings) -> Self {
        Self
    }

    pub(crate) fn probe(self) -> Result<(), Problem> {
        Err(Problem)
    }

    pub(crate) fn read(self) -> Result<Credentials, Problem> {
        Err(Problem)
    }

    pub(crate) fn write(self, _: &str, _: &str) -> Result<(), Problem> {
        Err(Problem)
    }

    pub(crate) fn delete(self) -> Result<bool, Problem> {
        Err(Problem)
    }
}

/// There is no keyring in this program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this program was built without the feature keyring")
    }
}

impl Error for Problem {}
