//! A citation of a public issue that reports the failure of a scenario.

use serde::{Deserialize, Deserializer, de};

/// A public issue in which the failure was seen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "expected a citation such as {\"issue\": \"square/okhttp#960\"}"
)]
pub(super) struct Citation {
    pub(super) issue: Issue,
    /// What the issue reports. Other scenarios may cite the same issue without it.
    #[serde(default)]
    pub(super) went_wrong: Option<String>,
}

/// An issue of a public repository, such as `square/okhttp#960`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Issue(pub(super) String);

impl<'de> Deserialize<'de> for Issue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if !is_issue(&text) {
            return Err(de::Error::custom(format!(
                "{text:?} names no issue: write owner/repository#number, such as \"square/okhttp#960\""
            )));
        }
        Ok(Self(text))
    }
}

fn is_issue(text: &str) -> bool {
    let is_name = |name: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        !name.is_empty() && name.bytes().all(fits)
    };
    text.split_once('#').is_some_and(|(repository, number)| {
        repository.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name))
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && !number.is_empty()
            && !number.starts_with('0')
    })
}

#[cfg(test)]
mod tests {
    use super::is_issue;

    #[test]
    fn an_issue_is_a_repository_and_a_number() {
        for issue in ["square/okhttp#960", "octokit/auth-app.js#65", "a_b/C-d#1"] {
            assert!(is_issue(issue), "{issue}");
        }
        for other in [
            "",
            "okhttp#960",
            "square/okhttp",
            "square/okhttp#",
            "square/okhttp#x",
            "/okhttp#960",
            "square/#960",
            "square/okhttp#0960",
            "square/okhttp#960#1",
            "a/b/c#1",
            "square/ok http#1",
            "https://github.com/square/okhttp#960",
            "square/okhttp#+1",
        ] {
            assert!(!is_issue(other), "{other}");
        }
    }
}
