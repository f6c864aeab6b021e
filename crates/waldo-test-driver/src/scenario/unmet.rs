//! An expectation that was not met.

use std::fmt;

use super::bench::Obstacle;
use super::demand::Demand;
use super::sighting::Sighting;

/// An expectation that was not met. `Display` shows the place, the expectation and the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    demand: Demand,
    place: Option<String>,
    what: String,
    /// Set in the last finding of a scenario.
    all_seen: Option<Vec<Sighting>>,
}

impl Unmet {
    pub(super) fn new(demand: Demand, what: impl Into<String>) -> Self {
        Self { demand, place: None, what: what.into(), all_seen: None }
    }

    /// Adds the place of the finding.
    pub(super) fn at(self, place: impl Into<String>) -> Self {
        Self { place: Some(place.into()), ..self }
    }

    /// The finding that the client could not be made, for this reason.
    pub fn no_client(why: &Obstacle) -> Self {
        Self::new(Demand::Client, why.to_string()).at("client")
    }

    /// The demand that was not met.
    pub fn demand(&self) -> Demand {
        self.demand
    }

    /// Adds all requests that the server saw.
    pub(super) fn with_all_that_was_seen(self, sightings: &[Sighting]) -> Self {
        Self { all_seen: Some(sightings.to_vec()), ..self }
    }

    /// The common part of findings with one cause: the expectation without the place, the time and
    /// the events.
    pub fn gist(&self) -> &str {
        let demand = self.what.split_once("; it ").map_or(self.what.as_str(), |(demand, _)| demand);
        demand.rsplit_once(", at ").map_or(demand, |(timeless, _)| timeless)
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        let Some(sightings) = &self.all_seen else { return Ok(()) };
        f.write_str("; all that was seen:")?;
        if sightings.is_empty() {
            f.write_str(" nothing")?;
        }
        sightings
            .iter()
            .enumerate()
            .try_for_each(|(number, seen)| write!(f, "\n  {}. {seen}", number + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gist_omits_time_and_observed_value() {
        for (what, gist) in [
            ("expected 200; seen 401, at 12ms", "expected 200; seen 401"),
            (
                "expected that a login has no query; it had one",
                "expected that a login has no query",
            ),
            ("call a was never made", "call a was never made"),
        ] {
            assert_eq!(Unmet::new(Demand::Ending, what).at("call a").gist(), gist);
        }
    }
}
