//! The man pages and the completions, which are generated from the command tree.

use std::fs;
use std::path::Path;

use crate::commands::COMMANDS;
use crate::home::Home;

/// Compares a text with its file. With `UPDATE=1`, writes the file.
fn compare(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{file} is old; write it by: UPDATE=1 cargo test -p waldo-cli --test cli generated"
    );
}

#[test]
fn man_pages_are_up_to_date() {
    let home = Home::new();
    compare("man/waldo.1", &home.run(&["man"]).ok());
    for command in COMMANDS {
        compare(&format!("man/waldo-{command}.1"), &home.run(&["man", command]).ok());
    }
    home.run(&["man", "nothing"]).fails(2, &["waldo has no command nothing"]);
}

#[test]
fn completions_are_up_to_date() {
    let home = Home::new();
    for (shell, file) in [
        ("bash", "waldo.bash"),
        ("zsh", "_waldo"),
        ("fish", "waldo.fish"),
        ("powershell", "_waldo.ps1"),
        ("elvish", "waldo.elv"),
    ] {
        compare(&format!("completions/{file}"), &home.run(&["completions", shell]).ok());
    }
}
