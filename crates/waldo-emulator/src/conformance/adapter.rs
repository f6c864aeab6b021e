//! The traits that the author of an adapter implements.

use std::error::Error;
use std::fmt;

use waldo_test_driver::scenario::{Ending, KeyPair, Need, Settings};

use super::ask::Ask;

/// What makes the clients that are to be certified. It is asked from several threads, as several
/// scenarios run at once.
pub trait Adapter: Sync {
    /// Its client.
    type Client: Client;

    /// What its clients cannot do; scenarios that need it are reported as skipped. Nothing by
    /// default.
    fn lacks(&self) -> &[Need] {
        &[]
    }

    /// Makes a client that has sent nothing yet.
    ///
    /// # Errors
    /// When it cannot be made; the scenario has then failed, with this error.
    fn client(&self, setup: &Setup) -> Result<Self::Client, Box<dyn Error>>;
}

/// A client under test. It is asked from several threads at once.
pub trait Client: Send + Sync + 'static {
    /// Makes one call, waits for its end, and says how it ended. A client with futures blocks on
    /// one here.
    fn send(&self, ask: &Ask) -> Ending;

    /// Replaces the key pair, or takes the same one anew.
    ///
    /// # Errors
    /// When the client cannot do it; then [`Adapter::lacks`] names [`Need::Reset`].
    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        _ = key;
        Err(Lacking(Need::Reset))
    }

    /// Gives up the held token.
    ///
    /// # Errors
    /// When the client cannot do it; then [`Adapter::lacks`] names [`Need::Invalidation`].
    fn invalidate(&self) -> Result<(), Lacking> {
        Err(Lacking(Need::Invalidation))
    }

    /// The held token for a store, as a text that [`resume`](Self::resume) understands; `None` if
    /// the client holds no token.
    ///
    /// # Errors
    /// When the client cannot do it; then [`Adapter::lacks`] names [`Need::Storage`].
    fn store(&self) -> Result<Option<String>, Lacking> {
        Err(Lacking(Need::Storage))
    }

    /// Takes up a stored token, perhaps that of another client; false if the token is not worth
    /// holding.
    ///
    /// # Errors
    /// When the client cannot do it; then [`Adapter::lacks`] names [`Need::Storage`].
    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        _ = stored;
        Err(Lacking(Need::Storage))
    }
}

/// The settings with which a client is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// The one origin that its token may go to, such as `http://127.0.0.1:40123`.
    pub origin: String,
    /// As whom it logs in.
    pub key: KeyPair,
    /// The limits that the scenario wants other than by default. A client over the core takes them
    /// with [`Settings::apply`]; one that cannot take them names [`Need::Settings`] in
    /// [`Adapter::lacks`].
    pub settings: Settings,
}

/// A client was asked for something that it cannot do.
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
