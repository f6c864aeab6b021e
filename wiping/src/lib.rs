//! An allocator that searches each memory block for secrets before it frees the block. It is for
//! tests only.
//!
//! Freed memory keeps its content: it may be allocated again, written to a core dump, or swapped
//! out. So a block that held a secret must be wiped before it is freed. This allocator finds the
//! blocks that were not wiped.

#![expect(unsafe_code, reason = "a global allocator needs unsafe code")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use memchr::memmem;

/// The secrets that must not be in a freed block.
static SECRETS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

/// Whether freed blocks are searched.
static WATCHES: AtomicBool = AtomicBool::new(false);

/// The freed blocks that held a secret.
static FOUND: Mutex<Vec<Unwiped>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether the blocks that this thread frees are not searched.
    static EXEMPT: Cell<bool> = const { Cell::new(false) };
}

/// A block that was freed with a secret in it.
#[derive(Clone, Debug)]
pub struct Unwiped {
    /// The size of the block in bytes.
    pub size: usize,
    /// The backtrace of the thread that freed the block.
    pub place: String,
}

/// The system's allocator, which searches each block for secrets before it frees the block.
#[derive(Debug)]
pub struct Watcher;

// SAFETY: Each method passes its arguments to the system's allocator unchanged. `dealloc` reads the
// block before it frees the block. A block that grows is allocated again and freed, because
// `realloc` has its default implementation.
unsafe impl GlobalAlloc for Watcher {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Initialise all bytes, so that `dealloc` may read all bytes.
        // SAFETY: The caller keeps the contract, which is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if WATCHES.load(Relaxed) && !EXEMPT.get() {
            // SAFETY: The block has this layout, `alloc` has initialised it, and no other code uses
            // it any more.
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
    // Do not search the blocks that the report itself frees.
    EXEMPT.set(true);
    let place = Backtrace::force_capture().to_string();
    found().push(Unwiped { size: block.len(), place });
    EXEMPT.set(false);
}

fn found() -> MutexGuard<'static, Vec<Unwiped>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the secrets to look for. Call this once.
///
/// # Panics
/// If the function is called twice.
pub fn look_for(secrets: impl IntoIterator<Item = Vec<u8>>) {
    assert!(SECRETS.set(secrets.into_iter().collect()).is_ok(), "the secrets are set once");
}

/// Excludes this thread: from now on, the blocks that it frees are not searched.
pub fn exempt_this_thread() {
    EXEMPT.set(true);
}

/// Runs a function. Returns the blocks with a secret that any thread has freed meanwhile.
pub fn watch(run: impl FnOnce()) -> Vec<Unwiped> {
    WATCHES.store(true, Relaxed);
    run();
    WATCHES.store(false, Relaxed);
    std::mem::take(&mut *found())
}
