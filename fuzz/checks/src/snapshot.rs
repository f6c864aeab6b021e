use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use waldo_auth_core::{Call, NotResumed, Now, Origin, Snapshot};

use crate::client::{held, now, send, session, warm};
use crate::response::with_tokens;

/// The bytes are the content of a store, with tokens as in a response. They give a snapshot or
/// an error. A snapshot is written as it was read, and calls carry the token of a resumed snapshot.
pub fn snapshot(bytes: &[u8]) {
    snapshot_of(bytes, bytes);
}

/// The same check for a client that reads other bytes than the store holds.
pub fn snapshot_of(stored: &[u8], read: &[u8]) {
    let Ok(snapshot) = Snapshot::from_json(&with_tokens(read)) else { return };
    let written = snapshot.to_json();
    assert_eq!(Snapshot::from_json(written.as_bytes()).as_ref(), Ok(&snapshot), "{written}");
    let stored: Value = serde_json::from_slice(&with_tokens(stored)).unwrap();
    let token = stored.get("token").and_then(Value::as_str).unwrap();
    let origin = stored.get("origin").and_then(Value::as_str).unwrap().parse::<Origin>().unwrap();
    // Leave out the origin, because a host may be equal to the token by chance.
    let shown = format!("{snapshot:?}").replace(&format!("{origin:?}"), "");
    assert!(!shown.contains(token), "{shown}");

    let mut cold = session();
    if cold.resume(&snapshot, now()).is_ok() {
        assert_eq!(send(&mut cold, Call::replayable()).1, token);
        assert_eq!(cold.resume(&snapshot, now()), Err(NotResumed::HeldLastsLonger));
        let again = cold.snapshot(now()).unwrap();
        assert_eq!(session().resume(&again, now()), Ok(()));
        if let Some(generation) = cold.generation() {
            cold.invalidate(generation, now());
        }
        assert_eq!(cold.resume(&snapshot, now()), Err(NotResumed::Refused));
    }
    let (mut warm, first) = warm();
    let expected = if warm.resume(&snapshot, now()).is_ok() { token } else { &first };
    assert_eq!(held(&warm).as_deref(), Some(expected));
    for wall in [UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX))] {
        // `resume` must not panic for any reading of the clocks.
        let _ = session().resume(&snapshot, Now::new(Duration::MAX, wall));
    }
}
