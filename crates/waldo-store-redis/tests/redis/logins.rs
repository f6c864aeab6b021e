//! Passwords and permissions.

use waldo_redis_server::{Options, Server};
use waldo_store::StoreProblem;

use crate::stores::{both, read, replace, server, server_with};

#[test]
fn wrong_password_and_missing_password_are_denied() {
    let Some(server) = server() else { return };
    for login in ["canary:canary", "default:canary", ":canary"] {
        for store in both(&server.url_of(login)) {
            assert_eq!(read(&*store), Err(StoreProblem::Denied), "{login}");
        }
    }
    for store in both(&server.url().replace(":canary-password@", "")) {
        assert_eq!(read(&*store), Err(StoreProblem::Denied));
        assert_eq!(replace(&*store, None, b"one"), Err(StoreProblem::Denied));
    }
}

#[test]
fn password_for_a_server_without_one_is_denied() {
    let Some(server) = Server::start(Options::default()) else { return };
    for store in both(&server.url_of(":canary")) {
        assert_eq!(read(&*store), Err(StoreProblem::Denied));
    }
    for store in both(&server.url()) {
        assert_eq!(read(&*store), Ok(None));
    }
}

#[test]
fn permissions_of_the_readme_suffice_and_fewer_are_denied() {
    let Some(server) = server_with(vec![
        "user canary-all on >canary ~waldo:* +select +time +getrange +eval +get +set",
        "user canary-read on >canary ~waldo:* +time +getrange",
        "user canary-set on >canary ~waldo:* +time +getrange +eval +get",
        "user canary-key on >canary ~other:* +time +getrange +eval +get +set",
        "user canary-none on >canary",
    ]) else {
        return;
    };
    let denied = StoreProblem::Denied;
    for (user, reads, replaces) in [
        ("canary-all", Ok(None), Ok(true)),
        ("canary-read", Ok(None), Err(denied)),
        ("canary-set", Ok(None), Err(denied)),
        ("canary-key", Err(denied), Err(denied)),
        ("canary-none", Err(denied), Err(denied)),
    ] {
        for store in both(&format!("{}/{}", server.url_of(&format!("{user}:canary")), 0)) {
            server.command(&["FLUSHALL"]);
            assert_eq!(read(&*store), reads, "{user}");
            assert_eq!(replace(&*store, None, b"one"), replaces, "{user}");
        }
    }
    for store in both(&format!("{}/1", server.url_of("canary-all:canary"))) {
        assert_eq!(read(&*store), Ok(None));
    }
}

#[test]
fn database_that_the_server_does_not_have_is_an_error() {
    let Some(server) = server() else { return };
    for store in both(&format!("{}/999", server.url())) {
        assert_eq!(read(&*store), Err(StoreProblem::Other));
        assert_eq!(replace(&*store, None, b"one"), Err(StoreProblem::Other));
    }
    assert_eq!(server.command(&["DBSIZE"]), "int(0)", "nothing is written to another database");
}

#[test]
fn server_with_too_many_connections_is_unreachable() {
    let Some(server) = server_with(vec!["maxclients 1"]) else { return };
    let [store, other] = both(&server.url());
    assert_eq!(read(&*store), Ok(None));
    assert_eq!(read(&*other), Err(StoreProblem::Unreachable));
    assert_eq!(read(&*store), Ok(None));
}
