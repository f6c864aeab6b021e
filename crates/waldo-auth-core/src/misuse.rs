//! The misuses that the types forbid. Each misuse stands beside a correct example that differs in
//! the misuse only.
//!
//! The hidden lines declare the same names for both examples.
//!
//! # A call is in one place
//!
//! ```
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, mut request: http::Request<()>, now: Now) {
//! let call = Call::replayable();
//! let step = session.admit(call, &mut request, now);
//! # drop(step);
//! # }
//! ```
//! ```compile_fail,E0382
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, mut request: http::Request<()>, now: Now) {
//! let call = Call::replayable();
//! let step = session.admit(call, &mut request, now);
//! # drop(step);
//! let again = session.admit(call, &mut request, now);
//! # }
//! ```
//! ```compile_fail,E0599
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, mut request: http::Request<()>, now: Now) {
//! let call = Call::replayable();
//! let step = session.admit(call.clone(), &mut request, now);
//! # drop(step);
//! # }
//! ```
//!
//! # An attempt is concluded once
//!
//! ```
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, attempt: Attempt, head: Head<'_>, now: Now) {
//! let verdict = session.conclude(attempt, head, now);
//! # drop(verdict);
//! # }
//! ```
//! ```compile_fail,E0382
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, attempt: Attempt, head: Head<'_>, now: Now) {
//! let verdict = session.conclude(attempt, head, now);
//! # drop(verdict);
//! let again = session.conclude(attempt, head, now);
//! # }
//! ```
//!
//! # Only an admitted call is concluded
//!
//! ```
//! # use waldo_auth_core::*;
//! # fn example(
//! #     mut session: Session,
//! #     call: Call,
//! #     mut request: http::Request<()>,
//! #     head: Head<'_>,
//! #     now: Now,
//! # ) {
//! if let Ok(Step::Send(attempt)) = session.admit(call, &mut request, now) {
//!     let verdict = session.conclude(attempt, head, now);
//! #   drop(verdict);
//! }
//! # }
//! ```
//! ```compile_fail,E0308
//! # use waldo_auth_core::*;
//! # fn example(
//! #     mut session: Session,
//! #     call: Call,
//! #     mut request: http::Request<()>,
//! #     head: Head<'_>,
//! #     now: Now,
//! # ) {
//! let verdict = session.conclude(call, head, now);
//! # drop(verdict);
//! # }
//! ```
//!
//! # A login is read first and settled once
//!
//! ```
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, login: Login, head: Head<'_>, body: &[u8], now: Now) {
//! let outcome = login.read(head, body);
//! session.settle(login, outcome, now);
//! # }
//! ```
//! ```compile_fail,E0382
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, login: Login, head: Head<'_>, body: &[u8], now: Now) {
//! let outcome = login.read(head, body);
//! session.settle(login, outcome, now);
//! session.settle(login, Outcome::Abandoned, now);
//! # }
//! ```
//! ```compile_fail,E0382
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, login: Login, head: Head<'_>, body: &[u8], now: Now) {
//! session.settle(login, Outcome::Abandoned, now);
//! let outcome = login.read(head, body);
//! # drop(outcome);
//! # }
//! ```
//!
//! # Only the session makes permissions
//!
//! ```
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, mut request: http::Request<()>, now: Now) -> Option<Login> {
//! let step = session.admit(Call::replayable(), &mut request, now);
//! if let Ok(Step::Authenticate(login, call)) = step {
//! #   drop(call);
//!     return Some(login);
//! }
//! # None
//! # }
//! ```
//! ```compile_fail,E0451
//! # use waldo_auth_core::*;
//! # fn example(login: Login) -> Login {
//! Login { ..login }
//! # }
//! ```
//! ```compile_fail,E0599
//! # use waldo_auth_core::*;
//! # fn example(login: Login) -> Login {
//! login.clone()
//! # }
//! ```
//! ```compile_fail,E0599
//! # use waldo_auth_core::*;
//! # fn example(attempt: Attempt) -> Attempt {
//! attempt.clone()
//! # }
//! ```
//! ```compile_fail,E0451
//! # use waldo_auth_core::*;
//! # fn example(attempt: Attempt) -> Attempt {
//! Attempt { ..attempt }
//! # }
//! ```
//!
//! # Only a login's answer makes a token
//!
//! ```
//! # use waldo_auth_core::*;
//! # fn example(login: &Login, head: Head<'_>) -> Outcome {
//! login.read(head, b"{}")
//! # }
//! ```
//! ```compile_fail,E0451
//! # use waldo_auth_core::*;
//! # fn example(grant: Grant) -> Outcome {
//! Outcome::Granted(Grant { ..grant })
//! # }
//! ```
//!
//! # An unused answer is a compiler warning
//!
//! ```
//! #![deny(unused_must_use)]
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, attempt: Attempt, head: Head<'_>, now: Now) {
//! if let Verdict::Retry(call) = session.conclude(attempt, head, now) {
//! #   drop(call);
//! }
//! # }
//! ```
//! ```compile_fail
//! #![deny(unused_must_use)]
//! # use waldo_auth_core::*;
//! # fn example(mut session: Session, attempt: Attempt, head: Head<'_>, now: Now) {
//! session.conclude(attempt, head, now);
//! # }
//! ```
//!
//! # No hasher sees a secret
//!
//! ```
//! # use waldo_auth_core::*;
//! fn feed(_: impl std::hash::Hash) {}
//! # fn example(origin: &Origin) {
//! feed(origin);
//! # }
//! ```
//! ```compile_fail,E0277
//! # use waldo_auth_core::*;
//! fn feed(_: impl std::hash::Hash) {}
//! # fn example(session: &Session) {
//! feed(session);
//! # }
//! ```
//! ```compile_fail,E0277
//! # use waldo_auth_core::*;
//! fn feed(_: impl std::hash::Hash) {}
//! # fn example(credentials: &Credentials) {
//! feed(credentials);
//! # }
//! ```
