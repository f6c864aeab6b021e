//! The faults that no request may have in any scenario.

use std::fmt;

use super::demand::Demand;
use super::sighting::TokenName;

/// The faults that no request may have in any scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Breach {
    LoginWithToken { token: Option<TokenName> },
    LoginHeader { name: &'static str, seen: String },
    LoginBody { seen: LoginBody },
    LoginQuery,
    LoginStranger { name: String },
    Host { expected: String, seen: String },
    NoToken,
    SeveralTokens { count: usize },
    TokenForm { scheme: Option<String> },
    UnknownToken,
}

/// The fault of a login's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LoginBody {
    NotJson,
    NotObject,
    Members { count: usize, api_key: bool, client_secret: bool },
}

impl Breach {
    /// The demand that the request does not meet.
    pub(super) fn demand(&self) -> Demand {
        match self {
            Self::LoginWithToken { .. } => Demand::LoginWithoutToken,
            Self::LoginHeader { .. } => Demand::LoginHeader,
            Self::LoginBody { .. } => Demand::LoginBody,
            Self::LoginQuery => Demand::LoginQuery,
            Self::LoginStranger { .. } => Demand::NoOtherLoginHeader,
            Self::Host { .. } => Demand::Host,
            Self::NoToken => Demand::Token,
            Self::SeveralTokens { .. } => Demand::OneToken,
            Self::TokenForm { .. } => Demand::TokenForm,
            Self::UnknownToken => Demand::IssuedToken,
        }
    }
}

/// One sentence with the expectation for every request, and the fault of this request.
impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected that ")?;
        match self {
            Self::LoginWithToken { token } => {
                f.write_str("a login carries no Authorization header; it carried ")?;
                match token {
                    Some(token) => token.fmt(f),
                    None => f.write_str("one without a token of this server"),
                }
            }
            Self::LoginHeader { name, seen } => {
                write!(f, "a login carries exactly one {name}: application/json; it carried {seen}")
            }
            Self::LoginBody { seen } => write!(
                f,
                r#"the body of a login is {{"apiKey": "…", "clientSecret": "…"}} and nothing else; it was {seen}"#
            ),
            Self::LoginQuery => f.write_str("a login has no query; it had one"),
            Self::LoginStranger { name } => write!(
                f,
                "a login carries no header but its own and those of an HTTP stack; it carried {name}"
            ),
            Self::Host { expected, seen } => {
                write!(f, "a request carries exactly one Host: {expected}; it carried {seen}")
            }
            Self::NoToken => f.write_str("a call carries an Authorization header; it carried none"),
            Self::SeveralTokens { count } => {
                write!(f, "a call carries one Authorization header; it carried {count}")
            }
            Self::TokenForm { scheme } => {
                f.write_str("a call carries exactly `Authorization: Bearer <token>`; it carried ")?;
                match scheme {
                    // Do not repeat a longer scheme, because it may be another token.
                    Some(scheme) => write!(f, "`{scheme}…`"),
                    None => f.write_str("something else before the token"),
                }
            }
            Self::UnknownToken => f.write_str(
                "a call carries a token that this server has issued; it carried none of them",
            ),
        }
    }
}

impl fmt::Display for LoginBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("not JSON"),
            Self::NotObject => f.write_str("JSON, but no object"),
            Self::Members { count, api_key, client_secret } => {
                let with = |is_there| if is_there { "with" } else { "without" };
                let (key, secret) = (with(*api_key), with(*client_secret));
                write!(
                    f,
                    "an object of {count} members, {key} a text as apiKey and {secret} one as clientSecret"
                )
            }
        }
    }
}
