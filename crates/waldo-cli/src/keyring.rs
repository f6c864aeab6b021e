//! The keyring of this user: the Secret Service of a Linux desktop, the keychain of macOS, or the
//! Credential Manager of Windows.

use std::error::Error as StdError;
use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use keyring_core::Error;
use waldo_ureq::Credentials;
use zeroize::Zeroizing;

use crate::settings::Settings;

/// The service of all entries of this program.
const SERVICE: &str = "waldo-cli";

/// How long a keyring has to answer at all. A bus may never answer.
const ANSWER: Duration = Duration::from_secs(2);

/// The entry of a profile in the keyring, which has the key pair.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    profile: String,
    /// How long the user has to unlock the keyring; `None` sets no limit.
    timeout: Option<Duration>,
}

impl Entry {
    /// The entry of the profile of these settings. It need not exist.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self { profile: settings.profile.value.clone(), timeout: settings.timeout.value }
    }

    /// Asks whether there is a keyring. A locked one stays locked.
    ///
    /// # Errors
    /// No keyring answers.
    pub(crate) fn probe(&self) -> Result<(), Problem> {
        self.open().map(drop)
    }

    /// Reads the key pair. The desktop may ask the user to unlock the keyring first.
    ///
    /// # Errors
    /// No keyring answers, or there is no key pair.
    pub(crate) fn read(&self) -> Result<Credentials, Problem> {
        let bytes = self.run(|entry| entry.get_secret().map(Zeroizing::new))?;
        let bytes = bytes.ok_or(Problem::NoEntry)?;
        std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.split_once('\n'))
            .and_then(|(key, secret)| Credentials::new(key, secret).ok())
            .ok_or(Problem::NoKeyPair)
    }

    /// Keeps the key pair, in the place of an older one.
    ///
    /// # Errors
    /// No keyring answers, or it takes no entry.
    pub(crate) fn write(&self, key: &str, secret: &str) -> Result<(), Problem> {
        // Both halves in one entry: nobody reads half of a new key pair.
        let text = Zeroizing::new(format!("{key}\n{secret}"));
        self.run(move |entry| match entry.set_secret(text.as_bytes()) {
            Err(Error::Ambiguous(_)) => {
                delete(entry)?;
                entry.set_secret(text.as_bytes())
            }
            written => written,
        })
        .map(drop)
    }

    /// Removes the key pair. Returns whether there was one.
    ///
    /// # Errors
    /// No keyring answers, or it keeps the entry.
    pub(crate) fn delete(&self) -> Result<bool, Problem> {
        self.run(delete).map(|deleted| deleted.is_some())
    }

    /// Runs an operation on the entry. Returns `None` if there is no entry.
    fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&keyring_core::Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        let entry = self.open()?;
        let result = within(self.timeout, move || operation(&entry)).ok_or(Problem::Locked)?;
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn open(&self) -> Result<keyring_core::Entry, Problem> {
        let profile = self.profile.clone();
        let open = move || platform::open()?.build(SERVICE, &profile, None);
        Ok(within(Some(ANSWER), open).ok_or(Problem::Silent)??)
    }
}

/// Removes the entry, or each of several.
fn delete(entry: &keyring_core::Entry) -> keyring_core::Result<()> {
    match entry.delete_credential() {
        Err(Error::Ambiguous(entries)) => {
            entries.iter().try_for_each(keyring_core::Entry::delete_credential)
        }
        deleted => deleted,
    }
}

mod platform {
    use std::sync::Arc;

    use keyring_core::{CredentialStore, Result};

    #[cfg(all(unix, not(target_vendor = "apple")))]
    pub(super) fn open() -> Result<Arc<CredentialStore>> {
        Ok(dbus_secret_service_keyring_store::Store::new()?)
    }

    #[cfg(target_vendor = "apple")]
    pub(super) fn open() -> Result<Arc<CredentialStore>> {
        Ok(apple_native_keyring_store::keychain::Store::new()?)
    }

    #[cfg(windows)]
    pub(super) fn open() -> Result<Arc<CredentialStore>> {
        Ok(windows_native_keyring_store::Store::new()?)
    }
}

/// Runs a function for at most this time. A function that takes longer is left to itself, in its
/// thread.
fn within<T: Send + 'static>(
    limit: Option<Duration>,
    run: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || drop(sender.send(run())));
    match limit {
        Some(limit) => receiver.recv_timeout(limit).ok(),
        None => receiver.recv().ok(),
    }
}

/// Why an operation of the keyring failed. The error holds no secret.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No keyring answered in time.
    Silent,
    /// Nobody unlocked the keyring in time.
    Locked,
    NoEntry,
    Several,
    /// The entry is not of this program.
    NoKeyPair,
    /// The keyring's own error, or that there is no keyring.
    Other(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => write!(f, "no keyring answered within {} s", ANSWER.as_secs()),
            Self::Locked => f.write_str("the keyring is locked, and was not unlocked"),
            Self::NoEntry => f.write_str("the keyring has no entry for this profile"),
            Self::Several => f.write_str("the keyring has several entries for this profile"),
            Self::NoKeyPair => f.write_str("the entry of the keyring has no key pair"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl StdError for Problem {}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if let Error::Ambiguous(_) = error {
            return Self::Several;
        }
        if let Error::NoStorageAccess(_) = error {
            return Self::Locked;
        }
        // The deepest cause is the platform's own sentence. Take no `Debug`, which may show a secret.
        let mut cause: &dyn StdError = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Self::Other(cause.to_string())
    }
}
