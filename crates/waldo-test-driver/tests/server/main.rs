//! The model of the API, through its public language alone.

#[cfg(test)]
mod caller;
mod documented;
#[cfg(test)]
mod evaluations;
mod faults;
mod headers;
mod keys;
mod renewals;
mod rotation;
#[cfg(test)]
mod stubs;
mod tokens;
