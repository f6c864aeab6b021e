use waldo_auth_core::Session;
use waldo_test_driver::Plan;
use waldo_test_driver::machine::Machine;

/// How long a run is before everyone must come to an end.
const STEPS: u64 = 200;

/// The bytes are choices: what the server, the network and the clocks do, and who comes when. No
/// invariant is broken by any of them.
pub fn simulation(bytes: &[u8]) {
    simulation_of::<Session>(bytes);
}

/// The same check of any machine.
pub fn simulation_of<M: Machine>(bytes: &[u8]) {
    if let Err(failure) = waldo_test_driver::bytes::<M>(&Plan::Drawn { steps: STEPS }, bytes) {
        panic!("{failure}");
    }
}
