//! The parts of the request that a token is attached to. Each peer has its own type of request.

/// The target. The request is never sent.
pub(crate) const URL: &str = "https://api.waldo.ai/customer?field=id";

/// The headers. The fifth header is replaced.
pub(crate) const HEADERS: [(&str, &str); 5] = [
    ("user-agent", "waldo-bench"),
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("x-request-id", "0123456789abcdef"),
    ("authorization", "Bearer a.b.c"),
];
