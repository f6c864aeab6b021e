//! Certifies stores, which keep the document of a fleet: see [`waldo_store::Store`].
//!
//! [`certify`] is for a [`Store`], and [`certify_async`] for an [`AsyncStore`]. Each one runs all
//! checks, and takes about three seconds.
//!
//! | check | a store that fails it |
//! |---|---|
//! | `absent` | returns a document under a key that was never written, or loses the first one |
//! | `occupied` | replaces a document for a program that has seen none |
//! | `vanished` | writes for a program that has seen a document, where there is none |
//! | `stale` | replaces a document that differs from the one that the program has seen |
//! | `shorter` | keeps a part of the document that was replaced |
//! | `bytes` | changes bytes, for example because it keeps text |
//! | `size` | cannot keep a document of [`MAX_DOCUMENT`] bytes |
//! | `keys` | mixes the documents of two keys up |
//! | `keep` | forgets a document too early |
//! | `long keep` | cannot keep a document for ten years |
//! | `clock` | has a clock that does not count from 1970 |
//! | `ticks` | has a clock that stands still, goes back, or runs at another speed |
//! | `concurrent` | lets two programs replace the same document |
//! | `dropped` | cannot be used after a future was dropped ([`AsyncStore`] only) |
//!
//! The checks use random keys, so the store may hold other documents. They leave their documents
//! in the store, to be kept for a minute.

use std::fmt;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use waldo_store::{AsyncStore, Key, MAX_DOCUMENT, Store, StoreFuture, Stored};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The shortest time for which a check asks the store to keep a document. A store that rounds it
/// down to whole seconds loses the document before [`PAUSE`] is over.
const SHORT: Duration = Duration::from_millis(2900);
const PAUSE: Duration = Duration::from_millis(2200);

/// How many programs replace the same document at once, and how often each one does.
const PROGRAMS: usize = 4;
const ROUNDS: u64 = 10;

/// How often a program tries to replace the same document. Each failed try means that another
/// program has replaced it.
const TRIES: usize = 1000;

/// Runs all checks of a [`Store`]. This takes about three seconds.
///
/// ```
/// use waldo_conformance::store;
/// use waldo_store::MemoryStore;
///
/// let report = store::certify(&MemoryStore::new());
/// assert!(report.is_certified(), "{report}");
/// ```
pub fn certify(store: &(impl Store + ?Sized)) -> Report {
    let store = &Blocking(store);
    let sleep = |span| {
        thread::sleep(span);
        ready(())
    };
    let mut report = finish(one_by_one(store, sleep));
    let key = &random_key();
    let concurrent = finish(begin_count(store, key)).and_then(|()| {
        thread::scope(|scope| {
            let programs = [(); PROGRAMS].map(|()| scope.spawn(|| finish(count(store, key))));
            let panicked = |_| Err("the store panicked".to_owned());
            // Join all threads, also after one has failed: the scope panics for the others.
            let results = programs.map(|program| program.join().unwrap_or_else(panicked));
            results.into_iter().collect::<Result<(), _>>()
        })?;
        finish(end_count(store, key))
    });
    report.note("concurrent", concurrent);
    report
}

/// Runs all checks of an [`AsyncStore`]. This takes about three seconds.
///
/// `sleep` makes a future that ends after the given time, for example `tokio::time::sleep`. The
/// checks poll several operations of the store at once, all in the task of the caller.
///
/// ```
/// use std::time::Duration;
/// use waldo_conformance::store;
/// use waldo_store::MemoryStore;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # runtime.block_on(async {
/// let report = store::certify_async(&MemoryStore::new(), tokio::time::sleep).await;
/// assert!(report.is_certified(), "{report}");
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn certify_async<F: Future>(
    store: &(impl AsyncStore + ?Sized),
    sleep: impl Fn(Duration) -> F,
) -> Report {
    let mut report = one_by_one(store, sleep).await;
    let key = &random_key();
    let concurrent = async {
        begin_count(store, key).await?;
        together([(); PROGRAMS].map(|()| count(store, key))).await?;
        end_count(store, key).await
    };
    report.note("concurrent", concurrent.await);
    report.note("dropped", dropped(store).await);
    report
}

/// The result of the checks. `Display` shows one line for each check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a report that nobody looks at certifies nothing"]
pub struct Report {
    results: Vec<(&'static str, Result<(), String>)>,
}

impl Report {
    /// Whether no check has failed.
    pub fn is_certified(&self) -> bool {
        self.failed().is_empty()
    }

    /// The names of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self.results.iter().filter(|(_, result)| result.is_err());
        failed.map(|(name, _)| *name).collect()
    }

    fn note(&mut self, name: &'static str, result: Result<(), String>) {
        self.results.push((name, result));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, result) in &self.results {
            match result {
                Ok(()) => writeln!(f, "passed   {name}")?,
                Err(what) => writeln!(f, "FAILED   {name}: {what}")?,
            }
        }
        let failed = self.failed().len();
        write!(f, "{} passed, {failed} failed", self.results.len() - failed)
    }
}

/// The checks that need one program only.
async fn one_by_one<F: Future>(
    store: &(impl AsyncStore + ?Sized),
    sleep: impl Fn(Duration) -> F,
) -> Report {
    let mut report = Report { results: Vec::new() };
    report.note("absent", absent(store).await);
    report.note("occupied", occupied(store).await);
    report.note("vanished", vanished(store).await);
    report.note("stale", stale(store).await);
    report.note("shorter", shorter(store).await);
    report.note("bytes", bytes(store).await);
    report.note("size", size(store).await);
    report.note("keys", keys(store).await);
    report.note("long keep", long_keep(store).await);
    report.note("clock", clock(store).await);
    // Two checks share one pause.
    let (began, kept) = (Instant::now(), begin_keep(store).await);
    let (before, paused) = (read(store, &random_key()).await, Instant::now());
    sleep(PAUSE).await;
    let (after, ended) = (read(store, &random_key()).await, Instant::now());
    let kept = match kept {
        Ok(keys) => end_keep(store, &keys, began).await,
        Err(error) => Err(error),
    };
    report.note("keep", kept);
    report.note("ticks", before.and_then(|before| ticks(before.now, after?.now, ended - paused)));
    report
}

async fn absent(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let key = random_key();
    expect_document(store, &key, None, "under a key that was never written").await?;
    expect_replacement(store, &key, None, b"one", MINUTE).await?;
    expect_document(store, &key, Some(b"one"), "after the first replacement").await
}

async fn occupied(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let key = written(store, b"one").await?;
    expect_refusal(store, &key, None, "and the program has seen none").await?;
    expect_document(store, &key, Some(b"one"), "after a replacement that was refused").await
}

async fn vanished(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let key = random_key();
    expect_refusal(store, &key, Some(b"one"), "which it does not have any more").await
}

async fn stale(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let document = [&[b'a'; 500][..], b"z"].concat();
    let key = written(store, &document).await?;
    let last_byte = [&[b'a'; 500][..], b"y"].concat();
    let longer = [&document[..], b" "].concat();
    let stale: [(&[u8], &str); 4] = [
        (&last_byte, "and its last byte differs from the one that the program has seen"),
        (&document.to_ascii_uppercase(), "and the program has seen the same letters in upper case"),
        (&longer, "and the program has seen the same with a space at its end"),
        (&[b'a'; 500], "and the program has seen the same without its last byte"),
    ];
    for (seen, what) in stale {
        expect_refusal(store, &key, Some(seen), what).await?;
        expect_document(store, &key, Some(&document), "after a replacement that was refused")
            .await?;
    }
    Ok(())
}

async fn shorter(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let key = written(store, b"a long document").await?;
    expect_replacement(store, &key, Some(b"a long document"), b"short", MINUTE).await?;
    expect_document(store, &key, Some(b"short"), "after a replacement by a shorter one").await
}

async fn bytes(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    // A zero byte and a line end stand at both ends, because some stores cut them.
    let document = [b"\0\n", &(0..=u8::MAX).collect::<Vec<_>>()[..], b"\r\n\0"].concat();
    let key = written(store, &document).await?;
    expect_document(store, &key, Some(&document), "of all bytes from 0 to 255").await?;
    expect_replacement(store, &key, Some(&document), b"next", MINUTE).await
}

async fn size(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let document = vec![b's'; MAX_DOCUMENT];
    let key = written(store, &document).await?;
    expect_document(store, &key, Some(&document), "of the largest size").await?;
    expect_replacement(store, &key, Some(&document), b"next", MINUTE).await
}

async fn keys(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let mut hash = random_hash();
    let one = Key::of_hash(hash);
    hash[15] ^= 1;
    let other = Key::of_hash(hash);
    expect_replacement(store, &one, None, b"one", MINUTE).await?;
    if read(store, &other).await?.document.as_deref() == Some(b"one") {
        return Err("the store returned a document under a key whose last digit differs".into());
    }
    expect_replacement(store, &other, None, b"other", MINUTE).await?;
    expect_document(store, &one, Some(b"one"), "after a replacement under another key").await
}

async fn long_keep(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let key = random_key();
    expect_replacement(store, &key, None, b"one", TEN_YEARS).await?;
    expect_document(store, &key, Some(b"one"), "that is to be kept for ten years").await?;
    expect_replacement(store, &key, Some(b"one"), b"two", MINUTE).await
}

/// Writes a document that is to be kept for a short time, and one whose replacement is to be kept
/// for longer.
async fn begin_keep(store: &(impl AsyncStore + ?Sized)) -> Result<[Key; 2], String> {
    let keys = [random_key(), random_key()];
    let [short, prolonged] = &keys;
    expect_replacement(store, short, None, b"one", SHORT).await?;
    expect_replacement(store, prolonged, None, b"one", Duration::from_secs(1)).await?;
    expect_replacement(store, prolonged, Some(b"one"), b"two", MINUTE).await?;
    Ok(keys)
}

async fn end_keep(
    store: &(impl AsyncStore + ?Sized),
    [short, prolonged]: &[Key; 2],
    began: Instant,
) -> Result<(), String> {
    let when = format!("which had to be kept for {SHORT:?}");
    let kept = expect_document(store, short, Some(b"one"), &when).await;
    // On a busy machine, the pause may have been longer, and the store may forget the document.
    if began.elapsed() < SHORT {
        kept?;
    }
    let when = "which had to be kept for a minute, in the place of one for a second";
    expect_document(store, prolonged, Some(b"two"), when).await
}

async fn clock(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let store_now = read(store, &random_key()).await?.now;
    let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if store_now.abs_diff(here) < DAY {
        return Ok(());
    }
    Err(format!(
        "the store's clock says {} s since 1970, and this machine's clock says {} s",
        store_now.as_secs(),
        here.as_secs()
    ))
}

fn ticks(before: Duration, after: Duration, elapsed: Duration) -> Result<(), String> {
    let Some(ticked) = after.checked_sub(before) else {
        return Err(format!("the store's clock went back by {:?}", before.abs_diff(after)));
    };
    let range = elapsed / 4..=elapsed * 2;
    if range.contains(&ticked) {
        return Ok(());
    }
    Err(format!("the store's clock went forward by {ticked:?} in {elapsed:?}"))
}

async fn begin_count(store: &(impl AsyncStore + ?Sized), key: &Key) -> Result<(), String> {
    expect_replacement(store, key, None, &digits(0), MINUTE).await
}

/// Adds one to the document, several times, as one of several programs.
async fn count(store: &(impl AsyncStore + ?Sized), key: &Key) -> Result<(), String> {
    for _ in 0..ROUNDS {
        let mut is_counted = false;
        for _ in 0..TRIES {
            let seen = read(store, key).await?.document;
            let next = digits(number(seen.as_deref())? + 1);
            is_counted = replace(store, key, seen.as_deref(), &next, MINUTE).await?;
            if is_counted {
                break;
            }
        }
        if !is_counted {
            return Err(format!("{TRIES} replacements in a row were refused"));
        }
    }
    Ok(())
}

async fn end_count(store: &(impl AsyncStore + ?Sized), key: &Key) -> Result<(), String> {
    let counted = number(read(store, key).await?.document.as_deref())?;
    let expected = PROGRAMS as u64 * ROUNDS;
    if counted == expected {
        return Ok(());
    }
    Err(format!(
        "{PROGRAMS} programs counted to {expected} at once, and the document has {counted}"
    ))
}

fn digits(number: u64) -> Vec<u8> {
    format!("{number:08}").into_bytes()
}

fn number(document: Option<&[u8]>) -> Result<u64, String> {
    let text = document.and_then(|document| str::from_utf8(document).ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| "the store lost a document".to_owned())
}

/// The client drops a future when its call is cancelled.
async fn dropped(store: &(impl AsyncStore + ?Sized)) -> Result<(), String> {
    let key = written(store, b"one").await?;
    let mut replacing = store.replace(&key, Some(b"one"), b"two", MINUTE);
    poll_fn(|context| {
        drop(replacing.as_mut().poll(context));
        Poll::Ready(())
    })
    .await;
    drop(replacing);
    let seen = read(store, &key).await?.document;
    if ![Some(&b"one"[..]), Some(b"two")].contains(&seen.as_deref()) {
        let seen = shown(seen.as_deref());
        return Err(format!("after a dropped replacement, the store holds {seen}"));
    }
    // The replacement may still be on its way, so the document may change once more.
    if replace(store, &key, seen.as_deref(), b"three", MINUTE).await? {
        return Ok(());
    }
    expect_replacement(store, &key, Some(b"two"), b"three", MINUTE).await
}

/// Writes a document under a new key.
async fn written(store: &(impl AsyncStore + ?Sized), document: &[u8]) -> Result<Key, String> {
    let key = random_key();
    expect_replacement(store, &key, None, document, MINUTE).await?;
    Ok(key)
}

async fn expect_replacement(
    store: &(impl AsyncStore + ?Sized),
    key: &Key,
    seen: Option<&[u8]>,
    document: &[u8],
    keep: Duration,
) -> Result<(), String> {
    if replace(store, key, seen, document, keep).await? {
        return Ok(());
    }
    let seen = shown(seen);
    Err(format!("the store did not replace {seen}, which nobody has changed"))
}

async fn expect_refusal(
    store: &(impl AsyncStore + ?Sized),
    key: &Key,
    seen: Option<&[u8]>,
    what: &str,
) -> Result<(), String> {
    if replace(store, key, seen, b"next", MINUTE).await? {
        return Err(format!("the store replaced its document, {what}"));
    }
    Ok(())
}

async fn expect_document(
    store: &(impl AsyncStore + ?Sized),
    key: &Key,
    expected: Option<&[u8]>,
    what: &str,
) -> Result<(), String> {
    let read = read(store, key).await?.document;
    if read.as_deref() == expected {
        return Ok(());
    }
    let (read, expected) = (shown(read.as_deref()), shown(expected));
    Err(format!("the store returned {read} instead of {expected}, {what}"))
}

fn shown(document: Option<&[u8]>) -> String {
    match document {
        None => "no document".to_owned(),
        Some(document) => match str::from_utf8(document) {
            Ok(text) if text.len() < 32 => format!("the document {text:?}"),
            Ok(_) | Err(_) => format!("a document of {} bytes", document.len()),
        },
    }
}

async fn read(store: &(impl AsyncStore + ?Sized), key: &Key) -> Result<Stored, String> {
    store.read(key).await.map_err(|error| format!("the store cannot be read: {error}"))
}

async fn replace(
    store: &(impl AsyncStore + ?Sized),
    key: &Key,
    seen: Option<&[u8]>,
    document: &[u8],
    keep: Duration,
) -> Result<bool, String> {
    let replaced = store.replace(key, seen, document, keep).await;
    replaced.map_err(|error| format!("a replacement failed: {error}"))
}

/// A key that no other program uses.
fn random_key() -> Key {
    Key::of_hash(random_hash())
}

fn random_hash() -> [u8; 16] {
    fastrand::u128(..).to_be_bytes()
}

/// A blocking store whose futures are ready at once.
#[derive(Debug)]
struct Blocking<'s, S: ?Sized>(&'s S);

impl<S: Store + ?Sized> AsyncStore for Blocking<'_, S> {
    fn read<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Stored> {
        Box::pin(async { self.0.read(key) })
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        seen: Option<&'a [u8]>,
        document: &'a [u8],
        keep: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move { self.0.replace(key, seen, document, keep) })
    }
}

/// Runs a future that never waits.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(result) = polled {
            return result;
        }
    }
}

/// Polls all futures at once, until all have ended or one has failed.
async fn together<E>(
    futures: impl IntoIterator<Item = impl Future<Output = Result<(), E>>>,
) -> Result<(), E> {
    let mut running: Vec<Pin<Box<_>>> = futures.into_iter().map(Box::pin).collect();
    poll_fn(|context| {
        let mut failed = None;
        running.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                failed = failed.take().or(result.err());
                false
            }
        });
        match failed {
            Some(error) => Poll::Ready(Err(error)),
            None if running.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}
