//! Attaching a held token to a request, beside the peers.

use waldo_bench::{Group, Timing};

use crate::placement::varied;
use crate::{aws, azure, google, ours};

/// On one thread. Only this group has the core alone, because threads cannot share the core.
pub(crate) fn alone() -> Group {
    group("A3", 1).with(varied(1, ours::core))
}

/// On two threads that share the token.
pub(crate) fn shared() -> Group {
    group("A4", 2)
}

/// The shared session is the reference: a ratio is the time of another contender divided by its
/// time.
fn group(key: &str, threads: usize) -> Group {
    let title = "Attach a held token, beside other clients";
    let others =
        [ours::session_again, ours::floor, aws::contender, google::contender, azure::contender, azure::end];
    others
        .into_iter()
        .map(|make| varied(threads, make))
        .fold(Group::new(key, title, varied(threads, ours::session)), Group::with)
}

/// One sentence: how many times as fast as the peers the shared session is.
pub(crate) fn lead(timings: &[Timing]) -> String {
    let ratio = |name| {
        let timing = timings.iter().find(|timing| timing.contender == name);
        timing.map_or(f64::NAN, |timing| timing.ratio.median())
    };
    let aws = ratio(aws::KIND.name);
    let peers = [
        (aws::KIND.name, aws),
        (google::KIND.name, ratio(google::KIND.name)),
        (azure::KIND.name, ratio(azure::KIND.name) - ratio(azure::END)),
    ];
    let fastest = peers.into_iter().min_by(|(_, left), (_, right)| left.total_cmp(right));
    let (name, fastest) = fastest.unwrap_or_default();
    format!(
        "The shared session is {fastest:.1} times as fast as the fastest peer ({name}), \
         and {aws:.1} times as fast as AWS. From azure_core the end of its pipeline is subtracted."
    )
}
