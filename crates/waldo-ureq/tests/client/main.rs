//! The client over real sockets: against the emulator, and against servers that misbehave by
//! script.

#[cfg(test)]
mod adapter;
mod agents;
#[cfg(test)]
mod api_errors;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod build;
mod concurrency;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod elsewhere;
mod errors;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod leaders;
#[cfg(test)]
mod login_bodies;
mod renewal;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod site;
#[cfg(test)]
mod spellings;
mod timeouts;
#[cfg(test)]
mod uploads;
