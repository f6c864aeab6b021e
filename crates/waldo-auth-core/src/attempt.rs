//! One sending of a call's request.

use std::hash::{Hash, Hasher};

use crate::call::Call;
use crate::generation::Generation;
use crate::time::{Instant, Now};
use crate::upload::Upload;

/// A request that carries the token and is on its way: [`conclude`](crate::Session::conclude) it with the head of its
/// response, or drop it when there is none.
///
/// Only [`Session::admit`](crate::Session::admit) makes it, and only when it has put the token on a
/// request. An attempt names its token by the generation and shares nothing with the session, so any
/// number of attempts costs the session nothing.
#[derive(Debug)]
#[must_use = "conclude the attempt when its response has come"]
pub struct Attempt {
    pub(crate) call: Call,
    /// Which session admitted it.
    pub(crate) session: usize,
    /// Which token it carries.
    pub(crate) generation: u64,
    /// Which login that token descends from.
    pub(crate) epoch: u64,
    pub(crate) sent: Now,
    /// The body is still whole, so that even a one-shot call can be sent again.
    pub(crate) untouched: bool,
    pub(crate) upload: Upload,
}

impl Attempt {
    /// Says that this attempt did not touch the body of its one-shot call, which can therefore be sent again after all.
    ///
    /// That is so when the server refused the head of a request with `Expect: 100-continue`. It holds for this attempt alone.
    pub fn with_untouched_body(self) -> Self {
        Self { untouched: true, ..self }
    }

    /// How to send the body, if it is an upload (rule 24).
    pub fn upload(&self) -> Upload {
        self.upload
    }

    /// The deadline of its call, which the sending had better keep too.
    pub fn deadline(&self) -> Option<Instant> {
        self.call.deadline()
    }

    /// The token that was sent, for [`Session::invalidate`](crate::Session::invalidate).
    pub fn generation(&self) -> Generation {
        Generation { session: self.session, number: self.generation }
    }
}

/// What tells it from the other attempts of its session.
impl Hash for Attempt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { call, session: _, generation, epoch, sent, untouched, upload } = self;
        (call, generation, epoch, sent, untouched, upload).hash(state);
    }
}
