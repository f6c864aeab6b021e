//! The Waldo API as a pure function: a request and the time go in, a reply comes out.
//!
//! Nothing in here has a clock, a thread, a socket or a source of randomness, so the same requests
//! at the same times get the same replies, byte by byte. A [`Server`] is a value: a clone goes its
//! own way, which is what lets a search try every order of events from one state on.
//!
//! What the API's documents leave open is a [`Policy`]; what goes wrong is a [`Fault`]. How both
//! are written in JSON, word by word, is on [the first page of `waldo-test-driver`](crate).

mod accept;
mod clock;
mod fault;
mod hold;
mod key;
mod ledger;
mod mint;
mod path;
mod policy;
mod provider;
mod reply;
mod rotation;
mod route;
mod stats;

mod model;

pub use accept::Accept;
pub use clock::{BadWord, ClockOffset};
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
