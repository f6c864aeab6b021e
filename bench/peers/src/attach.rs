//! Putting a held token on a request, beside the peers.

use waldo_bench::{Group, Timing};

use crate::placement::varied;
use crate::{aws, azure, google, ours};

/// On one thread, where the core alone can have a part.
pub(crate) fn alone() -> Group {
    group("A3", 1).with(varied(1, ours::core))
}

/// On two threads, which share the token.
pub(crate) fn shared() -> Group {
    group("A4", 2)
}

/// Ours is the reference: a ratio says how many times as long the others take.
fn group(key: &str, threads: usize) -> Group {
    let title = "Attach a held token, beside other clients";
    let others =
        [ours::session_again, ours::floor, aws::contender, google::contender, azure::contender, azure::end];
    others
        .into_iter()
        .map(|make| varied(threads, make))
        .fold(Group::new(key, title, varied(threads, ours::session)), Group::with)
}

/// How many times as fast ours is, in one sentence.
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
