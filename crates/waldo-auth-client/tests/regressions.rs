//! Tests for public issues about a client and its environment. `docs/dev/regressions.md` lists the
//! issues.

use std::process::Command;

use waldo_auth_client::config_from_env;

/// `openai/openai-python#2927`: an empty variable was used as the base URL. An empty variable
/// counts as not set.
#[test]
fn openai_python_2927_an_empty_origin_is_no_origin() {
    const CHILD: &str = "WALDO_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let config = config_from_env().unwrap().build().unwrap();
        assert_eq!(config.origin().to_string(), "https://api.waldo.ai");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "openai_python_2927_an_empty_origin_is_no_origin"])
        .envs([
            (CHILD, "1"),
            ("WALDO_API_KEY", "k"),
            ("WALDO_CLIENT_SECRET", "s"),
            ("WALDO_ORIGIN", ""),
        ])
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}
