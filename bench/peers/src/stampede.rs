//! Many tasks that need a token at one moment: how many logins that makes, and who waits for them.

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

/// How long a login takes.
const LOGIN: Duration = Duration::from_millis(20);

/// How long a token is used.
const LIFE: Duration = Duration::from_secs(1);

/// How long a client is in use: beyond the lifetimes of so many tokens, the first one included.
const USE: Duration = Duration::from_millis(2500);
const LIVES: usize = 2;

/// How long a task rests between two requests.
const PAUSE: Duration = Duration::from_millis(5);

/// Who takes longer has waited for a login.
const PATIENCE: Duration = Duration::from_millis(15);

/// What every peer makes of a cold start, so many times, and of being in use while its tokens end.
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
    let waited = waits.iter().filter(|wait| **wait > PATIENCE).count();
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

/// All tasks come to a client that has no token: the logins, and the milliseconds until all have one.
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

/// All tasks make requests while one token after the other ends: the logins after the first, and how long each request took.
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

/// Requests are under way with a token that the server refuses, and each of them is sent again: the logins after the first.
///
/// AWS and Google have no part here, since a 401 does not come to the parts of theirs that keep the token.
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

/// Lets all tasks begin at one moment, and waits for them.
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

/// Logins whose tokens are used for as long by every kind of client, however early it goes for the next one.
fn logins(kind: &Kind) -> Arc<Logins> {
    Arc::new(Logins::new(LOGIN, kind.leeway + LIFE))
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
