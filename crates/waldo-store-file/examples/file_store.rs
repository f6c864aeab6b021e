//! Counts how often this user has run it, by compare-and-swap in a file.
//!
//! ```sh
//! cargo run -p waldo-store-file --example file_store
//! ```

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error;
use std::time::Duration;

use waldo_store::{Key, Store};
use waldo_store_file::FileStore;

fn main() -> Result<(), Box<dyn Error>> {
    // A program of your own takes `FileStore::for_user()?`, or a directory of its own.
    let store = FileStore::new(std::env::temp_dir().join("waldo-example"));
    let key = Key::of_hash([0; 16]);
    loop {
        let seen = store.read(&key)?.document;
        let runs: u64 = match &seen {
            Some(document) => std::str::from_utf8(document)?.parse()?,
            None => 0,
        };
        let document = (runs + 1).to_string();
        // Another program may have counted in between. Then read the document again.
        if store.replace(&key, seen.as_deref(), document.as_bytes(), Duration::from_secs(3600))? {
            println!("run {document}, kept in {}", store.directory().display());
            return Ok(());
        }
    }
}
