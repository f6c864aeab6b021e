//! The border of the core. This module turns text from outside into typed values, and the other
//! modules read no text.
//!
//! No input makes this module panic. Text that it cannot read counts as absent, or as malformed.

mod answer;
mod authorization;
mod claims;
mod dates;
mod fields;
mod head;
mod jwt;
mod transport;

pub(crate) use answer::{Answer, MAX_BODY_BYTES, leading_text, may_reject, read as read_answer};
pub(crate) use authorization::{
    credentials as bearer_credentials, header as bearer_header, header_of as bearer_header_of,
    joined,
};
pub(crate) use claims::{Claims, NumericDate};
pub(crate) use dates::{LastDate, retry_after};
#[cfg(feature = "verify")]
pub(crate) use fields::members as json_members;
pub use head::Head;
#[cfg(feature = "verify")]
pub(crate) use jwt::decoded;
pub(crate) use jwt::{Jwt, Malformed};
pub(crate) use transport::reason_of as transport_reason;
