//! Many tasks that need a token at the same time: the number of logins, and the requests that wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::sleep;
use waldo_bench::{Distribution, Table};

use crate::azure::Azure;
use crate::login::Logins;
use crate::peer::{KINDS, Kind, Peer};
use crate::runtime::RUNTIME;

const TASKS: usize = 64;

/// The time that a login takes.
const LOGIN: Duration = Duration::from_millis(20);

/// The time for which a client uses a token.
const LIFE: Duration = Duration::from_secs(1);

/// The time for which a client is in use. It is longer than `LIVES` lifetimes, including the first.
const USE: Duration = Duration::from_millis(2500);
const LIVES: usize = 2;

/// The pause of a task between two requests.
const PAUSE: Duration = Duration::from_millis(5);

/// A request that takes longer has waited for a login.
const TIMEOUT: Duration = Duration::from_millis(15);

/// The results of every peer in `starts` cold starts, and in use while its tokens end.
pub(crate) fn table(starts: usize) -> Table {
    let columns = [
        "client",
        "cold: logins, min–max",
        "cold: ms, median",
        "in use: logins",
        "needed",
        "requests",
        "waited",
        "ms, longest",
    ];
    let note = format!(
        "A login takes {LOGIN:?}. {starts} cold starts, where 1 login is needed; \
         then {USE:?} of use, a token being used for {LIFE:?}."
    );
    let title = format!("D. {TASKS} tasks need a token at one moment");
    KINDS
        .iter()
        .fold(Table::new(title, note, &columns), |table, kind| table.row(RUNTIME.block_on(row(kind, starts))))
}

async fn row(kind: &Kind, starts: usize) -> [String; 8] {
    let (mut logins, mut took) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        let (made, millis) = cold(kind).await;
        logins.push(made);
        took.push(millis);
    }
    let (made, waits) = in_use(kind).await;
    let waited = waits.iter().filter(|wait| **wait > TIMEOUT).count();
    [
        kind.name.to_owned(),
        format!("{}–{}", logins.iter().min().unwrap(), logins.iter().max().unwrap()),
        format!("{:.0}", Distribution::new(took).median()),
        made.to_string(),
        LIVES.to_string(),
        waits.len().to_string(),
        waited.to_string(),
        format!("{:.0}", millis(waits.into_iter().max().unwrap())),
    ]
}

/// All tasks call a client without a token. Returns the logins, and the milliseconds until all
/// tasks have a token.
async fn cold(kind: &Kind) -> (usize, f64) {
    let logins = logins(kind);
    let client = (kind.begin)(Arc::clone(&logins));
    let began = Instant::now();
    together(|| {
        let client = Arc::clone(&client);
        async move { client.authorize().await }
    })
    .await;
    (logins.made(), millis(began.elapsed()))
}

/// All tasks make requests while several tokens end. Returns the logins after the first, and the
/// time of each request.
async fn in_use(kind: &Kind) -> (usize, Vec<Duration>) {
    let logins = logins(kind);
    let client = (kind.begin)(Arc::clone(&logins));
    client.authorize().await;
    let ends = Instant::now() + USE;
    let waits = together(|| {
        let client = Arc::clone(&client);
        async move {
            let mut waits = Vec::new();
            while Instant::now() < ends {
                let began = Instant::now();
                client.authorize().await;
                waits.push(began.elapsed());
                sleep(PAUSE).await;
            }
            waits
        }
    })
    .await;
    (logins.made() - 1, waits.concat())
}

/// The server refuses the token of many requests in flight, and each request is sent again. Returns
/// a sentence with the number of logins after the first.
pub(crate) fn storm() -> String {
    let logins = Arc::new(Logins::new(LOGIN, Duration::from_hours(1)));
    RUNTIME.block_on(async {
        let azure = Arc::new(Azure::revoked(Arc::clone(&logins)).await);
        together(|| {
            let azure = Arc::clone(&azure);
            async move { azure.authorize().await }
        })
        .await;
    });
    let made = logins.made() - 1;
    format!("401 storm: {TASKS} requests of azure_core make {made} logins, where 1 is needed.")
}

/// Starts all tasks at the same time, and waits for them.
async fn together<T: Send + 'static, F: Future<Output = T> + Send + 'static>(task: impl Fn() -> F) -> Vec<T> {
    let (start, mut tasks) = (Arc::new(Barrier::new(TASKS)), JoinSet::new());
    for _ in 0..TASKS {
        let (start, task) = (Arc::clone(&start), task());
        tasks.spawn(async move {
            start.wait().await;
            task.await
        });
    }
    tasks.join_all().await
}

/// Logins whose lifetimes include the leeway, so that every kind of client uses a token for the
/// same time.
fn logins(kind: &Kind) -> Arc<Logins> {
    Arc::new(Logins::new(LOGIN, kind.leeway + LIFE))
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
