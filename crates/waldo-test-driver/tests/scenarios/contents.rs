//! The list of all scenarios with their sizes, so that none is dropped unseen.

use waldo_test_driver::scenario;

use crate::expectations::expectations;
use crate::{files, keep};

/// `UPDATE=1 cargo test -p waldo-test-driver --test scenarios` writes the list anew.
#[test]
fn the_contents_name_each_scenario_with_its_size() {
    let files = files();
    let file = |name: &str| files.iter().find(|json| json["name"] == name).unwrap();
    let mut rows = Vec::new();
    let mut sums = [0; 3];
    for scenario in scenario::all() {
        let json = file(scenario.name());
        let rules: Vec<String> = scenario.rules().iter().map(ToString::to_string).collect();
        let place = if scenario.virtual_only().is_some() { "virtual time" } else { "both" };
        let length = |list: &str| json[list].as_array().unwrap().len();
        let sizes = [length("steps"), length("seen"), expectations(json).len()];
        sums = [0, 1, 2].map(|column| sums[column] + sizes[column]);
        let [steps, seen, values] = sizes;
        let (name, rules) = (scenario.name(), rules.join(", "));
        rows.push(format!(
            "| [`{name}`]({name}.json) | {rules} | {place} | {steps} | {seen} | {values} |\n"
        ));
    }
    let [steps, seen, values] = sums;
    let drawn = format!(
        "# Contents\n\nThe scenarios of the suite in order, with the numbers of their steps, of their \
         lines in `seen`,\nand of their expected values. A test compares this list with the suite. To \
         write the list, run\n`UPDATE=1 cargo test -p waldo-test-driver --test scenarios`.\n\n\
         | scenario | rules | runs in | steps | seen | values |\n|---|---|---|--:|--:|--:|\n{}\
         | {} scenarios | | | {steps} | {seen} | {values} |\n",
        rows.concat(),
        rows.len()
    );
    keep("scenarios/CONTENTS.md", &drawn);
}
