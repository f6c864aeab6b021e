//! A depth-first search over all lists of choices, which visits each state once.

use std::collections::HashMap;

/// A depth-first walk over all choices.
///
/// A run follows `path`, and then takes first options. After the run, the last choice with an
/// option left takes its next option, like the wheels of an odometer. A state whose continuations
/// have all been tried is not entered again: the known number of its schedules is added.
#[derive(Debug, Default)]
pub(crate) struct Odometer {
    path: Vec<Node>,
    /// How many choices this run has made.
    depth: usize,
    /// The state of the next choice.
    at: Option<u64>,
    /// Why this run is cut; `None` if it ends by itself.
    cut: Option<Cut>,
    /// The number of schedules from each state; `None` if the state is on the path of the present
    /// run.
    seen: HashMap<u64, Option<u128>>,
    schedules: u128,
    runs: u64,
}

#[derive(Debug)]
struct Node {
    picked: u32,
    of: u32,
    state: Option<u64>,
    /// The number of schedules by the options that have been tried.
    schedules: u128,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The state has this number of schedules.
    Known(u128),
    /// The run has come back to an earlier state of its own.
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

    /// Whether the next choice is the same as in the last run. The last choice of the path differs.
    pub(super) fn is_retracing(&self) -> bool {
        self.depth + 1 < self.path.len()
    }

    /// Whether the run has come back to an earlier state of its own, so that it could be endless.
    pub(crate) fn has_run_in_a_circle(&self) -> bool {
        matches!(self.cut, Some(Cut::Circle))
    }

    /// Ends a run and moves to the next; false if none is left.
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

    /// The number of all schedules, after the search has ended.
    pub(crate) fn schedules(&self) -> u128 {
        self.schedules
    }

    /// The number of different states with a choice.
    pub(crate) fn states(&self) -> usize {
        self.seen.len()
    }

    /// The number of runs.
    pub(crate) fn runs(&self) -> u64 {
        self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two players who make `steps` steps each, in any order. A state is a pair of counts.
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
    fn schedule_count_is_independent_of_state_merging() {
        // The binomial coefficients 10 over 5 and 12 over 6.
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
    fn run_revisiting_its_own_state_is_a_cycle() {
        let mut odometer = Odometer::default();
        assert!(odometer.is_new(|| 1));
        assert_eq!(odometer.pick(2), 0);
        assert!(!odometer.is_new(|| 1));
        assert!(odometer.has_run_in_a_circle());
    }
}
