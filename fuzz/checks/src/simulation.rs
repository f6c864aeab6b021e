use waldo_auth_core::Session;
use waldo_simulation::Plan;
use waldo_simulation::machine::Machine;

/// The number of steps after which a run ends.
const STEPS: u64 = 200;

/// The bytes are choices: the behaviour of the server, the network and the clocks, and the order of
/// calls. No run violates an invariant.
pub fn simulation(bytes: &[u8]) {
    simulation_of::<Session>(bytes);
}

/// The same check for any machine.
pub fn simulation_of<M: Machine>(bytes: &[u8]) {
    if let Err(failure) = waldo_simulation::bytes::<M>(&Plan::Drawn { steps: STEPS }, bytes) {
        panic!("{failure}");
    }
}
