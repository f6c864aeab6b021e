//! The body of a login's answer, as an [`http_body::Body`].
//!
//! A server may send an endless body. So the reader bounds the number of bytes, and the number of
//! times that the body makes progress without bytes. Empty frames make such progress, and so does
//! compressed data that decompresses to nothing. The caller must bound the time.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Buf;
use http_body::Body;
use waldo_auth_core::Login;
use zeroize::Zeroizing;

/// How often a body may make progress without bytes.
const MAX_EMPTY: usize = 256;

/// How many frames are read in one poll. Then the other tasks of the thread run.
const FRAMES_PER_TURN: usize = 32;

/// The bytes of a login's answer that have come so far. They are wiped on drop, because a server
/// may echo the key pair.
#[derive(Default)]
pub struct AnswerBody(Zeroizing<Vec<u8>>);

impl AnswerBody {
    /// An empty body.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes that have come so far, for [`Lead::answer`](crate::Lead::answer).
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads `body` until its end, or until it is larger than [`Login::MAX_BODY`]. If this future
    /// is dropped earlier, this value keeps the bytes that have come.
    ///
    /// The future also ends if the body makes progress again and again without bytes.
    ///
    /// # Errors
    /// Returns the error of the body.
    pub async fn read<B: Body>(&mut self, body: B) -> Result<(), B::Error> {
        // Allocate once: a buffer that grows leaves unwiped copies behind.
        self.0.reserve_exact(Login::MAX_BODY.saturating_add(1));
        let (mut body, activity) = (pin!(body), Arc::new(Activity::default()));
        let waker = Waker::from(Arc::clone(&activity));
        let (mut empty, mut frames) = (0, 0_usize);
        poll_fn(|context| {
            let mut moved = activity.since_last(context.waker());
            loop {
                if empty > MAX_EMPTY || self.0.len() > Login::MAX_BODY {
                    return Poll::Ready(Ok(()));
                }
                frames = frames.wrapping_add(1);
                if frames % FRAMES_PER_TURN == 0 {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let frame = match body.as_mut().poll_frame(&mut Context::from_waker(&waker)) {
                    Poll::Ready(Some(frame)) => frame?,
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending => {
                        empty += usize::from(moved);
                        return Poll::Pending;
                    }
                };
                moved = false;
                match frame.into_data() {
                    Ok(data) if data.has_remaining() => self.take(data),
                    Ok(_) | Err(_) => empty += 1,
                }
            }
        })
        .await
    }

    fn take(&mut self, mut data: impl Buf) {
        while data.has_remaining() && self.0.len() <= Login::MAX_BODY {
            let chunk = data.chunk();
            let room = Login::MAX_BODY.saturating_add(1).saturating_sub(self.0.len());
            let taken = chunk.get(..room).unwrap_or(chunk);
            self.0.extend_from_slice(taken);
            let count = taken.len();
            data.advance(count);
        }
    }
}

/// A waker for the body. It shows whether the body has woken the task, or another event has.
#[derive(Default)]
struct Activity {
    moved: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Activity {
    /// Returns whether the body has woken the task since the last call. From now on, the body wakes
    /// `task`.
    fn since_last(&self, task: &Waker) -> bool {
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = known.as_ref().is_none_or(|known| !known.will_wake(task));
        // Drop the waker without the lock, because its drop runs user code.
        let old = if unknown { known.replace(task.clone()) } else { None };
        drop(known);
        drop(old);
        self.moved.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Activity {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.moved.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.iter().for_each(Waker::wake_by_ref);
    }
}

/// Does not show the bytes, because they hold a token.
impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("length", &self.0.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;

    use bytes::Bytes;
    use http_body::Frame;

    use super::*;
    use crate::drop_waker::{drop_waker, ends};

    /// What a body does in one poll.
    enum Does {
        Brings(Frame<Bytes>),
        /// Wakes its task and returns no frame.
        Moves,
        /// Stays pending and never wakes its task.
        Rests,
    }

    struct Played<F: FnMut(usize) -> Option<Does>> {
        polled: usize,
        play: F,
    }

    impl<F: FnMut(usize) -> Option<Does> + Unpin> Body for Played<F> {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let polled = self.polled;
            self.polled += 1;
            match (self.play)(polled) {
                Some(Does::Brings(frame)) => Poll::Ready(Some(Ok(frame))),
                Some(Does::Moves) => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(Does::Rests) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    struct Ended {
        bytes: usize,
        /// How often the body was polled.
        polls: usize,
        /// How often the task was polled.
        turns: usize,
    }

    /// Reads a body in a task that is polled at most this often.
    fn read(turns: usize, mut play: impl FnMut(usize) -> Option<Does> + Unpin) -> Option<Ended> {
        let (mut answer, mut polls) = (AnswerBody::new(), 0);
        let body = Played {
            polled: 0,
            play: |polled| {
                polls = polled + 1;
                play(polled)
            },
        };
        let turn = {
            let mut reading = pin!(answer.read(body));
            let mut context = Context::from_waker(Waker::noop());
            (1..=turns).find(|_| reading.as_mut().poll(&mut context).is_ready())
        };
        turn.map(|turns| Ended { bytes: answer.bytes().len(), polls, turns })
    }

    fn data(length: usize) -> Does {
        Does::Brings(Frame::data(Bytes::from(vec![b'x'; length])))
    }

    #[test]
    fn rule_02_body_is_read_to_limit_plus_one() {
        for length in [1, 1000, Login::MAX_BODY, 1 << 30] {
            let ended = read(1 << 20, |_| Some(data(length.min(1 << 24)))).unwrap();
            assert_eq!(ended.bytes, Login::MAX_BODY + 1, "{length}");
        }
        let mut whole = VecDeque::from([data(10), data(20), Does::Moves, data(30)]);
        let ended = read(100, |_| whole.pop_front()).unwrap();
        assert_eq!(ended.bytes, 60);
    }

    #[test]
    fn rule_02_endless_empty_frames_are_not_read_forever() {
        let trailers = || Does::Brings(Frame::trailers(http::HeaderMap::new()));
        assert!(read(1000, |_| Some(data(0))).unwrap().polls < 1000);
        assert!(read(1000, |_| Some(trailers())).unwrap().polls < 1000);
        // For example, compressed data that decompresses to nothing.
        assert!(read(1000, |_| Some(Does::Moves)).unwrap().polls < 1000);
        let mixed = |polled| Some(if polled % 3 == 0 { data(0) } else { Does::Moves });
        assert!(read(1000, mixed).unwrap().polls < 1000);
    }

    #[test]
    fn rule_02_slow_body_is_awaited_in_busy_task() {
        let ended = read(200_000, |polled| match polled {
            0 | 100_000 => Some(data(7)),
            100_001.. => None,
            _ => Some(Does::Rests),
        });
        assert_eq!(ended.unwrap().bytes, 14);
    }

    #[test]
    fn a_waker_may_wake_in_its_drop() {
        let is_woken = ends(|| {
            let activity = Arc::new(Activity::default());
            let again = Arc::clone(&activity);
            activity.since_last(&drop_waker(move || again.wake_by_ref()));
            // Another waker replaces it.
            activity.since_last(Waker::noop())
        });
        assert!(is_woken);
    }

    #[test]
    fn a_ready_body_lets_other_tasks_run() {
        let ended = read(1 << 20, |_| Some(data(1))).unwrap();
        assert!(ended.turns > Login::MAX_BODY / 64, "{}", ended.turns);
    }

    #[test]
    fn a_buffer_that_does_not_grow_leaves_no_copies() {
        let mut answer = AnswerBody::new();
        let mut count = 0;
        let body = Played {
            polled: 0,
            play: |_| {
                count += 1;
                (count < 50).then(|| data(1000))
            },
        };
        {
            let mut reading = pin!(answer.read(body));
            while reading.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
        }
        assert_eq!(answer.0.capacity(), Login::MAX_BODY + 1);
    }
}
