//! Documents are read and replaced as the trait says.

use std::thread;
use std::time::Duration;

use waldo_conformance::store::{certify, certify_async};
use waldo_redis_server::Server;
use waldo_store::{MAX_DOCUMENT, Store, StoreProblem};
use waldo_store_redis::{AsyncRedisStore, RedisStore};

use crate::stores::{
    MINUTE, PATIENT, both, key, name, other_key, read, read_of, replace, server, server_with,
};

#[test]
fn both_stores_are_certified() {
    let Some(server) = server() else { return };
    let report = certify(&RedisStore::new(&server.url()).unwrap().time_limit(PATIENT));
    assert!(report.is_certified(), "{report}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = AsyncRedisStore::new(&server.url()).unwrap().time_limit(PATIENT);
    let report = runtime.block_on(certify_async(&store, tokio::time::sleep));
    assert!(report.is_certified(), "{report}");
}

#[test]
fn document_is_replaced_only_if_it_is_the_seen_one() {
    let Some(server) = server() else { return };
    for url in [server.url(), server.unix_url()] {
        for store in both(&url) {
            server.command(&["FLUSHALL"]);
            assert_eq!(read(&*store), Ok(None));
            assert_eq!(replace(&*store, Some(b"zero"), b"one"), Ok(false), "there is none");
            assert_eq!(replace(&*store, None, b"one"), Ok(true));
            assert_eq!(replace(&*store, None, b"two"), Ok(false), "there is one");
            assert_eq!(replace(&*store, Some(b"on"), b"two"), Ok(false), "only a part is the same");
            assert_eq!(read(&*store), Ok(Some(b"one".to_vec())));
            assert_eq!(replace(&*store, Some(b"one"), b"t\0\r\n\xff"), Ok(true));
            assert_eq!(read(&*store), Ok(Some(b"t\0\r\n\xff".to_vec())));
            assert_eq!(read_of(&*store, &other_key()), Ok(None), "each key has its own");
        }
    }
}

#[test]
fn document_is_at_the_name_that_the_readme_says_and_in_the_database_of_the_url() {
    let Some(server) = server() else { return };
    for store in both(&format!("{}/3", server.url())) {
        server.command(&["FLUSHALL"]);
        assert_eq!(replace(&*store, None, b"one"), Ok(true));
        assert_eq!(server.command(&["DBSIZE"]), "int(0)", "of database 0");
        server.command(&["SWAPDB", "0", "3"]);
        assert_eq!(server.command(&["GET", &name()]), r#"bulk-string('"one"')"#);
        server.command(&["SWAPDB", "0", "3"]);
    }
}

/// An increment that another one overwrites would be missing at the end.
#[test]
fn eight_threads_lose_no_update() {
    let Some(server) = server() else { return };
    let store = RedisStore::new(&server.url()).unwrap().time_limit(PATIENT);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    while !incremented(&store) {}
                }
            });
        }
    });
    assert_eq!(read(&store), Ok(Some(b"200".to_vec())));
}

fn incremented(store: &dyn Store) -> bool {
    let seen = read(store).unwrap();
    replace(store, seen.as_deref(), &next(seen.as_deref())).unwrap()
}

/// The next number, as text.
pub(crate) fn next(seen: Option<&[u8]>) -> Vec<u8> {
    let number: u32 = seen.map_or(0, |digits| str::from_utf8(digits).unwrap().parse().unwrap());
    (number + 1).to_string().into_bytes()
}

#[test]
fn document_is_kept_for_the_time_and_then_forgotten() {
    let Some(server) = server() else { return };
    let milliseconds = |server: &Server| -> u64 {
        let left = server.command(&["PTTL", &name()]);
        left.trim_start_matches("int(").trim_end_matches(')').parse().unwrap()
    };
    for store in both(&server.url()) {
        assert_eq!(replace(&*store, None, b"one"), Ok(true));
        assert!((1..=60_000).contains(&milliseconds(&server)));
        assert!(store.replace(&key(), Some(b"one"), b"two", Duration::MAX).unwrap());
        assert!(milliseconds(&server) > 60_000);
        // Zero would be an error of the server.
        assert!(store.replace(&key(), Some(b"two"), b"three", Duration::ZERO).unwrap());
        while read(&*store).unwrap().is_some() {}
    }
}

#[test]
fn clock_is_that_of_the_server() {
    let Some(server) = server() else { return };
    let clock = || {
        let time = server.command(&["TIME"]);
        let digits: Vec<u64> = time
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse().ok())
            .collect();
        Duration::from_secs(digits[0]) + Duration::from_micros(digits[1])
    };
    for store in both(&server.url()) {
        let before = clock();
        let now = store.read(&key()).unwrap().now;
        assert!(before <= now && now <= clock());
    }
}

#[test]
fn flushed_server_is_an_empty_one() {
    let Some(server) = server() else { return };
    for store in both(&server.url()) {
        assert_eq!(replace(&*store, None, b"one"), Ok(true));
        server.command(&["FLUSHALL"]);
        assert_eq!(read(&*store), Ok(None));
        assert_eq!(replace(&*store, Some(b"one"), b"two"), Ok(false));
        assert_eq!(replace(&*store, None, b"two"), Ok(true));
        server.command(&["SCRIPT", "FLUSH"]);
        assert_eq!(replace(&*store, Some(b"two"), b"three"), Ok(true));
        server.command(&["FLUSHALL"]);
    }
}

#[test]
fn largest_document_is_kept_and_a_larger_one_is_an_error() {
    let Some(server) = server() else { return };
    for store in both(&server.url()) {
        server.command(&["FLUSHALL"]);
        let (largest, another) = (vec![b'1'; MAX_DOCUMENT], vec![b'2'; MAX_DOCUMENT]);
        assert_eq!(replace(&*store, None, &largest), Ok(true));
        assert_eq!(replace(&*store, Some(&largest), &another), Ok(true));
        assert_eq!(read(&*store), Ok(Some(another.clone())));
        let larger = [&another[..], b"3"].concat();
        assert_eq!(replace(&*store, Some(&another), &larger), Err(StoreProblem::Other));
        // 100 MB, of which the store reads no more than a document may have.
        server.command(&["SETRANGE", &name(), "100000000", "3"]);
        assert_eq!(read(&*store), Err(StoreProblem::Other));
        let error = store.read(&key()).unwrap_err().to_string();
        assert!(error.contains("at most 65536 bytes"), "{error}");
        assert_eq!(replace(&*store, Some(&another), b"one"), Ok(false));
        server.command(&["DEL", &name()]);
        assert_eq!(read(&*store), Ok(None), "the same connection goes on");
    }
}

#[test]
fn empty_document_counts_as_none() {
    let Some(server) = server() else { return };
    for store in both(&server.url()) {
        server.command(&["SET", &name(), ""]);
        assert_eq!(read(&*store), Ok(None));
        assert_eq!(replace(&*store, None, b"one"), Ok(true));
    }
}

#[test]
fn value_of_another_type_is_an_error() {
    let Some(server) = server() else { return };
    for store in both(&server.url()) {
        server.command(&["FLUSHALL"]);
        server.command(&["RPUSH", &name(), "one"]);
        assert_eq!(read(&*store), Err(StoreProblem::Other));
        assert_eq!(replace(&*store, None, b"one"), Err(StoreProblem::Other));
        let error = store.read(&key()).unwrap_err().to_string();
        assert!(error.contains("value of another type under the key: delete"), "{error}");
    }
}

#[test]
fn full_server_can_be_read() {
    let Some(server) = server_with(vec!["maxmemory-policy noeviction"]) else { return };
    for store in both(&server.url()) {
        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        server.command(&["FLUSHALL"]);
        assert_eq!(replace(&*store, None, b"one"), Ok(true));
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        assert_eq!(replace(&*store, Some(b"one"), b"two"), Err(StoreProblem::Full));
        assert_eq!(read(&*store), Ok(Some(b"one".to_vec())));
    }
}

#[test]
fn replica_can_only_be_read() {
    let Some(server) = server() else { return };
    for store in both(&server.url()) {
        server.command(&["REPLICAOF", "NO", "ONE"]);
        server.command(&["FLUSHALL"]);
        assert_eq!(replace(&*store, None, b"one"), Ok(true));
        server.command(&["REPLICAOF", "127.0.0.1", "1"]);
        assert_eq!(read(&*store), Ok(Some(b"one".to_vec())));
        let error = store.replace(&key(), Some(b"one"), b"two", MINUTE).unwrap_err();
        assert!(error.to_string().contains("is a replica"), "{error}");
    }
}
