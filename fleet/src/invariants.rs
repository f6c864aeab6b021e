//! What must hold in the journals of a fleet.
//!
//! The journals of all members are one list in the order of time. Each invariant is a function with
//! one sentence, and a faulty journal in the tests that it catches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::fleet::BOUND;
use crate::line::Entry;

/// The result of an invariant: the entry that breaks it, if one does.
pub type Verdict = Result<(), String>;

/// An invariant: its sentence, and the function that judges a journal.
pub type Invariant = (&'static str, fn(&[Entry]) -> Verdict);

/// What must hold for each member by itself.
pub const OF_MEMBERS: [Invariant; 6] = [
    ("The journal of each member has each number once, from 1.", numbers_have_no_gap),
    ("No member sends a generation after it has dropped the generation.", no_dropped_token_is_sent),
    ("A member resumes a stored token only during a login.", resumed_tokens_follow_a_login),
    ("A member has at most one login under way.", logins_do_not_overlap),
    ("A login ends within its bound.", waits_are_bounded),
    (
        "A member says once that the store is away, and once that it is back.",
        store_events_alternate,
    ),
];

/// What must hold for the members together, if all of them have the same key pair.
pub const OF_FLEETS: [Invariant; 2] = [
    (
        "A member resumes a stored token only after a member was granted one.",
        tokens_come_from_logins,
    ),
    (
        "Between two granted logins, the journals have a cause for the second one.",
        logins_have_causes,
    ),
];

/// Judges the journals of a fleet by all invariants.
///
/// # Panics
/// An invariant is broken.
pub fn check(journal: &[Entry]) {
    judge(journal, &OF_MEMBERS);
    judge(journal, &OF_FLEETS);
}

/// Judges the journals of members by these invariants.
///
/// # Panics
/// An invariant is broken.
pub fn judge(journal: &[Entry], invariants: &[Invariant]) {
    assert!(!journal.is_empty(), "the journals are empty");
    for (sentence, judge) in invariants {
        if let Err(why) = judge(journal) {
            panic!("{sentence}\n{why}");
        }
    }
}

/// The journal of each member, in the order of its numbers.
fn members(journal: &[Entry]) -> impl Iterator<Item = Vec<&Entry>> {
    let mut members: BTreeMap<usize, Vec<&Entry>> = BTreeMap::new();
    for entry in journal {
        members.entry(entry.member).or_default().push(entry);
    }
    members.into_values().map(|mut entries| {
        entries.sort_by_key(|entry| entry.number);
        entries
    })
}

/// The journal of each member has each number once, from 1.
fn numbers_have_no_gap(journal: &[Entry]) -> Verdict {
    for entries in members(journal) {
        for (expected, entry) in (1..).zip(entries) {
            if entry.number != expected {
                return Err(format!("expected entry {expected}: {entry}"));
            }
        }
    }
    Ok(())
}

/// No member sends a generation after it has dropped the generation.
///
/// The members make one call at a time, so the entries of a refused token stand in the order in
/// which the token was sent.
fn no_dropped_token_is_sent(journal: &[Entry]) -> Verdict {
    for entries in members(journal) {
        let mut dropped = BTreeSet::new();
        for entry in entries {
            let generation = entry.number_after("generation");
            match (entry.event.as_str(), generation) {
                ("challenged" | "accepted" | "throttled", Some(sent))
                    if dropped.contains(&sent) =>
                {
                    return Err(format!("it was dropped before: {entry}"));
                }
                ("challenged", Some(sent)) if entry.message.ends_with("it is dropped") => {
                    dropped.insert(sent);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The events that end a login.
const ENDS: [&str; 7] = [
    "login_granted",
    "login_rejected",
    "login_unavailable",
    "login_abandoned",
    "login_failed_elsewhere",
    "lease_expired",
    "resumed",
];

/// A member resumes a stored token only during a login.
fn resumed_tokens_follow_a_login(journal: &[Entry]) -> Verdict {
    for entries in members(journal) {
        let mut is_under_way = false;
        for entry in entries {
            if entry.event == "resumed" && !is_under_way {
                return Err(entry.to_string());
            }
            is_under_way = match entry.event.as_str() {
                "login_started" => true,
                event if ENDS.contains(&event) => false,
                _ => is_under_way,
            };
        }
    }
    Ok(())
}

/// A member has at most one login under way.
fn logins_do_not_overlap(journal: &[Entry]) -> Verdict {
    for entries in members(journal) {
        let mut is_under_way = false;
        for entry in entries {
            match entry.event.as_str() {
                "login_started" if is_under_way => return Err(entry.to_string()),
                "login_started" => is_under_way = true,
                "reset" => is_under_way = false,
                event if ENDS.contains(&event) => is_under_way = false,
                _ => {}
            }
        }
    }
    Ok(())
}

/// A login ends within its bound.
fn waits_are_bounded(journal: &[Entry]) -> Verdict {
    let bound = u64::try_from(BOUND.as_micros()).unwrap_or(u64::MAX);
    for entries in members(journal) {
        let mut started = None;
        for entry in entries {
            match entry.event.as_str() {
                "login_started" => started = Some(entry.at),
                event if ENDS.contains(&event) => {
                    let span = entry.at.saturating_sub(started.take().unwrap_or(entry.at));
                    if span > bound {
                        return Err(format!("after {:?}: {entry}", Duration::from_micros(span)));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A member says once that the store is away, and once that it is back.
fn store_events_alternate(journal: &[Entry]) -> Verdict {
    for entries in members(journal) {
        let mut away: Option<&Entry> = None;
        for entry in entries {
            match (entry.event.as_str(), away) {
                // Another problem is another event.
                ("store_away", Some(before)) if before.message == entry.message => {
                    return Err(format!("it was away before: {entry}"));
                }
                ("store_away", _) => away = Some(entry),
                ("store_back", None) => return Err(format!("it was not away: {entry}")),
                ("store_back", Some(_)) => away = None,
                _ => {}
            }
        }
    }
    Ok(())
}

/// A member resumes a stored token only after a member was granted one.
fn tokens_come_from_logins(journal: &[Entry]) -> Verdict {
    let granted = journal.iter().position(|entry| entry.event == "login_granted");
    let resumed = journal.iter().position(|entry| entry.event == "resumed");
    match (granted, resumed.and_then(|resumed| journal.get(resumed).map(|entry| (resumed, entry))))
    {
        (Some(granted), Some((resumed, _))) if granted < resumed => Ok(()),
        // The leader of the first login may be killed before it notes the answer.
        (_, Some((resumed, entry)))
            if !journal.iter().take(resumed).any(|entry| entry.event == "killed") =>
        {
            Err(entry.to_string())
        }
        _ => Ok(()),
    }
}

/// The events after which a fleet needs another login.
const CAUSES: [&str; 7] = [
    "challenged",
    "doubtful_dropped",
    "invalidated",
    "reset",
    "killed",
    "store_away",
    "store_unreadable",
];

/// Between two granted logins, the journals have a cause for the second one.
///
/// A member that knows that the store is away needs no further cause.
fn logins_have_causes(journal: &[Entry]) -> Verdict {
    let (mut is_held, mut away) = (false, BTreeSet::new());
    for entry in journal {
        match entry.event.as_str() {
            "login_granted" if is_held && !away.contains(&entry.member) => {
                return Err(entry.to_string());
            }
            "login_granted" => is_held = true,
            "store_back" => drop(away.remove(&entry.member)),
            event if CAUSES.contains(&event) => {
                is_held = false;
                if event == "store_away" {
                    away.insert(entry.member);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal in the order of time, one line for each entry: the member, the event, and the
    /// generation or the text of its sentence.
    fn journal(lines: &str) -> Vec<Entry> {
        let mut numbers = BTreeMap::<usize, u64>::new();
        let entry = |(at, line): (u64, &str)| {
            let (member, rest) = line.trim().split_once(' ').unwrap();
            let (event, message) = rest.split_once(' ').unwrap_or((rest, ""));
            let member = member.parse().unwrap();
            let number = numbers.entry(member).or_default();
            *number += 1;
            let (event, message) = (event.to_owned(), message.to_owned());
            Entry { member, at, number: *number, event, message }
        };
        (0..).zip(lines.lines().filter(|line| !line.trim().is_empty())).map(entry).collect()
    }

    fn sound() -> Vec<Entry> {
        journal(
            "0 login_started login 1 started
             1 login_started login 1 started
             1 login_postponed login 1 waits for another program's login
             0 login_granted login 1 granted generation 1, which lasts 1h
             1 resumed a stored token as generation 1, 1h of its lifetime left
             0 accepted the server accepted generation 1
             1 challenged generation 1 was refused: it is dropped
             1 login_started login 2 started
             0 challenged generation 1 was refused: it is dropped
             0 login_started login 2 started
             1 store_away it times out
             1 login_granted login 2 granted generation 2, which lasts 1h
             1 store_back the store can be used again
             0 resumed a stored token as generation 2, 1h of its lifetime left
             1 store_away it times out",
        )
    }

    /// Asserts that the invariant with this sentence, and no other one, finds the journal faulty.
    fn is_caught(faulty: &[Entry], judge: fn(&[Entry]) -> Verdict) {
        assert!(judge(&sound()).is_ok());
        assert!(judge(faulty).is_err(), "{faulty:#?}");
    }

    #[test]
    fn sound_journal_breaks_no_invariant() {
        check(&sound());
    }

    #[test]
    fn missing_entry_is_caught() {
        let mut faulty = sound();
        faulty.remove(3);
        is_caught(&faulty, numbers_have_no_gap);
    }

    #[test]
    fn dropped_token_that_is_sent_is_caught() {
        let faulty = "0 challenged generation 1 was refused: it is dropped
                      0 challenged generation 1 was refused: it was dropped already";
        is_caught(&journal(faulty), no_dropped_token_is_sent);
        let faulty = "0 challenged generation 1 was refused: it is dropped
                      0 accepted the server accepted generation 1";
        is_caught(&journal(faulty), no_dropped_token_is_sent);
    }

    #[test]
    fn resumed_token_without_login_is_caught() {
        let faulty = "0 login_started login 1 started
                      0 login_granted login 1 granted generation 1, which lasts 1h
                      0 resumed a stored token as generation 2";
        is_caught(&journal(faulty), resumed_tokens_follow_a_login);
    }

    #[test]
    fn second_login_at_once_is_caught() {
        let faulty = "0 login_started login 1 started
                      0 login_started login 2 started";
        is_caught(&journal(faulty), logins_do_not_overlap);
    }

    #[test]
    fn long_wait_is_caught() {
        let mut faulty = sound();
        faulty.last_mut().unwrap().at = 0;
        let granted = faulty.iter_mut().find(|entry| entry.event == "login_granted").unwrap();
        granted.at += u64::try_from(BOUND.as_micros()).unwrap() + 1;
        is_caught(&faulty, waits_are_bounded);
    }

    #[test]
    fn repeated_event_of_the_store_is_caught() {
        let faulty = "0 store_away it times out
                      0 store_away it times out";
        is_caught(&journal(faulty), store_events_alternate);
        is_caught(&journal("0 store_back"), store_events_alternate);
    }

    #[test]
    fn token_from_nowhere_is_caught() {
        let faulty = "0 login_started login 1 started
                      0 resumed a stored token as generation 1";
        is_caught(&journal(faulty), tokens_come_from_logins);
    }

    #[test]
    fn second_login_without_cause_is_caught() {
        let faulty = "0 login_granted login 1 granted generation 1, which lasts 1h
                      1 login_granted login 1 granted generation 1, which lasts 1h";
        is_caught(&journal(faulty), logins_have_causes);
        let faulty = "0 store_away it times out
                      0 login_granted login 1 granted generation 1, which lasts 1h
                      1 login_granted login 1 granted generation 1, which lasts 1h";
        is_caught(&journal(faulty), logins_have_causes);
    }
}
