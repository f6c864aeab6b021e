//! A store in a real server of Redis or Valkey.

use waldo_fleet::{Entry, StoreSetup, invariants, scenarios};
use waldo_redis_server::{Options, Server};

use crate::{SMALL, call_until_back, cost, count, emulator, fleet, is_alone, live, succeeded};

/// So long that a busy machine changes no count.
const PATIENT: Option<u64> = Some(20_000);

/// The store of a server, by this URL.
fn store(url: String, limit: Option<u64>) -> StoreSetup {
    StoreSetup::Redis { url, certificate: None, limit }
}

#[track_caller]
fn said_once(journal: &[Entry], problem: &str) {
    assert_eq!(count(journal, "store_away"), SMALL, "{journal:#?}");
    let away = journal.iter().filter(|entry| entry.event == "store_away");
    away.for_each(|entry| assert!(entry.message.contains(problem), "{entry}"));
    assert_eq!(count(journal, "store_back"), 0, "{journal:#?}");
    invariants::check(journal);
}

#[test]
fn fleet_with_redis_lives() {
    let options = Options { password: Some("correct-horse"), ..Options::default() };
    let Some(server) = Server::start(options) else { return };
    live(&store(server.url(), PATIENT));
}

#[test]
fn fleet_with_redis_over_tls_makes_one_login() {
    let options = Options { tls: true, password: Some("correct-horse"), ..Options::default() };
    let Some(server) = Server::start(options) else { return };
    let certificate = server.certificate();
    let store = StoreSetup::Redis {
        url: server.url(),
        certificate: Some((certificate.certificate.clone(), certificate.key.clone())),
        limit: PATIENT,
    };
    let emulator = emulator();
    let mut fleet = fleet(2 * SMALL, &emulator, &store);
    cost(&scenarios::cold_start(&mut fleet, &emulator), 1);
    cost(&scenarios::revocation(&mut fleet, &emulator), 1);
    invariants::check(&fleet.end());
}

#[test]
fn short_runs_with_redis_make_one_login() {
    let Some(server) = Server::start(Options::default()) else { return };
    let emulator = emulator();
    let mut fleet = fleet(0, &emulator, &store(server.url(), PATIENT));
    let outcome = scenarios::short_runs(&mut fleet, &emulator, 100);
    cost(&outcome, 1);
    succeeded(&outcome.answers, 100);
    invariants::check(&fleet.end());
}

/// The server is killed, restarted without its documents, and everybody comes back by itself.
#[test]
fn killed_redis_fails_no_call() {
    let Some(mut server) = Server::start(Options::default()) else { return };
    let emulator = emulator();
    let mut fleet = fleet(SMALL, &emulator, &store(server.url(), PATIENT));
    cost(&scenarios::cold_start(&mut fleet, &emulator), 1);
    server.kill();
    // Calls that have a token need no store.
    cost(&scenarios::cold_start(&mut fleet, &emulator), 0);
    is_alone(&scenarios::revocation(&mut fleet, &emulator));
    server.restart();
    call_until_back(&mut fleet);
    cost(&scenarios::revocation(&mut fleet, &emulator), 1);
    let journal = fleet.end();
    assert_eq!(count(&journal, "store_away"), SMALL, "{journal:#?}");
    assert_eq!(count(&journal, "store_back"), SMALL, "{journal:#?}");
    invariants::check(&journal);
}

/// Nobody has asked the server while it was away, so nobody notices more than an empty store.
#[test]
fn emptied_redis_costs_one_login() {
    let Some(mut server) = Server::start(Options::default()) else { return };
    let emulator = emulator();
    let mut fleet = fleet(SMALL, &emulator, &store(server.url(), PATIENT));
    cost(&scenarios::cold_start(&mut fleet, &emulator), 1);
    server.kill();
    server.restart();
    cost(&scenarios::cold_start(&mut fleet, &emulator), 0);
    cost(&scenarios::revocation(&mut fleet, &emulator), 1);
    server.command(&["FLUSHALL"]);
    cost(&scenarios::revocation(&mut fleet, &emulator), 1);
    let journal = fleet.end();
    assert_eq!(count(&journal, "store_away"), 0, "{journal:#?}");
    invariants::check(&journal);
}

/// The server keeps its connections and answers nothing, and then it goes on.
#[test]
fn stopped_redis_fails_no_call() {
    let Some(server) = Server::start(Options::default()) else { return };
    let emulator = emulator();
    let mut fleet = fleet(SMALL, &emulator, &store(server.url(), None));
    // A busy machine may miss the time limit at the start, too.
    let outcome = scenarios::cold_start(&mut fleet, &emulator);
    succeeded(&outcome.answers, SMALL);
    server.pause();
    is_alone(&scenarios::revocation(&mut fleet, &emulator));
    server.go_on();
    call_until_back(&mut fleet);
    let outcome = scenarios::revocation(&mut fleet, &emulator);
    succeeded(&outcome.answers, SMALL);
    invariants::check(&fleet.end());
}

#[test]
fn wrong_password_fails_no_call() {
    let options = Options { password: Some("correct"), ..Options::default() };
    let Some(server) = Server::start(options) else { return };
    let emulator = emulator();
    let mut fleet = fleet(SMALL, &emulator, &store(server.url_of(":wrong"), PATIENT));
    is_alone(&scenarios::cold_start(&mut fleet, &emulator));
    said_once(&fleet.end(), "denies access");
}

/// A user of Redis who may read and not write shares nothing, and says so once. A user who has the
/// permissions of the manual shares.
#[test]
fn users_with_few_permissions_fail_no_call() {
    let Some(server) = Server::start(Options::default()) else { return };
    server.command(&["ACL", "SETUSER", "reader", "on", ">pass", "~*", "+@read", "+time"]);
    server.command(&["ACL", "SETUSER", "member", "on", ">pass", "~waldo*", "+@all"]);
    let emulator = emulator();
    let mut readers = fleet(SMALL, &emulator, &store(server.url_of("reader:pass"), PATIENT));
    is_alone(&scenarios::cold_start(&mut readers, &emulator));
    said_once(&readers.end(), "denies access");
    let mut members = fleet(SMALL, &emulator, &store(server.url_of("member:pass"), PATIENT));
    cost(&scenarios::cold_start(&mut members, &emulator), 1);
    invariants::check(&members.end());
}

/// A full server still answers reads. So the store stays away until a write succeeds.
#[test]
fn full_redis_fails_no_call() {
    let Some(server) = Server::start(Options {
        config: vec!["maxmemory 1", "maxmemory-policy noeviction"],
        ..Options::default()
    }) else {
        return;
    };
    let emulator = emulator();
    let mut fleet = fleet(SMALL, &emulator, &store(server.url(), PATIENT));
    is_alone(&scenarios::cold_start(&mut fleet, &emulator));
    // Each member asks again, in vain.
    for member in fleet.members() {
        let (_, replaces) = member.asked();
        member.call_until(|member| member.asked().1 > replaces);
    }
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    call_until_back(&mut fleet);
    cost(&scenarios::revocation(&mut fleet, &emulator), 1);
    let journal = fleet.end();
    assert_eq!(count(&journal, "store_away"), SMALL, "{journal:#?}");
    assert_eq!(count(&journal, "store_back"), SMALL, "{journal:#?}");
    invariants::check(&journal);
}
