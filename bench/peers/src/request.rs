//! The request that a token is put on, in the parts that each peer makes its own type of.

/// Where it goes; it is never sent.
pub(crate) const URL: &str = "https://api.waldo.ai/customer?field=id";

/// Its headers. The fifth one is replaced.
pub(crate) const HEADERS: [(&str, &str); 5] = [
    ("user-agent", "waldo-bench"),
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("x-request-id", "0123456789abcdef"),
    ("authorization", "Bearer a.b.c"),
];
