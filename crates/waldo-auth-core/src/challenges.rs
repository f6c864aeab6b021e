//! Which statuses say that the server refuses the token.

use std::sync::Arc;

use http::StatusCode;

/// The statuses that refuse a token: 401, and those that the configuration adds (rule 7).
#[derive(Clone, Debug, Default)]
pub(crate) struct Challenges {
    added: Arc<[StatusCode]>,
}

impl Challenges {
    /// 401 and the added statuses; `None` if an added status is not a 4xx.
    pub(crate) fn with(added: &[StatusCode]) -> Option<Self> {
        added.iter().all(StatusCode::is_client_error).then(|| Self { added: added.into() })
    }

    /// The one place that answers "does this response refuse the token?".
    #[inline]
    pub(crate) fn contain(&self, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED || self.added.contains(&status)
    }
}
