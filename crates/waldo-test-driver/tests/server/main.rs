//! The model of the API, through its public language alone.

#[cfg(test)]
mod caller;
mod documented;
mod faults;
mod headers;
mod keys;
mod renewals;
mod rotation;
mod tokens;
