//! The number of a token, which a response carries to its caller.

use http::{Extensions, StatusCode};

/// Identifies one token of one session, without its text. Logs and
/// [`explain`](crate::Session::explain) show its [number](Self::number).
///
/// Adapters put the generation into the [extensions](Extensions) of each delivered response that is
/// no success. So a caller can [give up](crate::Session::invalidate) exactly the token that the
/// request carried.
///
/// ```
/// use waldo_auth_core::Generation;
///
/// # let response = http::Response::new(());
/// let generation = Generation::of(response.extensions());
/// assert!(generation.is_none(), "this response is no adapter's");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation {
    pub(crate) session: usize,
    pub(crate) number: u64,
}

impl Generation {
    /// The generation in these extensions. `None` for a success, and for a response that no adapter
    /// has delivered.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }

    /// The number of the token: the session counts the tokens that it has held, from 1.
    pub fn number(self) -> u64 {
        self.number
    }

    /// Puts the generation into the extensions of a response with this status, for
    /// [`of`](Self::of). A success gets none, because a success shows that the token is good.
    pub fn attach(self, status: StatusCode, extensions: &mut Extensions) {
        if !status.is_success() {
            extensions.insert(self);
        }
    }
}
