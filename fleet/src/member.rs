//! The program of a member: it reads its setup and its commands from standard input, and writes what
//! happens to standard output.

use std::fmt::Debug;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::process;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use waldo_auth_client::{ConfigBuilder, CredentialSource, Credentials};
use waldo_store::{AsyncStore, Store};
use waldo_store_file::FileStore;
use waldo_store_redis::{AsyncRedisStore, RedisStore, Tls};

use crate::line::{Adapter, Answers, Command, Entry, Line, Setup, StoreSetup};
use crate::watched::{Counts, Watched};

/// Runs a member until its standard input ends.
pub fn run() {
    let mut lines = BufReader::new(io::stdin()).lines();
    let Some(Ok(setup)) = lines.next() else { return };
    let setup: Setup = serde_json::from_str(&setup).unwrap();
    tracing::subscriber::set_global_default(Journal).unwrap();
    let counts = Arc::new(Counts::default());
    let client = Client::new(&setup, &counts);
    say(&Line::Ready);
    let (sender, commands) = mpsc::channel();
    // A member ends with its fleet, even during a call.
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            drop(sender.send(line));
        }
        process::exit(0);
    });
    for command in commands {
        say(&match serde_json::from_str(&command).unwrap() {
            Command::Call { path, times } => Line::Answers(client.calls(&path, times)),
            Command::Reset { pair } => {
                client.reset(credentials(&pair));
                Line::IsReset
            }
            Command::Count => {
                let (reads, replaces) = counts.asked();
                Line::Asked(reads, replaces)
            }
        });
    }
}

/// Writes a line. Without a reader, the fleet has ended, and so does the member.
fn say(line: &Line) {
    let line = serde_json::to_string(line).unwrap();
    if writeln!(io::stdout().lock(), "{line}").is_err() {
        process::exit(0);
    }
}

fn credentials((key, secret): &(String, String)) -> Credentials {
    Credentials::new(key, secret).unwrap()
}

/// The files of the setup, or a source that always gives the key pair of the setup.
fn source(setup: &Setup) -> CredentialSource {
    if let Some((key, secret)) = &setup.files {
        return CredentialSource::files(key, secret);
    }
    let pair = credentials(&setup.pair);
    CredentialSource::new(move || Ok::<_, io::Error>(pair.clone()))
}

enum Client {
    Ureq(waldo_ureq::Client),
    Reqwest(waldo_reqwest::Client, Runtime),
}

impl Client {
    fn new(setup: &Setup, counts: &Arc<Counts>) -> Self {
        let source = source(setup);
        let lease = Duration::from_millis(setup.lease);
        let limits = |limits: ConfigBuilder| {
            limits.lease(lease).invalidation_budget(setup.budget, Duration::from_secs(30))
        };
        match setup.adapter {
            Adapter::Ureq => {
                let builder = waldo_ureq::ClientBuilder::from_source(source.clone())
                    .unwrap()
                    .origin(&setup.origin)
                    .limits(limits);
                let builder = match &setup.store {
                    None => builder,
                    Some(store) => builder.store(blocking(store, setup, counts)),
                };
                Self::Ureq(builder.build().unwrap())
            }
            Adapter::Reqwest => {
                let builder = waldo_reqwest::ClientBuilder::from_source(source.clone())
                    .unwrap()
                    .origin(&setup.origin)
                    .limits(limits);
                let builder = match &setup.store {
                    None => builder,
                    Some(store) => builder.store(for_tasks(store, setup, counts)),
                };
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                Self::Reqwest(builder.build().unwrap(), runtime)
            }
        }
    }

    fn calls(&self, path: &str, times: u32) -> Answers {
        let mut answers = Answers::default();
        for _ in 0..times {
            match self.call(path) {
                Ok(status) => *answers.statuses.entry(status).or_default() += 1,
                Err(error) => answers.failures.push(error),
            }
        }
        answers
    }

    fn call(&self, path: &str) -> Result<u16, String> {
        match self {
            Self::Ureq(client) => match client.get(path).call() {
                Ok(mut response) => {
                    // Read the body, so that the connection can be used again.
                    response.body_mut().read_to_vec().map_err(|error| error.to_string())?;
                    Ok(response.status().as_u16())
                }
                Err(error) => {
                    error.status().map(|status| status.as_u16()).ok_or_else(|| error.to_string())
                }
            },
            Self::Reqwest(client, runtime) => runtime.block_on(async {
                match client.get(path).send().await {
                    Ok(response) => {
                        let status = response.status().as_u16();
                        response.bytes().await.map_err(|error| error.to_string())?;
                        Ok(status)
                    }
                    Err(error) => error
                        .status()
                        .map(|status| status.as_u16())
                        .ok_or_else(|| error.to_string()),
                }
            }),
        }
    }

    fn reset(&self, credentials: Credentials) {
        match self {
            Self::Ureq(client) => client.reset(credentials),
            Self::Reqwest(client, _) => client.reset(credentials),
        }
    }
}

fn blocking(store: &StoreSetup, setup: &Setup, counts: &Arc<Counts>) -> Arc<dyn Store> {
    match store {
        StoreSetup::Directory(directory) => watched(FileStore::new(directory), setup, counts),
        StoreSetup::Redis { url, certificate, limit } => {
            let store = match certificate {
                None => RedisStore::new(url).unwrap(),
                Some(certificate) => RedisStore::with_tls(url, &tls(certificate)).unwrap(),
            };
            let limit = limit.map(Duration::from_millis);
            let store = match limit {
                None => store,
                Some(limit) => store.time_limit(limit),
            };
            watched(store, setup, counts)
        }
    }
}

fn for_tasks(store: &StoreSetup, setup: &Setup, counts: &Arc<Counts>) -> Arc<dyn AsyncStore> {
    match store {
        StoreSetup::Directory(directory) => watched(FileStore::new(directory), setup, counts),
        StoreSetup::Redis { url, certificate, limit } => {
            let store = match certificate {
                None => AsyncRedisStore::new(url).unwrap(),
                Some(certificate) => AsyncRedisStore::with_tls(url, &tls(certificate)).unwrap(),
            };
            let limit = limit.map(Duration::from_millis);
            let store = match limit {
                None => store,
                Some(limit) => store.time_limit(limit),
            };
            watched(store, setup, counts)
        }
    }
}

fn watched<S>(store: S, setup: &Setup, counts: &Arc<Counts>) -> Arc<Watched<S>> {
    let stop = setup.stops.map(|stage| (stage, (|| say(&Line::Stopped)) as fn()));
    Arc::new(Watched::new(store, Arc::clone(counts), stop))
}

fn tls((certificate, key): &(std::path::PathBuf, std::path::PathBuf)) -> Tls {
    let (certificate, key) = (fs::read(certificate).unwrap(), fs::read(key).unwrap());
    Tls::with_identity(&certificate, &certificate, &key).unwrap()
}

/// Writes each event of the session as a line.
struct Journal;

impl Subscriber for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "waldo_auth"
    }

    fn event(&self, event: &Event<'_>) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut entry = Entry {
            member: 0,
            at: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
            number: 0,
            event: String::new(),
            message: String::new(),
        };
        event.record(&mut entry);
        say(&Line::Journal(entry));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Entry {
    fn record_u64(&mut self, _: &Field, number: u64) {
        self.number = number;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.event);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
