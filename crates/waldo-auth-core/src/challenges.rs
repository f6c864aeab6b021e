//! Which statuses say that the server refuses the token.

use std::sync::Arc;

use http::StatusCode;

/// The statuses that refuse a token: 401, and those that the configuration adds (rule 7).
#[derive(Clone, Debug, Default)]
pub(crate) struct Challenges {
    added: Arc<[StatusCode]>,
}

impl Challenges {
    /// 401 and the added statuses. `None` if an added status is not a 4xx, or is 417, which answers
    /// an `Expect` (rule 24).
    pub(crate) fn with(added: &[StatusCode]) -> Option<Self> {
        let can_refuse = |status: &StatusCode| {
            status.is_client_error() && *status != StatusCode::EXPECTATION_FAILED
        };
        added.iter().all(can_refuse).then(|| Self { added: added.into() })
    }

    /// Whether a response with this status refuses the token. This is the one place that decides
    /// it.
    #[inline]
    pub(crate) fn contain(&self, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED || self.added.contains(&status)
    }
}
