//! Servers with TLS.

use std::error::Error;
use std::fs;
use std::time::Duration;

use waldo_redis_server::{Options, Server};
use waldo_store::{MAX_DOCUMENT, StoreProblem};
use waldo_store_redis::{AsyncRedisStore, RedisStore, Tls};

use crate::stores::{PASSWORD, both, both_over_tls, both_within, key, read, replace};

fn server(config: Vec<&'static str>) -> Option<Server> {
    Server::start(Options { password: Some(PASSWORD), tls: true, config })
}

fn roots(server: &Server) -> Vec<u8> {
    fs::read(&server.certificate().certificate).unwrap()
}

#[test]
fn documents_of_any_size_go_over_tls() {
    for versions in ["tls-protocols TLSv1.2", "tls-protocols TLSv1.3"] {
        let Some(server) = server(vec!["tls-auth-clients no", versions]) else { return };
        let tls = Tls::trusting(&roots(&server)).unwrap();
        for store in both_over_tls(&server.url(), &tls) {
            server.command(&["FLUSHALL"]);
            let (largest, another) = (vec![b'1'; MAX_DOCUMENT], vec![b'2'; MAX_DOCUMENT]);
            assert_eq!(replace(&*store, None, &largest), Ok(true));
            assert_eq!(read(&*store), Ok(Some(largest.clone())));
            assert_eq!(replace(&*store, Some(&largest), &another), Ok(true));
            server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
            assert_eq!(read(&*store), Ok(Some(another)));
        }
    }
}

#[test]
fn certificate_of_another_server_is_refused() {
    let (Some(first), Some(second)) =
        (server(vec!["tls-auth-clients no"]), server(vec!["tls-auth-clients no"]))
    else {
        return;
    };
    let other = Tls::trusting(&roots(&second)).unwrap();
    for store in both_over_tls(&first.url(), &other).into_iter().chain(both(&first.url())) {
        assert_eq!(read(&*store), Err(StoreProblem::Unreachable));
        let error = store.read(&key()).unwrap_err();
        let source = error.source().unwrap().to_string();
        assert!(source.contains("invalid peer certificate"), "{source}");
    }
    // The certificate is for 127.0.0.1 only.
    let tls = Tls::trusting(&roots(&first)).unwrap();
    for store in both_over_tls(&first.url().replace("127.0.0.1", "localhost"), &tls) {
        assert_eq!(read(&*store), Err(StoreProblem::Unreachable));
    }
}

#[test]
fn program_shows_its_certificate() {
    let Some(server) = server(vec!["tls-auth-clients yes"]) else { return };
    let key = fs::read(&server.certificate().key).unwrap();
    let roots = roots(&server);
    let tls = Tls::with_identity(&roots, &roots, &key).unwrap();
    for store in both_over_tls(&server.url(), &tls) {
        assert_eq!(read(&*store), Ok(None));
    }
    for store in both_over_tls(&server.url(), &Tls::trusting(&roots).unwrap()) {
        assert_eq!(read(&*store), Err(StoreProblem::Unreachable));
    }
    assert_eq!(format!("{tls:?}"), "Tls(..)");
}

/// One of the sides waits for more, or closes.
#[test]
fn one_side_alone_with_tls_is_an_error() {
    let (Some(with), Some(without)) =
        (server(vec!["tls-auth-clients no"]), crate::stores::server())
    else {
        return;
    };
    let limit = Duration::from_millis(100);
    for store in both_within(limit, &with.url().replace("rediss:", "redis:")) {
        assert!(read(&*store).is_err());
    }
    let tls = Tls::trusting(&roots(&with)).unwrap();
    let url = without.url().replace("redis:", "rediss:");
    let store = RedisStore::with_tls(&url, &tls).unwrap().time_limit(limit);
    assert!(read(&store).is_err());
}

#[test]
fn unusable_certificates_are_errors() {
    let Some(server) = server(vec![]) else { return };
    let (roots, key) = (roots(&server), fs::read(&server.certificate().key).unwrap());
    let private_key = |key: &[u8]| Tls::with_identity(&roots, &roots, key).unwrap_err().to_string();
    assert_eq!(
        Tls::trusting(b"canary").unwrap_err().to_string(),
        "the text of the certificates is none in PEM"
    );
    assert_eq!(
        Tls::trusting(&key).unwrap_err().to_string(),
        "the text of the certificates is none in PEM"
    );
    assert_eq!(private_key(b"canary"), "the text of the private key is none in PEM");
    let tls = Tls::trusting(&roots).unwrap();
    for url in ["redis://:canary@host", "redis+unix:///canary"] {
        let error = RedisStore::with_tls(url, &tls).unwrap_err().to_string();
        assert_eq!(error, "the URL of the Redis server has no TLS: begin it with rediss://");
        let error = AsyncRedisStore::with_tls(url, &tls).unwrap_err().to_string();
        assert_eq!(error, "the URL of the Redis server has no TLS: begin it with rediss://");
    }
}
