//! What the shell takes from the standard library where it ships.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{LockResult, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use shuttle::rand::Rng;
use shuttle::thread;

use crate::clock::{self, Wait};

thread_local! {
    static BELL: Cell<Bell> = const { Cell::new(Bell::Sound) };
}

/// How the bell that ends waits behaves: as it must, or as a shell with a mistake in it would make it seem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bell {
    /// It wakes all who listen, and whoever waits listens before the lock is free.
    Sound,
    /// It also wakes without a reason, as the standard library's may.
    Skittish,
    /// Nobody rings it.
    Silent,
    /// It wakes one of those who listen.
    ForOne,
    /// The lock is free a moment before whoever waits listens.
    Late,
}

/// Chooses the bell of the next scene.
pub(crate) fn hang(bell: Bell) {
    BELL.set(bell);
}

#[derive(Debug)]
pub(crate) struct Condvar;

#[expect(clippy::unused_self, reason = "the shape is the standard library's")]
impl Condvar {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn notify_all(&self) {
        match BELL.get() {
            Bell::Sound | Bell::Skittish | Bell::Late => clock::ring_for_all(),
            Bell::ForOne => clock::ring_for_one(),
            Bell::Silent => {}
        }
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        span: Duration,
    ) -> LockResult<MutexGuard<'a, T>> {
        let mutex = guard.mutex;
        let listen = || Wait::begin(span, true);
        let wait = if BELL.get() == Bell::Late {
            drop(guard);
            thread::yield_now();
            listen()
        } else {
            let wait = listen();
            drop(guard);
            wait
        };
        if BELL.get() == Bell::Skittish && shuttle::rand::thread_rng().gen_bool(0.25) {
            wait.give_up();
        } else {
            wait.end();
        }
        mutex.lock()
    }
}

/// shuttle's lock, with guards that know it.
#[derive(Debug)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let locked = self.0.lock();
        clock::tick();
        match locked {
            Ok(inner) => Ok(MutexGuard { inner, mutex: self }),
            Err(poisoned) => Err(PoisonError::new(MutexGuard { inner: poisoned.into_inner(), mutex: self })),
        }
    }
}

pub(crate) struct MutexGuard<'a, T> {
    inner: shuttle::sync::MutexGuard<'a, T>,
    mutex: &'a Mutex<T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

#[derive(Debug)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(clock::elapsed())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        clock::elapsed().saturating_sub(self.0)
    }
}

pub(crate) struct SystemTime;

impl SystemTime {
    pub(crate) fn now() -> std::time::SystemTime {
        UNIX_EPOCH + clock::elapsed()
    }
}
