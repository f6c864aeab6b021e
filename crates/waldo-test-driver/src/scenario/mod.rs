//! The conformance suite: what is asked, what the server does, and what must be seen, as data.
