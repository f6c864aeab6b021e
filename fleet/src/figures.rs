//! The table of logins with and without a store.

use std::path::Path;

use waldo_emulator::Emulator;
use waldo_emulator::model::Server as Api;
use waldo_redis_server::{Options, Server};

use crate::fleet::Fleet;
use crate::line::StoreSetup;
use crate::scenarios::{self, Outcome};
use crate::table::Table;

/// The members of a fleet.
const FLEET: usize = 64;

/// The calls of each member to the route that always answers 401.
const ROUNDS: u32 = 20;

/// What happens in one row of the table.
type Scenario<'a> = (String, Box<dyn Fn(&mut Fleet, &Emulator) -> Outcome + 'a>);

/// Prints the table of logins. Each cell is a run of real processes.
#[expect(clippy::print_stdout, reason = "the program prints tables")]
pub fn print(program: &Path, runs: u32) {
    let scenarios: [Scenario<'_>; 5] = [
        (
            format!("cold start of {FLEET}"),
            Box::new(|fleet, emulator| {
                fleet.grow(FLEET);
                scenarios::cold_start(fleet, emulator)
            }),
        ),
        (
            format!("revocation, {FLEET} calls in flight"),
            Box::new(|fleet, emulator| {
                fleet.grow(FLEET);
                assert_eq!(fleet.call().failed(), 0);
                scenarios::revocation(fleet, emulator)
            }),
        ),
        (
            format!("{runs} short runs"),
            Box::new(|fleet, emulator| scenarios::short_runs(fleet, emulator, runs)),
        ),
        (
            format!("a route that always answers 401, {ROUNDS} calls of each of {FLEET}"),
            Box::new(|fleet, emulator| {
                fleet.grow(FLEET);
                assert_eq!(fleet.call().failed(), 0);
                scenarios::always_unauthorized(fleet, emulator, ROUNDS)
            }),
        ),
        (
            format!("rejected key, {FLEET} calls in flight"),
            Box::new(|fleet, emulator| {
                fleet.grow(FLEET);
                assert_eq!(fleet.call().failed(), 0);
                scenarios::revoked_key(fleet, emulator)
            }),
        ),
    ];
    let mut table = Table::new(
        "Logins of real processes",
        &["what happens", "without a store", "a file", "Redis"],
    );
    for (name, scenario) in &scenarios {
        let logins = |store: Option<StoreSetup>| {
            let emulator = Emulator::start(Api::default()).unwrap();
            let mut fleet = Fleet::new(program, &emulator, store);
            fleet.set_budget(10);
            let outcome = scenario(&mut fleet, &emulator);
            drop(fleet.end());
            (outcome.logins + outcome.rejected).to_string()
        };
        let folder = tempfile::tempdir().unwrap();
        let directory = StoreSetup::Directory(folder.path().join("store"));
        let redis = Server::start(Options::default()).map(|server| {
            let url = server.url();
            (server, StoreSetup::Redis { url, certificate: None, limit: None })
        });
        let with_redis =
            redis.map_or_else(|| "–".to_owned(), |(_server, store)| logins(Some(store)));
        table.row([name.clone(), logins(None), logins(Some(directory)), with_redis]);
    }
    println!("{table}");
}
