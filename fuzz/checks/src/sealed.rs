use self::world::{Attacker, run};

/// The programs and the attacker of the property tests of `waldo-store`.
#[path = "../../../crates/waldo-store/tests/hostile/world.rs"]
#[expect(dead_code, reason = "one of the scenes is for a test of its own")]
mod world;

/// The bytes are choices of programs that share a store, and of an attacker who owns the store. No
/// program sends a token of somebody else, and no call is lost.
pub fn sealed(bytes: &[u8]) {
    run(bytes, Attacker::Documents);
    run(bytes, Attacker::Clock);
}

/// The same for an attacker who has the client secret, so that the check can fail.
pub fn sealed_with_known_secret(bytes: &[u8]) {
    run(bytes, Attacker::Secret);
}
