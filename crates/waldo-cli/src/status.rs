//! `waldo status`: where each setting comes from, and what the next call would do.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use waldo_auth_core::Now;
use waldo_ureq::Credentials;

use crate::credentials::{self, KeyPair};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Place, Settings};
use crate::store::{Observer, Sight};
use crate::terminal;

pub(crate) fn run(settings: &Settings, offline: bool, as_json: bool) -> Result<Exit, Failure> {
    let pair = KeyPair::find(settings);
    // Asked once: a keyring may take its time, or ask the user.
    let asked = pair.as_ref().map(|pair| usable(settings, pair)).transpose();
    let is_asked = !(offline && settings.store.value.is_remote());
    let (credentials, failure) = match asked {
        Ok(credentials) => (credentials, None),
        Err(failure) => (None, Some(failure)),
    };
    let problem = failure.as_ref().and_then(Failure::why);
    let store = look(settings, credentials, is_asked);
    let report = Report { settings, pair: pair.as_ref(), problem, store };
    terminal::print(&if as_json { report.json() } else { report.text() })?;
    match (pair, failure) {
        (None, _) => Err(credentials::none(settings)),
        (Some(_), Some(failure)) => Err(failure),
        (Some(_), None) => Ok(Exit::Success),
    }
}

/// The key pair, if a call would use it.
fn usable(settings: &Settings, pair: &KeyPair) -> Result<Credentials, Failure> {
    pair.check_server(settings)?;
    pair.ask()
}

/// The state of the store.
enum Store {
    /// It was not asked, because `--offline` forbids it or because no key pair can be used.
    NotAsked(&'static str, Option<Sight>),
    Asked(Sight),
    /// It cannot be opened.
    Broken(String, Option<Sight>),
}

impl Store {
    fn sight(&self) -> Option<&Sight> {
        match self {
            Self::Asked(sight) => Some(sight),
            Self::NotAsked(_, sight) | Self::Broken(_, sight) => sight.as_ref(),
        }
    }

    fn health(&self) -> String {
        match self {
            Self::NotAsked(why, _) => (*why).to_owned(),
            Self::Asked(Sight { problem: Some(problem), .. }) => problem.to_string(),
            Self::Asked(_) => "it answers".to_owned(),
            Self::Broken(problem, _) => problem.clone(),
        }
    }
}

fn look(settings: &Settings, pair: Option<Credentials>, is_asked: bool) -> Store {
    let Some(pair) = pair else {
        return Store::NotAsked("not asked, because no key pair can be used", None);
    };
    let Ok(observer) = Observer::new(&settings.origin.value, pair) else {
        return Store::NotAsked("not asked", None);
    };
    if !is_asked {
        return Store::NotAsked("not asked, because of --offline", Some(observer.look(None)));
    }
    match settings.store.value.open() {
        Ok(Some(store)) => Store::Asked(observer.look(Some(&*store))),
        Ok(None) => Store::NotAsked("each run logs in", Some(observer.look(None))),
        Err(error) => Store::Broken(error.to_string(), Some(observer.look(None))),
    }
}

/// The output of the command. It has no secret and no part of one.
struct Report<'a> {
    settings: &'a Settings,
    pair: Option<&'a KeyPair>,
    /// Why the key pair cannot be used.
    problem: Option<&'a str>,
    store: Store,
}

impl Report<'_> {
    /// The time that the stored token has left.
    fn left(&self) -> Option<Duration> {
        let token = self.store.sight()?.token.as_ref()?;
        Some(token.left(Now::new(Duration::ZERO, SystemTime::now())))
    }

    fn next(&self) -> String {
        match (self.store.sight(), self.pair) {
            (Some(sight), _) => sight.next.to_string(),
            (None, Some(_)) => {
                "the next call would be refused, because the key pair cannot be used".to_owned()
            }
            (None, None) => {
                "the next call would be refused, because there is no key pair".to_owned()
            }
        }
    }

    fn text(&self) -> String {
        let Settings { profile, origin, store, timeout, profiles } = self.settings;
        let pair = match (self.pair, self.problem) {
            (Some(pair), Some(problem)) => {
                format!("{}: it cannot be used: {problem}", pair.origin)
            }
            (Some(pair), None) => format!("{}: {}", pair.origin, pair.origin.protection()),
            (None, _) => "none".to_owned(),
        };
        let span = timeout.value.map_or("none".to_owned(), terminal::whole_seconds);
        let token = match self.left() {
            Some(left) => {
                format!("{} left, until {}", terminal::whole_seconds(left), terminal::date_in(left))
            }
            None => "none".to_owned(),
        };
        let mut text = String::new();
        for (name, value) in [
            ("profile", format!("{}, from {}", profile.value, profile.place)),
            ("profiles", profiles.place()),
            ("origin", format!("{}, from {}", origin.value, origin.place)),
            ("key pair", pair),
            ("store", format!("{}, from {}: {}", store.value, store.place, self.store.health())),
            ("timeout", format!("{span}, from {}", timeout.place)),
            ("token", token),
            // The name of the line says it already.
            ("next call", self.next().replacen("the next call ", "", 1)),
        ] {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<10}{value}");
        }
        text
    }

    fn json(&self) -> String {
        let Settings { profile, origin, store, timeout, profiles } = self.settings;
        let setting = |value: Value, place: &Place| {
            let from = place.to_string();
            json!({ "value": value, "from": from })
        };
        let token = self.left().map(
            |left| json!({ "expires_in": left.as_secs(), "expires_at": terminal::date_in(left) }),
        );
        let json = json!({
            "schema": 1,
            "profile": setting(profile.value.as_str().into(), &profile.place),
            "profiles": profiles.path().map(|path| path.display().to_string()),
            "origin": setting(origin.value.to_string().into(), &origin.place),
            "key_pair": self.pair.map(|pair| json!({
                "from": pair.origin.to_string(),
                "protection": pair.origin.protection(),
                "problem": self.problem,
            })),
            "store": {
                "value": store.value.to_string(),
                "from": store.place.to_string(),
                "asked": matches!(self.store, Store::Asked(_)),
                "health": self.store.health(),
            },
            "timeout": setting(
                timeout.value.map(|span| span.as_secs_f64()).into(),
                &timeout.place,
            ),
            "token": token,
            "next_call": self.next(),
        });
        format!("{json}\n")
    }
}
