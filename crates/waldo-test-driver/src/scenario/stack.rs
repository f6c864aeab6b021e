//! The headers that an HTTP stack may add by itself.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONNECTION, CONTENT_LENGTH,
    CONTENT_TYPE, EXPECT, HOST, HeaderName, TE, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderValue};

/// The headers that stacks add by default. A browser's `fetch` also adds names with `sec-`.
const USUAL: [HeaderName; 11] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPECT,
    HOST,
    TE,
    TRANSFER_ENCODING,
    USER_AGENT,
];

/// Whether a stack may add this header by itself.
pub(super) fn may_add(name: &HeaderName) -> bool {
    USUAL.contains(name) || name == "keep-alive" || name.as_str().starts_with("sec-")
}

/// The first header of a login that is neither documented nor added by a stack. `Authorization` is
/// reported separately. A login must not ask for a content coding, so that every client can read
/// its answer.
pub(super) fn stranger(login: &HeaderMap) -> Option<&HeaderName> {
    let is_stranger = |name: &HeaderName, value: &HeaderValue| {
        let asks = *name == ACCEPT_ENCODING
            && !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
        asks || (*name != AUTHORIZATION && !may_add(name))
    };
    login.iter().find(|(name, value)| is_stranger(name, value)).map(|(name, _)| name)
}
