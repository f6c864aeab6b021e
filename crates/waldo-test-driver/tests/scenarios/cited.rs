//! The page of regressions: the public issues that scenarios and tests cite.
//!
//! A scenario cites an issue in `seen_in`. Another test cites an issue in its doc comment, as
//! `Seen in owner/repository#number: what went wrong.`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use waldo_test_driver::scenario;

use crate::{files, keep};

/// The page, but for the tables of issues.
const TEMPLATE: &str = include_str!("regressions.md");

/// The folders whose tests may cite issues.
const CODE: [&str; 2] = ["crates", "examples/tests"];

/// A scenario or a test that cites an issue.
struct Citation {
    issue: String,
    went_wrong: Option<String>,
    /// The last rule that the scenario or test proves. The first rules of a scenario are often the
    /// general ones.
    rule: Option<u64>,
    /// A link from the page to the scenario or test.
    link: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn of_scenarios() -> Vec<Citation> {
    let files = files();
    let file = |name: &str| files.iter().find(|json| json["name"] == name).unwrap();
    let scenarios = scenario::all().map(|scenario| file(scenario.name()));
    let cited = scenarios.flat_map(|json| {
        let name = json["name"].as_str().unwrap();
        let link = format!("[`{name}`](../../crates/waldo-test-driver/scenarios/{name}.json)");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        json["seen_in"].as_array().into_iter().flatten().map(move |citation| Citation {
            issue: text(&citation["issue"]).unwrap(),
            went_wrong: text(&citation["went_wrong"]),
            rule: json["rules"].as_array().and_then(|rules| rules.last()?.as_u64()),
            link: link.clone(),
        })
    });
    cited.collect()
}

fn of_tests() -> Vec<Citation> {
    let mut folders = CODE.map(|folder| root().join(folder)).to_vec();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "rs") {
                sources.push(entry);
            }
        }
    }
    sources.sort();
    sources.iter().flat_map(|source| of_source(source)).collect()
}

fn of_source(source: &Path) -> Vec<Citation> {
    let path = source.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
    let (mut cited, mut comment) = (Vec::new(), String::new());
    for line in fs::read_to_string(source).unwrap().lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(text);
        } else if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next())
        {
            let rule = name.strip_prefix("rule_").and_then(|rest| rest.split('_').next());
            for sentence in comment.split(" Seen in ").skip(1) {
                let (issue, went_wrong) = match sentence.split_once(": ") {
                    Some((issue, what)) => (issue, Some(what.trim().to_owned())),
                    None => (sentence.trim_end_matches('.'), None),
                };
                assert!(issue.contains('#') && !issue.contains(' '), "{path}: {sentence}");
                cited.push(Citation {
                    issue: issue.to_owned(),
                    went_wrong,
                    rule: rule.and_then(|number| number.parse().ok()),
                    link: format!("[`{name}`](../../{path})"),
                });
            }
            comment.clear();
        } else if !line.starts_with("#[") {
            comment.clear();
        }
    }
    cited
}

/// The chapter of the protocol page for each rule, and the chapters in order.
fn chapters() -> (BTreeMap<u64, String>, Vec<String>) {
    let page = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let (mut of_rule, mut chapters) = (BTreeMap::new(), Vec::<String>::new());
    for line in page.lines() {
        if let Some(chapter) = line.strip_prefix("## ") {
            chapters.push(chapter.to_owned());
        } else if let Some(number) =
            line.strip_prefix("**").and_then(|rest| rest.split('.').next()?.parse().ok())
        {
            of_rule.insert(number, chapters.last().unwrap().clone());
        }
    }
    (of_rule, chapters)
}

/// One issue with everything that cites it, as a row of a table.
fn row(issue: &str, citations: &[Citation]) -> String {
    let texts: Vec<&str> =
        citations.iter().filter_map(|citation| citation.went_wrong.as_deref()).collect();
    let [went_wrong] = texts[..] else {
        panic!("{issue}: one citation must say what went wrong, and the others must not: {texts:?}")
    };
    let links: Vec<&str> = citations.iter().map(|citation| citation.link.as_str()).collect();
    let page = issue.replace('#', "/issues/");
    let links = links.join(", ");
    format!("| [{issue}](https://github.com/{page}) | {went_wrong} | {links} |\n")
}

/// The tables of all issues, one for each chapter of the protocol page.
fn tables() -> String {
    let mut by_issue: Vec<(String, Vec<Citation>)> = Vec::new();
    for citation in of_scenarios().into_iter().chain(of_tests()) {
        match by_issue.iter_mut().find(|(issue, _)| *issue == citation.issue) {
            Some((_, citations)) => citations.push(citation),
            None => by_issue.push((citation.issue.clone(), vec![citation])),
        }
    }
    let (of_rule, chapters) = chapters();
    let beside = "Beside the rules".to_owned();
    let mut rows: BTreeMap<&String, String> = BTreeMap::new();
    for (issue, mut citations) in by_issue {
        // The scenario that says what went wrong comes first.
        citations.sort_by_key(|citation| citation.went_wrong.is_none());
        let rule = citations.iter().find_map(|citation| citation.rule);
        let chapter = rule.map_or(&beside, |rule| &of_rule[&rule]);
        rows.entry(chapter).or_default().push_str(&row(&issue, &citations));
    }
    let mut tables = String::new();
    for chapter in chapters.iter().chain([&beside]) {
        if let Some(rows) = rows.get(chapter) {
            let head = "| issue | what went wrong | scenarios and tests |\n|---|---|---|\n";
            write!(tables, "## {chapter}\n\n{head}{rows}\n").unwrap();
        }
    }
    tables
}

#[test]
fn regressions_page_lists_every_cited_issue() {
    let tables = tables();
    let count = tables.lines().filter(|line| line.starts_with("| [")).count();
    assert!(count >= 74, "{count} issues are cited");
    keep("../../docs/dev/regressions.md", &TEMPLATE.replace("{tables}\n", &tables));
}
