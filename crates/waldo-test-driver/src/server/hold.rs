//! Which requests are held, and at which stage.

use serde::{Deserialize, Deserializer, Serialize};

use super::fault::{Stage, Target};
use super::path::RequestPath;

/// Which requests are held, and at which stage. The program that carries the model's replies holds
/// the requests, and not the model itself.
///
/// As JSON: `{"on": "login"}`, `{"on": "calls", "stage": "after", "path": "/customer"}`.
///
/// ```
/// use waldo_test_driver::server::Hold;
///
/// let answers = Hold::calls().after_handling().on_path("/customer");
/// let json = r#"{"on": "calls", "stage": "after", "path": "/customer"}"#;
/// let same: Hold = serde_json::from_str(json)?;
/// assert_eq!(answers, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    on: Target,
    #[serde(default)]
    stage: Stage,
    #[serde(default, deserialize_with = "path")]
    path: Option<String>,
}

fn path<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<RequestPath>::deserialize(from)?.map(String::from))
}

impl Hold {
    /// Holds logins before the server sees them.
    pub fn logins() -> Self {
        Self { on: Target::Login, stage: Stage::Before, path: None }
    }

    /// Holds calls before the server sees them.
    pub fn calls() -> Self {
        Self { on: Target::Calls, stage: Stage::Before, path: None }
    }

    /// Holds the answers instead of the requests. The server has then handled the request, and has
    /// issued and retired tokens.
    #[must_use]
    pub fn after_handling(self) -> Self {
        Self { stage: Stage::After, ..self }
    }

    /// Limits the hold to this path (`/customer`, without the query).
    #[must_use]
    pub fn on_path(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The kind of requests that are held.
    pub fn on(&self) -> Target {
        self.on
    }

    /// The path of the hold; `None` for all paths.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether a request to `path` is held at this stage.
    pub fn covers(&self, on: Target, stage: Stage, path: &str) -> bool {
        self.on == on && self.stage == stage && self.path.as_deref().is_none_or(|only| only == path)
    }
}
