//! Compares the page on fleets with the events and the explanations of the client.

use std::path::Path;
use std::time::Duration;

use waldo_auth_client::{Event, Explanation, NoToken, StoreProblem, StoreState};

#[test]
fn page_names_each_event_of_a_store() {
    let page = page();
    let (login, wait) = (1, Duration::from_secs(1));
    for event in [
        Event::StoreAway { problem: StoreProblem::Other },
        Event::StoreBack,
        Event::StoreUnreadable,
        Event::LoginPostponed { login },
        Event::LoginFailedElsewhere { login, wait },
        Event::SingleSession,
        Event::SharingHarmful,
    ] {
        let name = format!("| `{}`", event.name());
        assert!(page.contains(&name), "{name}");
    }
}

#[test]
fn page_quotes_explanations() {
    let page = page();
    for store in
        [StoreState::Shared, StoreState::Away(StoreProblem::Unreachable), StoreState::Private]
    {
        let explanation = Explanation::Authenticate { why: NoToken::NeverLoggedIn, store };
        assert!(page.contains(&format!("| {explanation} |\n")), "{explanation}");
    }
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fleet.md");
    std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n")
}
