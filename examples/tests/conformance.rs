//! Each embedding among the examples passes the conformance suite, and the README's table of HTTP
//! stacks has its results. The test compiles the example's own file.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by a panic"
)]

use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::{Request, Response};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::{Builder, Runtime};
use waldo_auth_client::{AdmitError, Call, Credentials, Snapshot};
use waldo_auth_client::{Refused, SharedSession};
use waldo_conformance::{
    self as conformance, Adapter, Ask, BodyKind, Client, Ending, KeyPair, Lacking, Need, Scenario,
    Setup,
};
use waldo_examples::check::Failure;
use waldo_test_driver::scenario;

use crate::row::Row;

#[path = "conformance/row.rs"]
mod row;

#[path = "../attohttpc.rs"]
#[expect(dead_code, reason = "the test does not run the example's program")]
mod over_attohttpc;

#[path = "../curl.rs"]
#[expect(dead_code, reason = "the test does not run the example's program")]
mod over_curl;

#[path = "../hyper.rs"]
#[expect(dead_code, reason = "the test does not run the example's program")]
mod over_hyper;

#[path = "../minreq.rs"]
#[expect(dead_code, reason = "the test does not run the example's program")]
mod over_minreq;

/// The time limit of a call without a deadline.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Makes one call within its deadline. Returns `None` if the call was cancelled.
type MakesCall = fn(
    &Arc<SharedSession>,
    Call,
    Request<Vec<u8>>,
    &Ask,
) -> Option<Result<Response<Vec<u8>>, Failure>>;

/// An embedding to be certified, and the features that its HTTP stack lacks.
#[derive(Clone, Copy)]
struct Embedding {
    stack: &'static str,
    call: MakesCall,
    is_timeout: fn(&Failure) -> bool,
    lacks: &'static [Need],
}

impl Adapter for Embedding {
    type Client = Embedded;

    fn lacks(&self) -> &[Need] {
        self.lacks
    }

    fn client(&self, setup: &Setup) -> Result<Embedded, Box<dyn Error>> {
        let credentials = Credentials::new(&setup.key.id, &setup.key.secret)?;
        let config = waldo_auth_client::config(credentials).origin(&setup.origin);
        let session = Arc::new(SharedSession::new(setup.settings.apply(config).build()?));
        Ok(Embedded { embedding: *self, session })
    }
}

/// A client: an embedding with its own session.
struct Embedded {
    embedding: Embedding,
    session: Arc<SharedSession>,
}

impl Client for Embedded {
    fn send(&self, ask: &Ask) -> Ending {
        let call = match ask.body() {
            BodyKind::None | BodyKind::Replayable => Call::replayable(),
            BodyKind::OneShot => Call::one_shot(),
        };
        let deadline = self.session.now().saturating_add(ask.deadline().unwrap_or(TIMEOUT));
        let request = ask.request().clone();
        match (self.embedding.call)(&self.session, call.with_deadline(deadline), request, ask) {
            Some(Ok(response)) => {
                Ending::Answered { status: response.status().as_u16(), body: response.into_body() }
            }
            Some(Err(failure)) => self.embedding.ending(&failure),
            None => Ending::Cancelled,
        }
    }

    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        self.session.reset(Credentials::new(&key.id, &key.secret).unwrap());
        Ok(())
    }

    fn invalidate(&self) -> Result<(), Lacking> {
        self.session.invalidate(self.session.generation());
        Ok(())
    }

    fn store(&self) -> Result<Option<String>, Lacking> {
        Ok(self.session.snapshot().map(|snapshot| snapshot.to_json()))
    }

    fn resume(&self, stored: &str) -> Result<bool, Lacking> {
        let snapshot = Snapshot::from_json(stored.as_bytes()).unwrap();
        Ok(self.session.resume(&snapshot).is_ok())
    }
}

impl Embedding {
    fn ending(&self, failure: &Failure) -> Ending {
        if let Some(Refused { refusal, retry_in, .. }) = failure.downcast_ref() {
            return Ending::refused(refusal, *retry_in);
        }
        if let Some(AdmitError::ForeignOrigin(_)) = failure.downcast_ref() {
            return Ending::ForeignOrigin;
        }
        if (self.is_timeout)(failure) { Ending::TimedOut } else { Ending::Failed }
    }
}

/// Certifies an embedding, and compares the results with the README.
fn certify(embedding: Embedding) {
    let report = conformance::certify(&embedding);
    println!("{report}");
    assert!(report.is_certified());
    Row::keep_results(embedding.stack, &report);
}

#[test]
fn hyper_session_passes_all_socket_scenarios() {
    // One thread for all tasks: if one task blocks the thread, all tasks stop.
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    });
    static HTTP: LazyLock<over_hyper::Http> =
        LazyLock::new(|| HyperClient::builder(TokioExecutor::new()).build_http());
    certify(Embedding {
        stack: "hyper",
        call: |session, call, request, ask| {
            let (session, ask) = (Arc::clone(session), ask.clone());
            let task = RUNTIME.spawn(async move {
                tokio::select! {
                    () = ask.cancelled() => None,
                    result = over_hyper::call(&HTTP, &session, call, request) => Some(result),
                }
            });
            RUNTIME.block_on(task).unwrap()
        },
        is_timeout: |failure| failure.is::<tokio::time::error::Elapsed>(),
        lacks: &[Need::TiedLogins],
    });
}

#[test]
fn attohttpc_session_passes_all_blocking_scenarios() {
    certify(Embedding {
        stack: "attohttpc",
        call: |session, call, request, _| Some(over_attohttpc::call(session, call, request)),
        is_timeout: |failure| {
            let timed_out = |error: &std::io::Error| error.kind() == ErrorKind::TimedOut;
            failure.downcast_ref().is_some_and(over_attohttpc::timed_out)
                || failure.downcast_ref().is_some_and(timed_out)
        },
        lacks: &[Need::Cancellation, Need::TiedLogins, Need::Uploads, Need::StalledUploads],
    });
}

#[test]
fn curl_session_passes_all_blocking_scenarios() {
    certify(Embedding {
        stack: "curl",
        call: |session, call, request, _| Some(over_curl::call(session, call, request)),
        is_timeout: |failure| {
            failure.downcast_ref().is_some_and(curl::Error::is_operation_timedout)
        },
        lacks: &[Need::Cancellation, Need::TiedLogins],
    });
}

/// minreq's timeouts are whole seconds. The suite's deadlines and the lease of one scenario are
/// fractions of a second.
const MINREQ: Embedding = Embedding {
    stack: "minreq",
    call: |session, call, request, _| Some(over_minreq::call(session, call, request)),
    is_timeout: |failure| {
        let Some(minreq::Error::IoError(error)) = failure.downcast_ref() else { return false };
        error.kind() == ErrorKind::TimedOut
    },
    lacks: &[
        Need::Cancellation,
        Need::TiedLogins,
        Need::Deadlines,
        Need::Settings,
        Need::Uploads,
        Need::StalledUploads,
    ],
};

#[test]
fn minreq_session_passes_all_whole_second_scenarios() {
    certify(MINREQ);
}

#[test]
fn minreq_session_keeps_settings_except_subsecond_lease() {
    let lacks = &[
        Need::Cancellation,
        Need::TiedLogins,
        Need::Deadlines,
        Need::Uploads,
        Need::StalledUploads,
    ];
    let embedding = Embedding { lacks, ..MINREQ };
    let kept = |scenario: &Scenario| {
        scenario.needs().contains(&Need::Settings) && scenario.settings().lease.is_none()
    };
    let report = conformance::certify_all(&embedding, scenario::all().filter(kept));
    println!("{report}");
    assert!(report.is_certified());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The number of code lines between an example's imports and the end of its embedding.
fn lines_of(file: &str, end: &str) -> usize {
    let source = std::fs::read_to_string(root().join("examples").join(file)).unwrap();
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let imports = lines.iter().rposition(|line| line.starts_with("use ")).unwrap();
    let begin = imports + lines.iter().skip(imports).position(|line| line.is_empty()).unwrap();
    let end = lines.iter().position(|line| *line == end).unwrap();
    lines
        .iter()
        .take(end)
        .skip(begin)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

/// The stacks of the table, each with the file and the last line of its embedding. One file has two
/// embeddings.
const EMBEDDINGS: [(&str, &str, &str); 9] = [
    ("ureq", "ureq.rs", "// Here ends the embedding."),
    ("tower", "tower.rs", "// Here ends the embedding."),
    ("reqwest", "reqwest.rs", "// Here ends the embedding."),
    ("reqwest-middleware", "reqwest.rs", "// Here ends the embedding with middlewares."),
    ("axum", "gateway.rs", "// Here ends the embedding."),
    ("hyper", "hyper.rs", "// Here ends the embedding."),
    ("attohttpc", "attohttpc.rs", "// Here ends the embedding."),
    ("minreq", "minreq.rs", "// Here ends the embedding."),
    ("curl", "curl.rs", "// Here ends the embedding."),
];

/// The adapters' own tests compare the results of the suite with the table.
#[test]
fn readme_shows_line_count_of_each_embedding() {
    let stacks = EMBEDDINGS.map(|(stack, _, _)| stack.to_owned()).to_vec();
    assert_eq!(Row::all().into_iter().map(|row| row.stack).collect::<Vec<_>>(), stacks);
    for (stack, file, end) in EMBEDDINGS {
        Row::keep(stack, |row| {
            row.lines = format!("{}, [`{file}`](examples/{file})", lines_of(file, end));
            // The suite tests clients, not servers, so the gateway has the result of its client.
            if stack == "axum" {
                "that of tower".clone_into(&mut row.conformance);
            }
        });
    }
}
