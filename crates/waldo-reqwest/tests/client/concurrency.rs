//! Many tasks, one session.

use tokio::runtime::Builder;

use crate::site::{TIMEOUT, client, emulator, spawn_calls};

#[test]
fn a_runtime_with_one_thread_is_enough() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let emulator = emulator();
        let client = client(emulator.origin());
        for _ in 0..3 {
            let tasks = spawn_calls(16, &client);
            assert_eq!(tokio::time::timeout(TIMEOUT, tasks.join_all()).await.unwrap(), [200; 16]);
            emulator.expire_all();
        }
        let stats = emulator.stats();
        assert_eq!((stats.server.logins(), stats.most_logins_at_once), (3, 1));
    });
}
