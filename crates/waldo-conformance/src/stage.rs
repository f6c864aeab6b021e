//! A scenario on real sockets: an emulator, a client, and a thread for each call.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use http::Request;
use tokio::sync::watch;
use waldo_test_driver::scenario::{
    Bench, CallId, Change, Ending, Need, Observed, Obstacle, Order, Parting, Resumption, Scenario,
    Shift,
};
use waldo_test_driver::server::{Hold, Server};

use crate::adapter::{Adapter, Client, Setup};
use crate::ask::Ask;
use waldo_emulator::Emulator;

/// How long to wait for any event. It is much longer than an event takes, and short enough for a
/// report of failures only.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a cancelled call may take to close its connection.
const PARTING: Duration = Duration::from_secs(1);

/// An emulator, a second emulator that must receive no request, and a client.
pub(super) struct Stage<'a, A: Adapter> {
    adapter: &'a A,
    setup: Setup,
    emulator: Emulator,
    elsewhere: Emulator,
    client: Arc<A::Client>,
    /// Whether a login goes on after its call is cancelled.
    outlives: bool,
    began: Instant,
    stored: Option<String>,
    calls: BTreeMap<CallId, UnderWay>,
    ended: Receiver<(CallId, Ending, Duration)>,
    ends: Sender<(CallId, Ending, Duration)>,
}

/// The calls with one name.
struct UnderWay {
    started: usize,
    cancel: watch::Sender<bool>,
    endings: Vec<(Ending, Duration)>,
}

impl<'a, A: Adapter> Stage<'a, A> {
    pub(super) fn new(adapter: &'a A, scenario: &Scenario) -> Result<Self, Obstacle> {
        let closed =
            |error: std::io::Error| Obstacle::new(format!("no emulator can be started: {error}"));
        let elsewhere = Emulator::start(Server::default()).map_err(closed)?;
        let emulator = Emulator::start(scenario.server(&elsewhere.origin())).map_err(closed)?;
        let setup = Setup {
            origin: emulator.origin(),
            key: scenario.key().clone(),
            settings: scenario.settings().clone(),
        };
        let client = make(adapter, &setup)?;
        emulator.watch();
        let (ends, ended) = mpsc::channel();
        let (began, calls) = (Instant::now(), BTreeMap::new());
        let outlives = scenario.needs().contains(&Need::OutlivingLogins);
        Ok(Self {
            adapter,
            setup,
            emulator,
            elsewhere,
            client,
            outlives,
            began,
            stored: None,
            calls,
            ended,
            ends,
        })
    }

    /// Takes one ended call; false if none ends within `timeout`.
    fn take_ending(&mut self, timeout: Duration) -> bool {
        let Ok((id, ending, at)) = self.ended.recv_timeout(timeout) else { return false };
        if let Some(calls) = self.calls.get_mut(&id) {
            calls.endings.push((ending, at));
        }
        true
    }
}

fn make<A: Adapter>(adapter: &A, setup: &Setup) -> Result<Arc<A::Client>, Obstacle> {
    let made = adapter.client(setup);
    made.map(Arc::new)
        .map_err(|error| Obstacle::new(format!("the adapter made no client: {error}")))
}

impl<A: Adapter> Bench for Stage<'_, A> {
    fn elsewhere(&self) -> String {
        self.elsewhere.origin()
    }

    fn change_server(&mut self, change: &mut dyn FnMut(&mut Server)) {
        self.emulator.with_server(change);
    }

    fn change_client(&mut self, change: &Change) -> Result<(), Obstacle> {
        let lacking = |lacking: crate::Lacking| Obstacle::new(lacking.to_string());
        match change {
            Change::Invalidate => self.client.invalidate().map_err(lacking),
            Change::Reset(pair) => self.client.reset(pair).map_err(lacking),
            Change::Store => {
                self.stored = self.client.store().map_err(lacking)?;
                if self.stored.is_none() {
                    return Err(Obstacle::new("the client holds no token to store"));
                }
                Ok(())
            }
            Change::Resume(expected) => {
                let stored = self.stored.as_deref().unwrap_or_default();
                let seen = if self.client.resume(stored).map_err(lacking)? {
                    Resumption::Resumed
                } else {
                    Resumption::Refused
                };
                match (expected, seen) {
                    (Resumption::Refused, Resumption::Resumed) => Err(Obstacle::new(
                        "the client holds the stored token, which it should refuse",
                    )),
                    (Resumption::Resumed, Resumption::Refused) => Err(Obstacle::new(
                        "the client refuses the stored token, which it should hold",
                    )),
                    (Resumption::Resumed, Resumption::Resumed)
                    | (Resumption::Refused, Resumption::Refused) => Ok(()),
                }
            }
            Change::Restart(pair) => {
                self.setup.key = pair.clone();
                self.client = make(self.adapter, &self.setup)?;
                Ok(())
            }
        }
    }

    fn move_clock(&mut self, _: Shift) -> Result<(), Obstacle> {
        Err(Obstacle::new("the clocks of a real machine are not moved"))
    }

    fn start(&mut self, order: &Order) {
        // Each call of a valid scenario has a URI.
        let Ok(uri) = order.uri(&self.emulator.origin(), &self.elsewhere.origin()) else { return };
        let mut request = Request::new(order.bytes());
        (*request.method_mut(), *request.uri_mut()) = (order.method(), uri);
        request.headers_mut().clone_from(order.headers());
        let (cancel, cancelled) = watch::channel(false);
        let ask = Ask {
            request,
            body: order.body(),
            deadline: order.deadline().map(waldo_test_driver::scenario::Span::duration),
            cancelled,
        };
        let under_way = UnderWay { started: order.times(), cancel, endings: Vec::new() };
        self.calls.insert(order.id().clone(), under_way);
        for _ in 0..order.times() {
            let (client, ask, ends) = (Arc::clone(&self.client), ask.clone(), self.ends.clone());
            let (id, began) = (order.id().clone(), self.began);
            thread::spawn(move || {
                let ending = catch_unwind(AssertUnwindSafe(|| client.send(&ask)));
                let ending =
                    ending.unwrap_or_else(|_| Ending::Other("the client panicked".to_owned()));
                // If the scenario has already ended, the ending has no receiver.
                drop(ends.send((id, ending, began.elapsed())));
            });
        }
    }

    fn finish(&mut self, id: &CallId) -> Result<(), Obstacle> {
        let until = Instant::now() + TIMEOUT;
        loop {
            let under_way = self.calls.get(id);
            if under_way.is_some_and(|calls| calls.endings.len() >= calls.started) {
                return Ok(());
            }
            if !self.take_ending(until.saturating_duration_since(Instant::now())) {
                return Err(Obstacle::new(format!("call {id} did not end within {TIMEOUT:?}")));
            }
        }
    }

    fn cut_off(&mut self, id: &CallId, how: Parting) -> Result<(), Obstacle> {
        match how {
            Parting::Killed => {
                return Err(Obstacle::new("a thread of a real machine is not killed"));
            }
            Parting::Cancelled => {}
        }
        let (held, abandoned) = (self.emulator.stats().held, self.emulator.abandoned());
        if let Some(calls) = self.calls.get(id) {
            calls.cancel.send_replace(true);
        }
        self.finish(id)?;
        // The request must have left the gate before the gate opens. If it has not, the sightings
        // show it.
        let gone = held == 0
            || self.outlives
            || self.emulator.wait_until_abandoned(abandoned + 1, PARTING);
        if gone {
            Ok(())
        } else {
            Err(Obstacle::new("a cancelled call has left its connection open"))
        }
    }

    fn hold(&mut self, hold: &Hold) {
        self.emulator.hold(hold.clone());
    }

    fn release(&mut self, hold: &Hold) {
        self.emulator.take_back(hold);
    }

    fn release_all(&mut self) {
        self.emulator.release_all();
    }

    fn until_held(&mut self, count: usize) -> Result<(), Obstacle> {
        if self.emulator.wait_until_held(count, TIMEOUT) {
            return Ok(());
        }
        let held = self.emulator.stats().held;
        Err(Obstacle::new(format!(
            "{held} requests were held after {TIMEOUT:?}, and {count} should be"
        )))
    }

    fn pass(&mut self, span: Duration) {
        thread::sleep(span);
    }

    fn observe(&mut self) -> Observed {
        while self.take_ending(Duration::ZERO) {}
        let calls = std::mem::take(&mut self.calls);
        Observed {
            endings: calls.into_iter().map(|(id, calls)| (id, calls.endings)).collect(),
            sightings: self.emulator.sightings(),
            elsewhere: usize::try_from(self.elsewhere.stats().server.total()).unwrap_or(usize::MAX),
            logins_at_once: self.emulator.stats().most_logins_at_once,
            objections: Vec::new(),
        }
    }
}
