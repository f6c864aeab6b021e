//! The commands of `docs/cli.md` and of the crate's README run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use waldo_test_driver::program;

use crate::home::{Home, KEY, SECRET, WALDO};

/// A block of code: its language, and its lines.
struct Block<'a> {
    language: &'a str,
    code: &'a str,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| {
            let (language, code) = block.split_once('\n').unwrap();
            Block { language, code }
        })
        .collect()
}

/// A home with the files that the page names.
fn home() -> Home {
    let home = Home::new();
    for (name, text) in [
        ("customer.json", r#"{"firstName":"Ada"}"#),
        ("all.json", r#"{"customer":{"firstName":"Ada"}}"#),
        ("passport.pdf", "%PDF"),
        ("key", KEY),
        ("secret", SECRET),
        (".git/hooks/empty", ""),
        ("credentials/waldo-api-key", KEY),
        ("credentials/waldo-client-secret", SECRET),
    ] {
        home.write(name, text);
    }
    home
}

/// Programs that a machine may lack, and that a block then cannot run without.
const OPTIONAL: [&str; 8] = ["curl", "jq", "kubectl", "mcs", "mono", "node", "php", "python3"];

/// The program that runs a language, and the program's arguments before the code. `None` if the
/// code is no command.
fn runner(language: &str) -> Option<[&'static str; 2]> {
    match language {
        "sh" | "yaml" | "ini" | "crontab" | "csharp" => Some(["bash", "-euo"]),
        "python" => Some(["python3", "-c"]),
        "js" => Some(["node", "-e"]),
        "php" => Some(["php", "-r"]),
        "text" | "toml" => None,
        other => panic!("{other} is no known language of a block"),
    }
}

/// The lines of the shell in a block: all lines, or those that another program would run.
fn commands(block: &Block<'_>) -> String {
    let after = |start: &str| {
        block.code.lines().filter_map(|line| line.split_once(start)).map(|(_, rest)| rest).collect()
    };
    match block.language {
        "yaml" => after("- run: "),
        "ini" => after("ExecStart="),
        "crontab" => after("*/5 * * * * "),
        "csharp" => format!(
            "cat > program.cs <<'END'\n{}\nEND\n\
             mcs -r:System.Net.Http.dll program.cs\nmono program.exe",
            block.code
        ),
        _ => block.code.to_owned(),
    }
}

/// Runs a block, unless a program is missing. Returns whether it ran.
fn run(home: &Home, block: &Block<'_>) -> bool {
    let code = commands(block);
    let Some(runner) = runner(block.language) else { return false };
    if code.is_empty() {
        return false;
    }
    let words = |code: &str| {
        let words = code.split(|char: char| !char.is_alphanumeric());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut needs = words(&code);
    needs.push(runner[0].to_owned());
    let missing = OPTIONAL
        .into_iter()
        .find(|name| needs.iter().any(|w| w == name) && program::find(name).is_none());
    if let Some(missing) = missing {
        return program::missing::<()>(missing).is_some();
    }
    // A thousand runs of a program without optimization take a minute.
    let code = code.replace("1000", "30").replace("https://api.waldo.ai", &home.emulator.origin());
    let mut command = Command::new(runner[0]);
    command.arg(runner[1]);
    if runner[0] == "bash" {
        command.args(["pipefail", "-c"]);
    }
    let folder = Path::new(WALDO).parent().unwrap().display();
    let path = std::env::var("PATH").unwrap();
    command.arg(&code).env_clear().envs(home.variables()).current_dir(home.path());
    command.env("PATH", format!("{folder}:{path}"));
    if block.language == "ini" {
        command.env_remove("WALDO_API_KEY").env_remove("WALDO_CLIENT_SECRET");
        command.env("CREDENTIALS_DIRECTORY", home.path().join("credentials"));
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{code}\n{stdout}\n{stderr}");
    assert!(!stderr.contains(SECRET), "{code}\n{stderr}");
    if code.contains("logins_granted") {
        assert_eq!(stdout, "1\n", "{code}\n{stderr}");
    }
    true
}

fn page(name: &str) -> Option<String> {
    // A package of the crate alone has no docs.
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).ok()
}

#[test]
fn each_command_of_the_page_runs() {
    let Some(page) = page("../../docs/cli.md") else { return };
    let home = home();
    let blocks = blocks(&page);
    let ran = blocks.iter().filter(|block| run(&home, block)).count();
    let all = blocks.iter().filter(|block| runner(block.language).is_some()).count();
    println!("{ran} of {all} blocks ran");
    assert!(ran >= 8, "only {ran} of {all} blocks ran");
    // Only the servers that the page starts get other logins.
    assert!(home.logins() <= 10, "{}", home.logins());
}

#[test]
fn examples_of_the_help_run() {
    let home = home();
    for command in ["request", "token", "status", "inspect"] {
        let help = home.run(&[command, "--help"]).ok();
        let examples = help.split("\nExample").nth(1).unwrap();
        let lines: Vec<&str> =
            examples.lines().skip(1).take_while(|line| line.starts_with("  ")).collect();
        assert!(!lines.is_empty(), "{help}");
        // The emulator knows one field of a query at a time.
        let code = lines.join("\n").replace(" --query 'name=Ada Lovelace'", "");
        // kubectl would change the settings of the user who runs the test.
        let code = code.split("  kubectl").next().unwrap().to_owned();
        assert!(run(&home, &Block { language: "sh", code: &code }), "{command}");
    }
}

#[test]
fn table_of_exit_codes_is_that_of_the_help() {
    let Some(page) = page("../../docs/cli.md") else { return };
    let help = Home::new().run(&["--help"]).ok();
    for line in help.split("Exit codes:\n").nth(1).unwrap().lines() {
        let Some((code, meaning)) = line.trim().split_once("  ") else { continue };
        if !["3", "4", "5"].contains(&code) {
            let row = format!("| {code} | {meaning} |");
            assert!(page.contains(&row), "{row}");
        }
    }
}
