//! Which token a response was an answer to.

use http::Extensions;

/// Names one token of one session, and holds nothing of it.
///
/// Adapters put it into the [extensions](Extensions) of each response that they deliver, so that a
/// caller can [give up](crate::Session::invalidate) exactly the token that a response was an answer
/// to.
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
    pub(crate) edition: u64,
}

impl Generation {
    /// The generation in the extensions of a response, if an adapter has delivered the response.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}
