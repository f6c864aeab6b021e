// The targets of the README's links on this page. If a link has two definitions, the first one
// counts.
//! [`FileStore`]: FileStore
//! [`FileStore::new`]: FileStore::new
//! [`FileStore::for_user`]: FileStore::for_user
#![doc = include_str!("../README.md")]

mod directory;
mod file_store;
mod replacement;
mod trouble;
mod user_directory;

#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

#[cfg(not(any(unix, windows)))]
compile_error!("waldo-store-file needs Unix or Windows");

pub use file_store::FileStore;
