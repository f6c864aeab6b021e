//! Which forms of a request's `Authorization` header the server accepts.

use serde::{Deserialize, Serialize};

/// The forms of a request's `Authorization` header that are accepted besides `Bearer x`. Default:
/// none.
// Exhaustive on purpose: tests build one with `..Accept::default()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accept {
    /// The token alone.
    pub bare: bool,
    /// `Bearer Bearer x`, which the API's own sample sends after its first renewal.
    pub doubled: bool,
    /// The scheme in upper or lower case.
    pub lower_case: bool,
}

impl Accept {
    /// The token inside a header value, if its form is accepted.
    pub(super) fn token(self, value: &str) -> Option<&str> {
        let Some(rest) = self.strip(value) else {
            return (self.bare && !value.contains(' ')).then_some(value);
        };
        let token = if self.doubled { self.strip(rest).unwrap_or(rest) } else { rest };
        (!token.is_empty() && !token.contains(' ')).then_some(token)
    }

    fn strip(self, value: &str) -> Option<&str> {
        let (scheme, rest) = value.split_once(' ')?;
        let known =
            scheme == "Bearer" || (self.lower_case && scheme.eq_ignore_ascii_case("Bearer"));
        known.then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_form_is_accepted_by_default() {
        let strict = Accept::default();
        assert_eq!(strict.token("Bearer a.b.c"), Some("a.b.c"));
        for other in [
            "a.b.c",
            "bearer a.b.c",
            "Bearer  a.b.c",
            "Bearer Bearer a.b.c",
            "Basic a.b.c",
            "Bearer ",
            "",
        ] {
            assert_eq!(strict.token(other), None, "{other:?}");
        }
        let lenient = Accept { bare: true, doubled: true, lower_case: true };
        for other in ["a.b.c", "bearer a.b.c", "Bearer Bearer a.b.c", "BEARER bearer a.b.c"] {
            assert_eq!(lenient.token(other), Some("a.b.c"), "{other:?}");
        }
        assert_eq!(lenient.token("Basic a.b.c"), None);
    }
}
