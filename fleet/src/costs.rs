//! The costs of a store: the time of its questions, and their number.

use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use waldo_auth_client::Credentials;
use waldo_emulator::Emulator;
use waldo_emulator::model::{Policy, Server as Api};
use waldo_redis_server::{Options, Server};
use waldo_store::{MemoryStore, Store};
use waldo_store_file::FileStore;
use waldo_store_redis::RedisStore;
use waldo_ureq::Client;

use crate::fleet::{PATH, pair};
use crate::table::Table;
use crate::watched::{Counts, Watched};

/// The tries of a measurement, whose median counts.
const TRIES: usize = 200;

/// The lifetime of a token that stands for an hour, and the time that is measured.
const SHORT_HOUR: Duration = Duration::from_secs(60);

/// A kind of store, and how to make an empty one.
enum Kind {
    None,
    Memory,
    File(PathBuf),
    Redis(Server),
}

/// Prints the tables of costs.
#[expect(clippy::print_stdout, reason = "the program prints tables")]
pub fn print(herd: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut kinds = vec![Kind::None, Kind::Memory, Kind::File(folder.path().join("store"))];
    kinds.extend(Server::start(Options::default()).map(Kind::Redis));
    println!("{}", times(&kinds));
    println!("{}", herds(&kinds, &[64, herd]));
    println!("{}", hour(&kinds));
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::None => "no store",
            Self::Memory => "memory",
            Self::File(_) => "a file",
            Self::Redis(_) => "Redis on loopback",
        }
    }

    /// Forgets all documents.
    fn clear(&self) {
        match self {
            Self::None | Self::Memory => {}
            // The directory may not exist yet.
            Self::File(directory) => drop(std::fs::remove_dir_all(directory)),
            Self::Redis(server) => drop(server.command(&["FLUSHALL"])),
        }
    }

    /// A way to the store, as a program of its own would have it.
    fn open(&self, limit: Option<Duration>) -> Option<Arc<dyn Store>> {
        match self {
            Self::None => None,
            Self::Memory => Some(Arc::new(MemoryStore::new())),
            Self::File(directory) => Some(Arc::new(FileStore::new(directory))),
            Self::Redis(server) => {
                let store = RedisStore::new(&server.url()).unwrap();
                Some(match limit {
                    None => Arc::new(store),
                    Some(limit) => Arc::new(store.time_limit(limit)),
                })
            }
        }
    }
}

fn client(emulator: &Emulator, store: Option<Arc<dyn Store>>, counts: &Arc<Counts>) -> Client {
    let (key, secret) = pair();
    let builder =
        Client::builder(Credentials::new(&key, &secret).unwrap()).origin(emulator.origin());
    let builder = match store {
        None => builder,
        Some(store) => builder.store(Watched::new(store, Arc::clone(counts), None)),
    };
    builder.build().unwrap()
}

/// The time of the first token of a client, and the questions for it.
fn times(kinds: &[Kind]) -> Table {
    let mut table = Table::new(
        format!("The first token of a client, median of {TRIES}"),
        &["store", "by a login, ms", "reads, replacements", "from the store, ms", "reads"],
    );
    let emulator = Emulator::start(Api::default()).unwrap();
    for kind in kinds {
        let measure = |clear: bool| {
            let mut spans = Vec::new();
            let mut asked = (0, 0);
            for _ in 0..TRIES {
                if clear {
                    kind.clear();
                }
                let counts = Arc::default();
                let client = client(&emulator, kind.open(None), &counts);
                let started = Instant::now();
                client.token().unwrap();
                spans.push(started.elapsed());
                asked = counts.asked();
            }
            spans.sort();
            (spans.get(TRIES / 2).map_or(0.0, |span| span.as_secs_f64() * 1000.0), asked)
        };
        let (login, (reads, replaces)) = measure(true);
        let mut row = vec![kind.name().to_owned(), format!("{login:.2}")];
        row.push(format!("{reads}, {replaces}"));
        if matches!(kind, Kind::File(_) | Kind::Redis(_)) {
            let (resumed, (reads, _)) = measure(false);
            row.extend([format!("{resumed:.2}"), reads.to_string()]);
        } else {
            row.extend(["–".to_owned(), "–".to_owned()]);
        }
        table.row(row);
    }
    table
}

/// Many clients, each with a thread and a connection of its own, ask at one moment.
fn herds(kinds: &[Kind], sizes: &[usize]) -> Table {
    let columns = ["clients", "logins", "all have a token, ms", "reads", "replacements"];
    let mut table = Table::new("Clients that start at one moment", &columns);
    for kind in kinds.iter().filter(|kind| matches!(kind, Kind::File(_) | Kind::Redis(_))) {
        let limits = match kind {
            Kind::Redis(_) => vec![None, Some(Duration::from_secs(2))],
            Kind::None | Kind::Memory | Kind::File(_) => vec![None],
        };
        for (size, limit) in
            sizes.iter().flat_map(|size| limits.iter().map(move |limit| (size, limit)))
        {
            kind.clear();
            let (logins, span, (reads, replaces)) = herd(kind, *size, *limit);
            let limit = limit.map(|limit| format!(", time limit {limit:?}")).unwrap_or_default();
            table.row([
                format!("{size}, {}{limit}", kind.name()),
                logins.to_string(),
                format!("{:.0}", span.as_secs_f64() * 1000.0),
                reads.to_string(),
                replaces.to_string(),
            ]);
        }
    }
    table
}

fn herd(kind: &Kind, size: usize, limit: Option<Duration>) -> (u64, Duration, (u64, u64)) {
    let emulator = Emulator::start(Api::default()).unwrap();
    let counts = Arc::default();
    let start = Barrier::new(size + 1);
    let span = thread::scope(|scope| {
        let threads: Vec<_> = (0..size)
            .map(|_| {
                let client = client(&emulator, kind.open(limit), &counts);
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    client.token().unwrap();
                })
            })
            .collect();
        start.wait();
        let started = Instant::now();
        for thread in threads {
            thread.join().unwrap();
        }
        started.elapsed()
    });
    (emulator.stats().server.logins(), span, counts.asked())
}

/// Eight clients in use for the lifetime of a token.
fn hour(kinds: &[Kind]) -> Table {
    const CLIENTS: usize = 8;
    let title = format!(
        "{CLIENTS} clients in use for the lifetime of a token, {SHORT_HOUR:?}, after the first token"
    );
    let columns = ["store", "calls", "logins", "reads", "replacements"];
    let mut table = Table::new(title, &columns);
    for kind in kinds.iter().filter(|kind| matches!(kind, Kind::File(_) | Kind::Redis(_))) {
        kind.clear();
        let (key, secret) = pair();
        let policy = Policy { lifetime: SHORT_HOUR, ..Policy::default() };
        let emulator = Emulator::start(Api::new(policy).with_key(&key, &secret)).unwrap();
        let counts = Arc::default();
        let clients: Vec<Client> =
            (0..CLIENTS).map(|_| client(&emulator, kind.open(None), &counts)).collect();
        for client in &clients {
            client.token().unwrap();
        }
        let before = counts.asked();
        let logins = emulator.stats().server.logins();
        let ends = Instant::now() + SHORT_HOUR;
        let calls: usize = thread::scope(|scope| {
            let use_it = |client: &Client| {
                let mut calls = 0;
                while Instant::now() < ends {
                    client.get(PATH).call().unwrap();
                    calls += 1;
                    thread::sleep(Duration::from_millis(20));
                }
                calls
            };
            let threads: Vec<_> =
                clients.iter().map(|client| scope.spawn(move || use_it(client))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let (reads, replaces) = counts.asked();
        table.row([
            kind.name().to_owned(),
            calls.to_string(),
            (emulator.stats().server.logins() - logins).to_string(),
            (reads - before.0).to_string(),
            (replaces - before.1).to_string(),
        ]);
    }
    table
}
