#![doc = include_str!("../../scenarios/README.md")]

mod answer;
mod bench;
mod breach;
mod check;
mod citation;
mod demand;
mod document;
mod ending;
#[cfg(test)]
mod faulty;
mod judge;
mod key_pair;
mod need;
mod order;
mod seen;
mod settings;
mod sighting;
mod simulated;
mod span;
mod stack;
mod step;
mod suite;
mod unmet;
mod window;
mod witness;

pub use bench::{Bench, Change, Observed, Obstacle, Parting, Shift};
pub use demand::Demand;
pub use document::{Scenario, ScenarioError};
pub use ending::Ending;
pub use key_pair::KeyPair;
pub use need::Need;
pub use order::{BodyKind, CallId, Order};
pub use settings::{Backoff, DropBudget, Probe, Reserve, Settings};
pub use sighting::Sighting;
pub use span::Span;
pub use step::Resumption;
pub use suite::{all, find, read_all};
pub use unmet::Unmet;
pub use window::Precision;
pub use witness::Witness;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::answer::ExpectedAnswers;
    use super::document::Scenario;
    use super::seen::ExpectedSeen;
    use super::step::Step;

    const README: &str = include_str!("../../scenarios/README.md");

    /// The first column of a table, without its backticks.
    fn column(head: &str) -> Vec<&'static str> {
        let rows = README.lines().skip_while(|line| !line.starts_with(head)).skip(2);
        let rows = rows.take_while(|line| line.starts_with('|'));
        rows.map(|row| row.split('`').nth(1).unwrap()).collect()
    }

    fn read<T: DeserializeOwned>(json: &str) -> T {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn each_form_in_the_readme_is_read() {
        assert_eq!(column("| answer |").into_iter().map(read::<ExpectedAnswers>).count(), 10);
        assert_eq!(column("| line |").into_iter().map(read::<ExpectedSeen>).count(), 7);
        for block in README.split("```json\n").skip(1) {
            let json = block.split("```").next().unwrap();
            assert_eq!(Scenario::read(json).unwrap().run(), []);
        }
    }

    #[test]
    fn readme_lists_each_field_of_a_call() {
        let shown: BTreeSet<&str> = column("| member of a call |").into_iter().collect();
        let error = serde_json::from_str::<Step>(r#"{"call": {"?": 1}}"#).unwrap_err().to_string();
        let names = error.split("expected one of ").nth(1).unwrap().split('`').skip(1).step_by(2);
        assert_eq!(shown, names.collect());
    }

    #[test]
    fn readme_lists_each_step_and_each_field() {
        let shown: BTreeSet<String> = column("| step |")
            .into_iter()
            .map(|json| {
                drop(read::<Step>(json));
                let step: Value = read(json);
                let verb = step.as_object().and_then(|step| step.keys().next()).map(String::as_str);
                verb.or(step.as_str()).unwrap().to_owned()
            })
            .collect();
        let known = |error: String| -> BTreeSet<String> {
            let names = error.split("expected one of ").nth(1).unwrap().split('`');
            names.skip(1).step_by(2).map(str::to_owned).collect()
        };
        let error = serde_json::from_str::<Step>("\"?\"").unwrap_err().to_string();
        assert_eq!(shown, known(error));
        let error = serde_json::from_str::<Scenario>("{\"?\": 1}").unwrap_err().to_string();
        let members: BTreeSet<String> =
            column("| member |").into_iter().map(str::to_owned).collect();
        assert_eq!(members, known(error));
    }
}
