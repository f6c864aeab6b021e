//! An allocator that looks into each block before it frees it.
//!
//! Memory that is freed is not gone: it is handed out again, written to a core dump, or swapped out. So what held a
//! secret is wiped first, and this allocator finds what was not. It is for tests only.

#![expect(unsafe_code, reason = "a global allocator cannot be written without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use memchr::memmem;

/// What must not be in a freed block.
static SECRETS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

/// Whether blocks are looked at.
static WATCHES: AtomicBool = AtomicBool::new(false);

/// Which blocks were freed that held a secret.
static FOUND: Mutex<Vec<Unwiped>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether what this thread frees is not looked at.
    static EXEMPT: Cell<bool> = const { Cell::new(false) };
}

/// A block that was freed with a secret in it.
#[derive(Clone, Debug)]
pub struct Unwiped {
    /// Its size in bytes.
    pub size: usize,
    /// The backtrace of the thread that freed it.
    pub place: String,
}

/// The system's allocator, which looks for secrets in what it frees.
#[derive(Debug)]
pub struct Watcher;

// SAFETY: Each method hands its arguments on to the system's allocator as they are. `dealloc` reads the block
// before, which is allocated until then. A block that grows is allocated anew and freed, as is the default.
unsafe impl GlobalAlloc for Watcher {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // All bytes are written to, so that reading them all before the block is freed is sound.
        // SAFETY: The caller keeps the contract, which is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if WATCHES.load(Relaxed) && !EXEMPT.get() {
            // SAFETY: The block is of this layout, is initialised since `alloc`, and is nobody else's any more.
            look(unsafe { std::slice::from_raw_parts(block, layout.size()) });
        }
        // SAFETY: The caller keeps the contract, which is the same.
        unsafe { System.dealloc(block, layout) }
    }
}

fn look(block: &[u8]) {
    let Some(secrets) = SECRETS.get() else { return };
    if secrets.iter().all(|secret| memmem::find(block, secret).is_none()) {
        return;
    }
    // What the report itself frees is not looked at.
    EXEMPT.set(true);
    let place = Backtrace::force_capture().to_string();
    found().push(Unwiped { size: block.len(), place });
    EXEMPT.set(false);
}

fn found() -> MutexGuard<'static, Vec<Unwiped>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says once what to look for.
///
/// # Panics
/// If it is said twice.
pub fn look_for(secrets: impl IntoIterator<Item = Vec<u8>>) {
    assert!(SECRETS.set(secrets.into_iter().collect()).is_ok(), "what to look for is said once");
}

/// What this thread frees from now on is not looked at.
pub fn exempt_this_thread() {
    EXEMPT.set(true);
}

/// Runs something, and tells which blocks were freed meanwhile with a secret in them, by whatever thread.
pub fn watch(run: impl FnOnce()) -> Vec<Unwiped> {
    WATCHES.store(true, Relaxed);
    run();
    WATCHES.store(false, Relaxed);
    std::mem::take(&mut *found())
}
