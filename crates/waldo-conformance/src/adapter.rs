//! The traits that the author of an adapter implements.

use std::error::Error;
use std::fmt;

use waldo_test_driver::scenario::{Ending, KeyPair, Need, Settings};

use crate::ask::Ask;

/// Makes the clients under test. Several threads call it, because several scenarios run at once.
pub trait Adapter: Sync {
    /// The type of the client.
    type Client: Client;

    /// The needs that the clients cannot fulfil. Scenarios with such a need are reported as
    /// skipped. Default: none.
    fn lacks(&self) -> &[Need] {
        &[]
    }

    /// Makes a client that has not sent a request yet.
    ///
    /// # Errors
    /// The client cannot be made. Then the scenario has failed with this error.
    fn client(&self, setup: &Setup) -> Result<Self::Client, Box<dyn Error>>;
}

/// A client under test. Several threads call it at once.
pub trait Client: Send + Sync + 'static {
    /// Makes one call, waits for its end, and returns its ending. An asynchronous client blocks on
    /// its future here.
    fn send(&self, ask: &Ask) -> Ending;

    /// Replaces the key pair. The new key pair may be equal to the old one.
    ///
    /// # Errors
    /// The client has no such method. Then [`Adapter::lacks`] names [`Need::Reset`].
    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        _ = key;
        Err(Lacking(Need::Reset))
    }

    /// Gives up the held token.
    ///
    /// # Errors
    /// The client has no such method. Then [`Adapter::lacks`] names [`Need::Invalidation`].
    fn invalidate(&self) -> Result<(), Lacking> {
        Err(Lacking(Need::Invalidation))
    }

    /// The held token for a store, as a text for [`resume`](Self::resume); `None` if no token is
    /// held.
    ///
    /// # Errors
    /// The client has no such method. Then [`Adapter::lacks`] names [`Need::Storage`].
    fn store(&self) -> Result<Option<String>, Lacking> {
        Err(Lacking(Need::Storage))
    }

    /// Resumes a stored token, which may come from another client. Returns false if the client does
    /// not hold the token.
    ///
    /// # Errors
    /// The client has no such method. Then [`Adapter::lacks`] names [`Need::Storage`].
    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        _ = stored;
        Err(Lacking(Need::Storage))
    }
}

/// The settings of a new client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// The only origin that the token may be sent to, such as `http://127.0.0.1:40123`.
    pub origin: String,
    /// The key pair for the login.
    pub key: KeyPair,
    /// The limits that the scenario changes from their defaults. A client over the core applies
    /// them with [`Settings::apply`]. If a client cannot apply them, [`Adapter::lacks`] names
    /// [`Need::Settings`].
    pub settings: Settings,
}

/// The client cannot fulfil this need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacking(pub Need);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the client does not offer {}: implement it in `Client`, or name Need::{:?} in `Adapter::lacks`",
            self.0, self.0
        )
    }
}

impl Error for Lacking {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Implements what an adapter must implement, and nothing more.
    struct Bare;

    impl Adapter for Bare {
        type Client = Self;

        fn client(&self, _: &Setup) -> Result<Self, Box<dyn Error>> {
            Ok(Self)
        }
    }

    impl Client for Bare {
        fn send(&self, _: &Ask) -> Ending {
            Ending::Failed
        }
    }

    #[test]
    fn a_client_lacks_what_it_does_not_implement() {
        assert_eq!(Bare.lacks(), []);
        assert_eq!(Bare.reset(&KeyPair::default()), Err(Lacking(Need::Reset)));
        assert_eq!(Bare.invalidate(), Err(Lacking(Need::Invalidation)));
        assert_eq!(Bare.store(), Err(Lacking(Need::Storage)));
        assert_eq!(Bare.resume(""), Err(Lacking(Need::Storage)));
        assert_eq!(
            Lacking(Need::Storage).to_string(),
            "the client does not offer storage: implement it in `Client`, or name Need::Storage in `Adapter::lacks`"
        );
    }
}
