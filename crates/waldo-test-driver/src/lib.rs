//! The Waldo API as a deterministic model, for tests of clients that have to authenticate to it.
//!
//! [`server`] holds the model: a value that answers `(request, now)`, with real tokens, every documented error, and the
//! freedom to do what the documents leave open. It runs in microseconds and has no clock, thread or socket, so that a
//! test decides what happens when. Behind a real socket it is the `waldo-emulator`.
//!
//! ```
//! use waldo_test_driver::server::{Answer, Fault, Policy, Rotation, Server};
//!
//! let policy = Policy { rotation: Rotation::Strict, ..Policy::default() };
//! let mut server = Server::new(policy).with_key("wk.some-key", "ws.some-secret");
//! server.push_fault(Fault::login(Answer::status(503)).times(2));
//! ```
//!
//! # Tokens are real
//!
//! They are signed and verified with `jsonwebtoken`. That crate keeps one cryptography provider per process; the model
//! installs one that knows HMAC alone, unless one is installed already. A test program that needs another provider for
//! its own purposes installs it first, with `CryptoProvider::install_default`.

pub mod server;
