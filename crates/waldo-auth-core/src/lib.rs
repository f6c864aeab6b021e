//! The token lifecycle of the Waldo API as a pure, sans-IO state machine.
//!
//! The API issues a one-hour JWT for a key pair, and requires it on every request. Each successful
//! response brings a fresh token, and a dead token is answered with a 401. This crate decides when
//! to log in, which token to attach, which response's token to keep, and when a request may be sent
//! again. It has no sockets, clocks, threads, randomness or logging: facts go in (the time, a
//! status, headers) and decisions come out.
//!
//! Most programs want an adapter such as `waldo-ureq` instead. An adapter connects this crate to an
//! HTTP client.
//!
//! # The loop
//!
//! An embedding is one loop around four answers. This loop is blocking. An async loop is the same
//! with `.await`.
//!
//! ```
//! use waldo_auth_core::{Call, Head, Outcome, Session, Step, Unavailable, Verdict};
//! # use std::time::{Duration, SystemTime};
//! # use waldo_auth_core::{Config, Credentials, Instant, Now};
//! #
//! # struct Http { clock: Duration }
//! # impl Http {
//! #     fn now(&mut self) -> Now { Now::new(self.clock, SystemTime::UNIX_EPOCH + self.clock) }
//! #     fn wait(&mut self, until: Instant) { self.clock = until.since_start(); }
//! #     fn send<B>(
//! #         &mut self,
//! #         request: &http::Request<B>,
//! #     ) -> Result<http::Response<Vec<u8>>, std::io::Error> {
//! #         let login = request.uri().path() == "/authenticate";
//! #         let token = br#"{"token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}"#;
//! #         let body = if login { token.to_vec() } else { b"hello".to_vec() };
//! #         assert_eq!(request.headers().contains_key("authorization"), !login);
//! #         Ok(http::Response::new(body))
//! #     }
//! # }
//! #
//! # fn get(
//! #     session: &mut Session,
//! #     http: &mut Http,
//! # ) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//! let mut request = http::Request::get("https://api.waldo.ai/customer?field=id").body(())?;
//! let mut call = Call::replayable();
//! let response = loop {
//!     match session.admit(call, &mut request, http.now())? {
//!         Step::Send(attempt) => {
//!             let response = http.send(&request)?;
//!             match session.conclude(attempt, Head::from(&response), http.now()) {
//!                 Verdict::Deliver => break response,
//!                 Verdict::Retry(again) => call = again,
//!             }
//!         }
//!         Step::Authenticate(login, then) => {
//!             let outcome = match http.send(&login.request()) {
//!                 Ok(answer) => login.read(Head::from(&answer), answer.body()),
//!                 Err(error) => Outcome::Unavailable(Unavailable::transport(error)),
//!             };
//!             session.settle(login, outcome, http.now()); // and wake everyone who waits
//!             call = then;
//!         }
//!         Step::Wait(then, until) => {
//!             http.wait(until); // or until somebody settles
//!             call = then;
//!         }
//!         Step::Refuse(refusal) => return Err(refusal.into()),
//!     }
//! };
//! # Ok(response.into_body())
//! # }
//! # let credentials = Credentials::new("wk.4f…", "ws.9a…")?;
//! # let mut session = Session::new(Config::builder("https://api.waldo.ai", credentials).build()?);
//! # let mut http = Http { clock: Duration::ZERO };
//! # assert_eq!(get(&mut session, &mut http)?, b"hello");
//! # assert_eq!(
//! #     session.explain(http.now()).to_string(),
//! #     "the next call would be sent with generation 1, which has 3600.0s left"
//! # );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The compiler does not check these duties of an embedding:
//!
//! - Seed the jitter with [`ConfigBuilder::jitter_seed`].
//! - End the login's request before [`Login::expires_at`].
//! - Read at most [`Login::MAX_BODY`] bytes of the login's answer and one more byte, for no longer
//!   than [`Login::body_timeout`].
//! - Give calls a deadline if your users have one.
//!
//! The repository's `crates/waldo-conformance/examples/certify.rs` fulfils all these duties, with
//! threads.
//!
//! The documentation names rules by number. The rules stand in the repository's `docs/protocol.md`.
//!
//! # Misuse does not compile
//!
//! [`Call`], [`Attempt`] and [`Login`] are values that move. So the compiler refuses a program that
//! concludes a call before it is admitted, concludes an attempt twice, or settles a login twice. A
//! program can drop any of these values at any time without a message.
//!
//! # Security
//!
//! The token is attached to requests of the configured [`Origin`] only, in a header marked
//! sensitive. Keys, secrets and tokens appear in no `Debug`, error, journal or explanation; they
//! name a token by its generation. The key pair is wiped on drop. A token is not wiped, because
//! `http::HeaderValue` shares its bytes with the requests that carry it. This crate does not verify
//! tokens as a security boundary.
//!
//! # Features
//!
//! `verify` (off by default): adds `ConfigBuilder::verify_signatures`, which checks that tokens are
//! signed with the client secret.

#![forbid(unsafe_code)]

mod admit_error;
mod api_error;
mod call;
mod challenges;
mod circuit_breaker;
mod config;
mod counters;
mod credentials;
mod evidence;
mod explain;
mod failure;
mod fingerprint;
mod generation;
mod given_up;
mod jitter;
mod journal;
mod lifetime;
mod login;
#[cfg(doctest)]
mod misuse;
mod origin;
mod rate_limiter;
mod session;
mod shared_failure;
mod snapshot;
mod store;
mod time;
mod token;
mod verify;
mod wire;

pub use admit_error::AdmitError;
pub use api_error::ApiError;
pub use call::{Attempt, Call, Step, Upload, Verdict};
pub use config::{Config, ConfigBuilder, ConfigError};
pub use counters::{Counters, DataPoint};
pub use credentials::{Credentials, CredentialsError};
pub use explain::{Explanation, NoToken};
pub use failure::{Reason, Refusal, Rejection, RejectionCode, Unavailable};
pub use generation::Generation;
pub use journal::{Challenge, Entry, Event, Ignored, Journal};
pub use login::{Grant, Login, Outcome};
pub use origin::{ForeignOrigin, Origin, OriginError};
pub use session::Session;
pub use shared_failure::SharedFailure;
pub use snapshot::{NotResumed, Snapshot, SnapshotError};
pub use store::{StoreAnswer, StoreProblem, StoreState};
pub use time::{Instant, Now};
pub use wire::Head;
