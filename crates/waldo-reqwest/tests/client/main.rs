//! The client over real sockets: against the emulator, and against servers that misbehave by
//! script.

#[cfg(test)]
mod adapter;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod cancellation;
#[cfg(test)]
mod chunks;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod load;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod middlewares;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod site;
#[cfg(test)]
mod statuses;
#[cfg(test)]
mod timeouts;
#[cfg(test)]
mod uploads;
