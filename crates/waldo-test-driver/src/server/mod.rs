//! The Waldo API as a pure function: a request and the time go in, a reply comes out.
//!
//! The module has no clock, thread, socket or source of randomness. So equal requests at equal
//! times get byte-identical replies. A [`Server`] is a value, and a clone is independent, so a
//! search can try all orders of events from one state.
//!
//! A [`Policy`] sets the behaviour that the API's documents leave open. A [`Fault`] is a failure.
//! The [first page of `waldo-test-driver`](crate) describes their JSON.

mod accept;
mod clock;
mod evaluation;
mod fault;
mod hold;
mod key;
mod ledger;
mod mint;
mod parts;
mod path;
mod policy;
mod provider;
mod reply;
mod rotation;
mod route;
mod stats;
mod stub;

mod model;

#[doc(no_inline)]
pub use http::Method;

pub use accept::Accept;
pub use clock::{BadWord, ClockOffset};
pub use evaluation::EvaluationEnd;
pub use fault::{Answer, Fault, RetryAfter, Stage, Target};
pub use hold::Hold;
pub use model::Server;
pub use path::RequestPath;
pub use policy::{
    Algorithm, Claims, DateHeader, DateStyle, IssuedAt, LoginAnswer, Policy, Refuses, RenewalForm,
    RenewalOn, Servers, UnknownPaths,
};
pub use reply::Reply;
pub use rotation::{Echo, Rotation};
pub use route::Endpoint;
pub use stats::Stats;
pub use stub::Stub;
