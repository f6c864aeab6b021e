//! Both stores behind one trait, and what every error of them must keep to itself.

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

use tokio::runtime::Runtime;
use waldo_redis_server::{Options, Server};
use waldo_store::{AsyncStore, Key, Store, StoreError, StoreProblem, Stored};
use waldo_store_redis::{AsyncRedisStore, RedisStore, Tls};

/// Stands in every user name and password. No error may show it.
pub(crate) const CANARY: &str = "canary";

pub(crate) const PASSWORD: &str = "canary-password";

/// A limit that a busy machine keeps, for tests in which the server answers.
pub(crate) const PATIENT: Duration = Duration::from_secs(30);

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn key() -> Key {
    Key::of_hash([0x0a; 16])
}

pub(crate) fn other_key() -> Key {
    Key::of_hash([0x0b; 16])
}

/// The name that the store gives to the key on the server.
pub(crate) fn name() -> String {
    format!("waldo:{{{}}}", key())
}

/// A server with a password.
pub(crate) fn server() -> Option<Server> {
    server_with(Vec::new())
}

/// A server with a password and these lines of configuration.
pub(crate) fn server_with(config: Vec<&'static str>) -> Option<Server> {
    Server::start(Options { password: Some(PASSWORD), config, ..Options::default() })
}

/// Both stores, with a limit that a busy machine keeps.
pub(crate) fn both(url: &str) -> [Box<dyn Store>; 2] {
    both_within(PATIENT, url)
}

/// Both stores, with a limit.
pub(crate) fn both_within(limit: Duration, url: &str) -> [Box<dyn Store>; 2] {
    let store = RedisStore::new(url).unwrap().time_limit(limit);
    let tasks = AsyncRedisStore::new(url).unwrap().time_limit(limit);
    [Box::new(store), Box::new(InTasks::new(tasks))]
}

/// Both stores, with certificates.
pub(crate) fn both_over_tls(url: &str, tls: &Tls) -> [Box<dyn Store>; 2] {
    let store = RedisStore::with_tls(url, tls).unwrap().time_limit(PATIENT);
    let tasks = AsyncRedisStore::with_tls(url, tls).unwrap().time_limit(PATIENT);
    [Box::new(store), Box::new(InTasks::new(tasks))]
}

/// A store for tasks, each operation of which is awaited on a runtime.
#[derive(Debug)]
struct InTasks {
    store: AsyncRedisStore,
    runtime: Runtime,
}

impl InTasks {
    fn new(store: AsyncRedisStore) -> Self {
        Self { store, runtime: runtime() }
    }
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl Store for InTasks {
    fn read(&self, key: &Key) -> Result<Stored, StoreError> {
        self.runtime.block_on(self.store.read(key))
    }

    fn replace(
        &self,
        key: &Key,
        seen: Option<&[u8]>,
        document: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError> {
        self.runtime.block_on(self.store.replace(key, seen, document, keep))
    }
}

/// The document, or the problem.
pub(crate) fn read(store: &dyn Store) -> Result<Option<Vec<u8>>, StoreProblem> {
    read_of(store, &key())
}

pub(crate) fn read_of(store: &dyn Store, key: &Key) -> Result<Option<Vec<u8>>, StoreProblem> {
    store.read(key).map(|stored| stored.document).map_err(|error| problem(&error))
}

pub(crate) fn replace(
    store: &dyn Store,
    seen: Option<&[u8]>,
    document: &[u8],
) -> Result<bool, StoreProblem> {
    store.replace(&key(), seen, document, MINUTE).map_err(|error| problem(&error))
}

/// The problem of an error, whose whole text is looked through for the canary.
pub(crate) fn problem(error: &StoreError) -> StoreProblem {
    let told = told(error);
    assert!(!told.to_lowercase().contains(CANARY), "{told}");
    assert!(told.starts_with("the Redis server at "), "{told}");
    error.problem()
}

/// All that an error shows, with its sources.
pub(crate) fn told(error: &StoreError) -> String {
    let mut told = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(told, ": {error} {error:?} {error:#?}").unwrap();
        source = error.source();
    }
    told
}
