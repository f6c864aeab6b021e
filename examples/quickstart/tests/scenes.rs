//! The program plays its six scenes to the end.

#[cfg(test)]
mod tests {
    use std::process::Command;

    #[test]
    fn program_plays_six_scenes() {
        let output = Command::new(env!("CARGO_BIN_EXE_quickstart")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let counts: Vec<_> =
            text.lines().filter_map(|line| line.trim_start().strip_prefix("server  ")).collect();
        assert_eq!(
            counts,
            [
                "logins: 1, calls: 1, answered with 401: 0",
                "logins: 0, calls: 5, answered with 401: 0",
                "logins: 1, calls: 32, answered with 401: 0",
                "logins: 1, calls: 2, answered with 401: 1",
                "logins: 1, calls: 0, answered with 401: 0",
                "logins: 1, calls: 1, answered with 401: 0",
            ]
        );
    }
}
