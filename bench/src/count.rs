//! The costs that do not depend on the machine's speed: instructions and allocations.

use std::io;

use crate::allocations::Allocations;
use crate::callgrind;
use crate::contender::Contender;
use crate::group::Group;
use crate::limit::{Limit, Limits};

/// The counts of one operation of one contender.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// The contender's name.
    pub contender: String,
    /// The instructions; `None` if valgrind is missing.
    pub instructions: Option<f64>,
    /// The allocations of the thread that performs the operation.
    pub allocations: Allocations,
}

impl Count {
    /// Counts all contenders of a group.
    ///
    /// # Errors
    /// A run under valgrind fails.
    pub fn all(group: &Group, with_instructions: bool) -> io::Result<Vec<Self>> {
        group
            .contenders()
            .iter()
            .map(|contender| Self::of(group, contender, with_instructions))
            .collect()
    }

    fn of(group: &Group, contender: &Contender, with_instructions: bool) -> io::Result<Self> {
        Ok(Self {
            contender: contender.name().to_owned(),
            instructions: with_instructions
                .then(|| callgrind::count(group, contender))
                .transpose()?,
            allocations: Allocations::of(contender, callgrind::operations(group)),
        })
    }
}

/// The exceeded limits of a group, one sentence for each. Empty if all limits hold.
///
/// A group without a limit is reported too, because it could never fail.
pub fn breaches(group: &Group, counts: &[Count]) -> Vec<String> {
    let is_limited = |contender: &Contender| contender.limits() != Limits::default();
    if !group.contenders().iter().any(is_limited) {
        return vec![format!("{}: no contender has a limit", group.key())];
    }
    let Some(reference) = counts.first() else {
        return vec![format!("{}: nothing is counted", group.key())];
    };
    let judge = |contender: &Contender,
                 what: &str,
                 limit: Option<Limit>,
                 counted: f64,
                 reference: f64| {
        let limit = limit.filter(|limit| !limit.holds(counted, reference))?;
        let (key, name, most) = (group.key(), contender.name(), limit.most(reference));
        Some(format!(
            "{key}, {name}: {counted:.2} {what} an operation, but at most {most:.2} are allowed ({limit})"
        ))
    };
    let mut breaches = Vec::new();
    for (contender, count) in group.contenders().iter().zip(counts) {
        let limits = contender.limits();
        let (own, least) = (count.allocations.count, reference.allocations.count);
        breaches.extend(judge(contender, "allocations", limits.allocations, own, least));
        if let (Some(own), Some(least)) = (count.instructions, reference.instructions) {
            breaches.extend(judge(contender, "instructions", limits.instructions, own, least));
        }
    }
    breaches
}
