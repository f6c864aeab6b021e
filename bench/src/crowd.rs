//! The cost of one call while many calls are in flight.

use std::hint::black_box;
use std::sync::{Arc, Mutex, OnceLock};

use http::{HeaderMap, Request};
use waldo_auth_core::Attempt;

use crate::contender::{Batch, Contender};
use crate::group::Group;
use crate::jwt::mint;
use crate::limit::Limit::{AtMost, Times};
use crate::subject::{self, Core};

/// The numbers of calls in flight.
const IN_FLIGHT: [usize; 3] = [10, 1_000, PLACES];

/// The number of places for attempts. All contenders have the same number of places, so all use the
/// same amount of memory.
const PLACES: usize = 100_000;

const TOKEN: usize = 400;

/// One more call while others are in flight: a call begins, and the oldest call ends.
///
/// The session keeps no list of calls, so their number must not matter.
pub fn group() -> Group {
    let group =
        Group::new("E", "A call from admission to conclusion, others in flight", in_flight(1));
    IN_FLIGHT.into_iter().fold(group, |group, calls| {
        group.with(in_flight(calls).instructions(Times(1.02)).allocations(AtMost(0.0)))
    })
}

fn in_flight(calls: usize) -> Contender {
    let crowd = Arc::new(OnceLock::new());
    Contender::new(format!("{calls} in flight"), move |operations| {
        crowd.get_or_init(|| Mutex::new(Crowd::of(calls)));
        Passing { operations, crowd: Arc::clone(&crowd) }
    })
}

struct Crowd {
    core: Core,
    request: Request<()>,
    response: HeaderMap,
    /// The calls in flight, in the order in which they began.
    places: Vec<Option<Attempt>>,
    oldest: usize,
    newest: usize,
}

impl Crowd {
    fn of(calls: usize) -> Self {
        let core = Core::holding(&mint(TOKEN, 0));
        let request = Request::get(subject::ORIGIN).body(()).unwrap();
        let places = (0..PLACES).map(|_| None).collect();
        let mut crowd =
            Self { core, request, response: HeaderMap::new(), places, oldest: 0, newest: 0 };
        // One call of the crowd is always the new call.
        (1..calls).for_each(|_| crowd.begin());
        crowd
    }

    fn begin(&mut self) {
        let attempt = self.core.attach(&mut self.request);
        *self.places.get_mut(self.newest).unwrap() = Some(attempt);
        self.newest = next(self.newest);
    }

    fn end(&mut self) {
        let attempt = self.places.get_mut(self.oldest).unwrap().take().unwrap();
        self.oldest = next(self.oldest);
        self.core.conclude(attempt, black_box(&self.response));
    }
}

fn next(place: usize) -> usize {
    if place + 1 == PLACES { 0 } else { place + 1 }
}

struct Passing {
    operations: usize,
    /// The crowd, which stays the same in all batches.
    crowd: Arc<OnceLock<Mutex<Crowd>>>,
}

impl Batch for Passing {
    fn perform(&mut self) {
        let mut crowd = self.crowd.get().unwrap().lock().unwrap();
        for _ in 0..self.operations {
            crowd.begin();
            crowd.end();
        }
    }
}
