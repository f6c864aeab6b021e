//! This project's contenders, taken from the groups of the bench.

use waldo_bench::{Contender, Group, attach};

/// The shared session, which reads both clocks.
pub(crate) fn session() -> Contender {
    first(attach::shared(), "a shared session", "")
}

/// The shared session again: the difference of its ratio from 1 is noise.
pub(crate) fn session_again() -> Contender {
    first(attach::shared(), "a shared session", " again (A/A)")
}

/// The core alone, which gets the time as an argument.
pub(crate) fn core() -> Contender {
    first(attach::core(), "waldo-auth-core", "")
}

/// The least possible work.
pub(crate) fn floor() -> Contender {
    first(attach::core(), "floor", "")
}

/// The first contender of a group whose name begins with `prefix`. `suffix` is added to its name.
fn first(group: Group, prefix: &str, suffix: &str) -> Contender {
    let place = group.contenders().iter().position(|contender| contender.name().starts_with(prefix));
    let place = place.unwrap_or_else(|| panic!("no contender of {} begins with {prefix}", group.key()));
    let name = format!("{}{suffix}", group.contenders()[place].name());
    Contender::new(name, move |operations| group.contenders()[place].prepare(operations))
}
