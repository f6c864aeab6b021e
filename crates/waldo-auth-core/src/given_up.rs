//! The tokens that were given up last.

use crate::fingerprint::fingerprint;

/// How many tokens are remembered. A cache repeats only a few old responses.
const CAPACITY: usize = 16;

/// The last sixteen tokens that were given up. Neither a response nor a store brings one of them
/// back (rules 5, 16).
///
/// Each token is kept as a fingerprint, so that its text does not stay in memory.
#[derive(Clone, Debug, Hash)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct GivenUpTokens(Vec<u64>);

impl GivenUpTokens {
    pub(crate) fn none() -> Self {
        Self(Vec::with_capacity(CAPACITY))
    }

    pub(crate) fn push(&mut self, jwt: &[u8]) {
        if self.0.len() == CAPACITY {
            self.0.remove(0);
        }
        self.0.push(fingerprint(jwt));
    }

    /// Whether `jwt` is one of these tokens.
    pub(crate) fn contain(&self, jwt: &[u8]) -> bool {
        !self.0.is_empty() && self.contain_fingerprint(fingerprint(jwt))
    }

    /// Whether one of these tokens has this fingerprint.
    pub(crate) fn contain_fingerprint(&self, fingerprint: u64) -> bool {
        self.0.contains(&fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sixteen_are_remembered() {
        let mut given_up = GivenUpTokens::none();
        assert!(!given_up.contain(b""));
        for number in 0..17 {
            given_up.push(format!("token {number}").as_bytes());
        }
        assert!(!given_up.contain(b"token 0"));
        assert!((1..17).all(|number| given_up.contain(format!("token {number}").as_bytes())));
    }
}
