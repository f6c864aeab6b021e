//! Shortens a failing run.

/// The largest number of runs for shortening.
const TRIES: u32 = 4000;

/// The shortest list of choices that was found and still fails. If a list fails, `fails` returns
/// the length of its transcript.
///
/// It removes pieces, large pieces first, and makes numbers smaller, until nothing helps any more.
pub(crate) fn shorten(taken: Vec<u32>, fails: impl Fn(&[u32]) -> Option<usize>) -> Vec<u32> {
    let mut best = taken;
    let Some(mut length) = fails(&best) else { return best };
    let mut tries = TRIES;
    let mut better = true;
    while better && tries > 0 {
        better = false;
        let mut size = best.len();
        while size > 0 {
            let mut at = 0;
            while at + size <= best.len() && tries > 0 {
                let mut shorter = best.clone();
                shorter.drain(at..at + size);
                tries -= 1;
                match fails(&shorter) {
                    Some(new) if new <= length => (best, length, better) = (shorter, new, true),
                    Some(_) | None => at += size.div_ceil(2),
                }
            }
            size /= 2;
        }
        for at in 0..best.len() {
            for smaller in 0..best.get(at).copied().unwrap_or(0) {
                let mut simpler = best.clone();
                if let Some(picked) = simpler.get_mut(at) {
                    *picked = smaller;
                }
                tries = tries.saturating_sub(1);
                if tries == 0 {
                    return best;
                }
                if let Some(new) = fails(&simpler).filter(|new| *new <= length) {
                    (best, length, better) = (simpler, new, true);
                    break;
                }
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortening_removes_choices_and_makes_them_small() {
        let noisy: Vec<u32> = (0..500).map(|n| n % 7).chain([9, 9]).collect();
        let fails = |list: &[u32]| {
            let big = list.iter().filter(|picked| **picked >= 4).count();
            (big >= 2).then_some(list.len())
        };
        assert_eq!(shorten(noisy, fails), [4, 4]);
    }

    #[test]
    fn a_run_that_passes_is_not_shortened() {
        assert_eq!(shorten(vec![1, 2, 3], |_| None), [1, 2, 3]);
    }
}
