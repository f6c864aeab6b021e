//! The part of another service's client that keeps a token.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::login::Logins;
use crate::{aws, azure, google};

/// A client that logs in when a request needs a token, and keeps the token for the next ones.
#[async_trait]
pub(crate) trait Peer: Send + Sync {
    /// Authorizes a new request. Returns its `authorization`.
    async fn authorize(&self) -> String;
}

/// A kind of client: its name, its leeway and its constructor.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The time before a token's end from which the client no longer uses the token.
    pub(crate) leeway: Duration,
    pub(crate) begin: fn(Arc<Logins>) -> Arc<dyn Peer>,
}

/// All kinds of peers.
pub(crate) const KINDS: [Kind; 3] = [aws::KIND, azure::KIND, google::KIND];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::token;
    use crate::runtime::RUNTIME;

    #[test]
    fn each_peer_logs_in_once_and_attaches_token() {
        for kind in KINDS {
            let logins = Arc::new(Logins::once());
            let client = (kind.begin)(Arc::clone(&logins));
            for _ in 0..3 {
                assert_eq!(RUNTIME.block_on(client.authorize()), format!("Bearer {}", token(1)));
            }
            assert_eq!(logins.made(), 1, "{}", kind.name);
        }
    }
}
