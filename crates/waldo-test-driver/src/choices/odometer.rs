//! Every list of choices, one run after the other, and each state once.

use std::collections::HashMap;

/// A depth-first walk over all choices.
///
/// A run follows `path` and then takes first options. When it has ended, the last choice that has
/// an option left takes it, as the wheels of an odometer turn. A state that all ways on have been
/// tried from is not entered again: what it is known to lead to is counted.
#[derive(Debug, Default)]
pub(crate) struct Odometer {
    path: Vec<Node>,
    /// How many choices this run has made.
    depth: usize,
    /// The state of the next choice.
    at: Option<u64>,
    /// How this run ends, where it is not by itself.
    cut: Option<Cut>,
    /// How many schedules lead on from each state; none yet where a run is still under way there.
    seen: HashMap<u64, Option<u128>>,
    schedules: u128,
    runs: u64,
}

#[derive(Debug)]
struct Node {
    picked: u32,
    of: u32,
    state: Option<u64>,
    /// How many schedules lead on from here by the options tried so far.
    schedules: u128,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The state is known to lead to so many schedules.
    Known(u128),
    /// The run has come back to where it was.
    Circle,
}

impl Odometer {
    pub(super) fn pick(&mut self, of: u32) -> u32 {
        let state = self.at.take();
        if self.depth == self.path.len() {
            self.path.push(Node { picked: 0, of, state, schedules: 0 });
        }
        let picked = self.path.get(self.depth).map_or(0, |node| {
            debug_assert_eq!(node.of, of, "the same choices give the same run");
            node.picked
        });
        self.depth += 1;
        picked
    }

    pub(super) fn is_new(&mut self, state: impl FnOnce() -> u64) -> bool {
        if self.depth < self.path.len() {
            return true;
        }
        let state = state();
        match self.seen.insert(state, None) {
            None => {
                self.at = Some(state);
                true
            }
            Some(known) => {
                self.seen.insert(state, known);
                self.cut = Some(known.map_or(Cut::Circle, Cut::Known));
                false
            }
        }
    }

    /// Whether the next choice is as it was in the last run; the last of the path is the one that
    /// was turned.
    pub(super) fn is_retracing(&self) -> bool {
        self.depth + 1 < self.path.len()
    }

    /// Whether the run has come back to a state of its own: it could go on for ever.
    pub(crate) fn has_run_in_a_circle(&self) -> bool {
        matches!(self.cut, Some(Cut::Circle))
    }

    /// Ends a run and turns to the next; false when there is none.
    pub(super) fn advance(&mut self) -> bool {
        self.runs += 1;
        self.depth = 0;
        let mut schedules = match self.cut.take() {
            Some(Cut::Known(schedules)) => schedules,
            Some(Cut::Circle) | None => 1,
        };
        if let Some(state) = self.at.take() {
            self.seen.insert(state, Some(schedules));
        }
        while let Some(node) = self.path.last_mut() {
            node.schedules = node.schedules.saturating_add(schedules);
            if node.picked + 1 < node.of {
                node.picked += 1;
                return true;
            }
            schedules = node.schedules;
            if let Some(state) = node.state {
                self.seen.insert(state, Some(schedules));
            }
            self.path.pop();
        }
        self.schedules = schedules;
        false
    }

    /// How many schedules there are, once all have been tried.
    pub(crate) fn schedules(&self) -> u128 {
        self.schedules
    }

    /// How many distinct states with a choice there are.
    pub(crate) fn states(&self) -> usize {
        self.seen.len()
    }

    /// How many runs it took.
    pub(crate) fn runs(&self) -> u64 {
        self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two players who make `steps` steps each, in any order: the states are the two counts.
    fn interleave(steps: u64, remember: bool) -> Odometer {
        let mut odometer = Odometer::default();
        loop {
            let mut left = [steps, steps];
            while left != [0, 0] {
                if remember && !odometer.is_new(|| left[0] * 100 + left[1]) {
                    break;
                }
                let open: Vec<usize> = (0..2).filter(|player| left[*player] > 0).collect();
                let picked = odometer.pick(u32::try_from(open.len()).unwrap());
                left[open[picked as usize]] -= 1;
            }
            if !odometer.advance() {
                return odometer;
            }
        }
    }

    #[test]
    fn every_schedule_is_counted_whether_or_not_states_are_remembered() {
        // 10 over 5, 12 over 6.
        for (steps, schedules) in [(5, 252), (6, 924)] {
            let each = interleave(steps, false);
            let merged = interleave(steps, true);
            assert_eq!((each.schedules(), merged.schedules()), (schedules, schedules));
            assert_eq!(u128::from(each.runs()), schedules);
            assert!(merged.runs() < 60, "{}", merged.runs());
            let states = usize::try_from((steps + 1) * (steps + 1) - 1).unwrap();
            assert_eq!(merged.states(), states);
        }
    }

    #[test]
    fn a_run_that_comes_back_to_its_own_state_is_a_circle() {
        let mut odometer = Odometer::default();
        assert!(odometer.is_new(|| 1));
        assert_eq!(odometer.pick(2), 0);
        assert!(!odometer.is_new(|| 1));
        assert!(odometer.has_run_in_a_circle());
    }
}
