//! The cost of a whole request over a kept loopback connection.

use std::hint::black_box;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Response, StatusCode};
use ureq::{Agent, Body};
use waldo_ureq::{Client, ClientBuilder};

use crate::contender::{Batch, Contender};
use crate::group::Group;
use crate::limit::Limit::{More, Times};
use crate::server::{self, FRESH, SAME, Server};
use crate::subject;

/// The key of the group.
pub const KEY: &str = "C";

/// The group: ureq with a constant header, and the client over ureq. The server must outlive the
/// group.
pub fn group(server: &Server) -> Group {
    let agent = || Some(subject::settings().build().into());
    let minute = Some(ClientBuilder::DEFAULT_TIMEOUT);
    Group::new(KEY, "A request over loopback", bare("ureq, a static header", SAME, None, server))
        .with(bare("ureq, a static header, again (A/A)", SAME, None, server))
        .with(bare("ureq, a static header; a new token in each response", FRESH, None, server))
        .with(bare("ureq, a static header and a timeout", SAME, minute, server))
        .with(
            client("waldo-ureq, the token unchanged", SAME, 0, (None, None), server)
                .instructions(Times(1.08))
                .allocations(More(0.0)),
        )
        .with(
            client("waldo-ureq, a new token in each response", FRESH, 1, (None, None), server)
                .instructions(Times(1.22))
                .allocations(More(1.0)),
        )
        .with(client(
            "waldo-ureq over an agent with ureq's defaults, the token unchanged",
            SAME,
            0,
            (agent(), None),
            server,
        ))
        .with(client(
            "waldo-ureq with its default timeout, the token unchanged",
            SAME,
            0,
            (None, minute),
            server,
        ))
}

fn bare(name: &str, path: &str, timeout: Option<Duration>, server: &Server) -> Contender {
    let agent = Agent::new_with_config(subject::settings().timeout_global(timeout).build());
    let mut token = HeaderValue::try_from(format!("Bearer {}", server::token())).unwrap();
    token.set_sensitive(true);
    let url = format!("{}{path}", server.origin());
    Contender::repeating(name, move || {
        let (agent, url, token) = (agent.clone(), url.clone(), token.clone());
        move || read(agent.get(&url).header(AUTHORIZATION, token.clone()).call().unwrap())
    })
}

/// A client, with the number of new tokens that each response brings.
fn client(
    name: &str,
    path: &'static str,
    fresh: usize,
    (agent, timeout): (Option<Agent>, Option<Duration>),
    server: &Server,
) -> Contender {
    let client = subject::client(server.origin(), &server::token(), agent, timeout);
    Contender::new(name, move |operations| {
        let generations = subject::generations(&client) + (fresh * operations) as u64;
        Calls { client: client.clone(), path, operations, generations }
    })
}

struct Calls {
    client: Client,
    path: &'static str,
    operations: usize,
    /// The number of tokens that the client must have held at the end.
    generations: u64,
}

impl Batch for Calls {
    fn perform(&mut self) {
        for _ in 0..self.operations {
            read(self.client.get(self.path).call().unwrap());
        }
    }

    fn check(&self) {
        assert_eq!(
            subject::generations(&self.client),
            self.generations,
            "the client must hold each fresh token once"
        );
    }
}

fn read(mut response: Response<Body>) {
    assert_eq!(response.status(), StatusCode::OK);
    black_box(response.body_mut().read_to_vec().unwrap());
}
