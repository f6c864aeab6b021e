//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::exit::Exit;

/// The end of `waldo --help`.
fn appendix() -> String {
    format!(
        "\
Examples:
  waldo login
  waldo request '/customer?field=id'
  waldo request POST /onboard firstName=Ada lastName=Lovelace
  curl -H @<(waldo token --format header) 'https://api.waldo.ai/customer?field=id'

A setting comes from its option, or else from its environment variable, or else from the profile.
The key pair never comes from the command line, because other users can see that:
  WALDO_API_KEY, WALDO_CLIENT_SECRET             the key pair
  WALDO_API_KEY_FILE, WALDO_CLIENT_SECRET_FILE   the files that hold it
  CREDENTIALS_DIRECTORY                          the folder in which systemd passes it
  WALDO_PROFILE, WALDO_ORIGIN, WALDO_STORE, WALDO_TIMEOUT
                                                 like the options of the same names
  NO_COLOR                                       no colours

{}",
        Exit::table()
    )
}

/// The end of `waldo emulate --help`: an example, and the end of the emulator's own help.
#[cfg(feature = "emulate")]
fn emulate_appendix() -> String {
    let emulator = <waldo_emulator::Options as clap::CommandFactory>::command();
    let appendix = emulator.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    format!("Example:\n  waldo emulate --listen 127.0.0.1:0 --lifetime 10s\n\n{appendix}")
}

/// Calls the Waldo API, and gives its token to other programs.
///
/// The program logs in by itself, and keeps its token in a store. So a thousand runs make one
/// login.
#[derive(Debug, Parser)]
#[command(name = "waldo", version, max_term_width = 100, after_long_help = appendix())]
#[command(
    after_help = "waldo --help shows examples, the environment variables and the exit codes."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Debug)]
pub(crate) struct Global {
    /// The profile that has the other settings [default: default]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Settings")]
    pub(crate) profile: Option<String>,

    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    #[arg(help = "Where the API is [default: https://api.waldo.ai]")]
    pub(crate) origin: Option<String>,

    #[arg(long, global = true, value_name = "STORE", help_heading = "Settings")]
    #[arg(help = "Where the token is kept: file, none, a directory or redis://… [default: file]")]
    pub(crate) store: Option<OsString>,

    /// The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    #[arg(help_heading = "Settings")]
    pub(crate) timeout: Option<Duration>,

    /// Print JSON, with a schema number
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,

    /// Show what the client does, on stderr; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make one call of the API
    Request(RequestOptions),
    /// Print a valid token for another program
    Token(TokenOptions),
    /// Check a key pair by a login, and keep it in the profile
    Login(LoginOptions),
    /// Forget the key pair of the profile, and its token
    #[command(after_help = "Example:\n  waldo logout --profile sandbox")]
    Logout,
    /// Say where each setting comes from, and what the next call would do
    #[command(after_help = "\
Examples:
  waldo status
  waldo status --json --offline

The command never logs in. Without --offline, it asks the store.")]
    Status {
        /// Make no request, not even to a store on another machine
        #[arg(long)]
        offline: bool,
    },
    /// Show what is in a token from stdin, without its signature
    #[command(after_help = "\
Example:
  waldo token | waldo inspect

The command never sends the token.")]
    Inspect,
    /// Run a server that answers like the API, for tests
    #[cfg(feature = "emulate")]
    #[command(after_long_help = emulate_appendix())]
    Emulate(Box<waldo_emulator::Options>),
    /// Print the completions of a shell
    #[command(after_help = "\
Examples:
  waldo completions bash > ~/.local/share/bash-completion/completions/waldo
  waldo completions zsh > \"${fpath[1]}/_waldo\"
  waldo completions fish > ~/.config/fish/completions/waldo.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a man page
    #[command(after_help = "\
Examples:
  waldo man | man -l -
  waldo man request > waldo-request.1")]
    Man {
        /// The command, such as request; without it, the page of waldo
        command: Option<String>,
    },
}

#[derive(Args, Debug)]
#[command(override_usage = "waldo request [OPTIONS] [METHOD] PATH [PART]...")]
#[command(after_help = "\
Examples:
  waldo request '/customer?field=id'
  waldo request /customer --query field=id --query 'name=Ada Lovelace'
  waldo request POST /onboard firstName=Ada consent:=true
  waldo request POST /onboard @customer.json
  jq .customer all.json | waldo request POST /onboard -
  waldo request POST /document type=passport document@passport.pdf
  waldo request DELETE /customer/42 --dry-run

The body goes to stdout, and everything else to stderr. The token goes to the API's origin only, and
no redirect is followed. A file is read again if the call has to be sent again; stdin cannot be.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct RequestOptions {
    /// The method: GET, POST, PUT, PATCH, DELETE or HEAD. Default: POST if there is a body, or GET.
    /// Then the path, such as /customer. Then the parts:
    ///   name=text      a field of the JSON body, or of the form
    ///   name:=json     a field of the JSON body whose value is no text, such as age:=36
    ///   name==text     a pair of the query, like --query
    ///   name@file      a file of a multipart form
    ///   @file          the body itself
    ///   -, @-          the body itself, from stdin
    #[arg(value_name = "METHOD PATH PART", required = true, num_args = 1.., verbatim_doc_comment)]
    #[arg(value_hint = clap::ValueHint::Other)]
    pub(crate) words: Vec<OsString>,

    /// A pair of the query; may be given again
    #[arg(long, value_name = "NAME=TEXT")]
    pub(crate) query: Vec<String>,

    /// A header, or @FILE with a header in each line, or @- for stdin; may be given again
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,

    /// Send the fields as a multipart form, even without a file
    #[arg(long)]
    pub(crate) form: bool,

    /// Write the body to this file if the call succeeds; - is stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Show the status and the headers of the answer
    #[arg(short, long)]
    pub(crate) include: bool,

    /// Print JSON as it comes, even to a terminal
    #[arg(long)]
    pub(crate) raw: bool,

    /// Show what would be sent, without secrets, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Show how long the call took
    #[arg(long)]
    pub(crate) time: bool,

    /// Wait once if the API asks to wait (429, 503, or no login for now), and send the call again
    #[arg(long)]
    pub(crate) retry_after: bool,
}

impl RequestOptions {
    /// The file of `--output`; `None` if the body goes to stdout.
    pub(crate) fn output_file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| path.as_os_str() != "-")
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  curl -H @<(waldo token --format header) 'https://api.waldo.ai/customer?field=id'
  waldo token --json
  kubectl config set-credentials waldo --exec-api-version=client.authentication.k8s.io/v1 \\
      --exec-command=waldo --exec-arg=token --exec-arg=--format=exec-credential

Do not write the token on a command line, because other users can see that.")]
pub(crate) struct TokenOptions {
    /// How the token is printed
    #[arg(long, value_enum, default_value = "raw")]
    pub(crate) format: TokenFormat,

    /// Print the token to a terminal too
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenFormat {
    /// The token alone
    Raw,
    /// The header Authorization, for curl -H @FILE
    Header,
    /// JSON, with the time at which the token expires; --json does the same
    Json,
    /// A credential of Kubernetes, for its exec plugins
    ExecCredential,
    /// The response of a credential helper, for Bazel; reads JSON with a uri from stdin
    CredentialHelper,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  waldo login
  waldo login --profile sandbox --storage keyring
  printf '%s\\n' \"$KEY\" \"$SECRET\" | waldo login --secret-stdin --storage file")]
pub(crate) struct LoginOptions {
    /// Without a terminal: read two lines from stdin, the API key and the client secret
    #[arg(long)]
    pub(crate) secret_stdin: bool,

    /// Where the key pair is kept
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) storage: Storage,

    /// Keep the key pair without a login
    #[arg(long)]
    pub(crate) no_verify: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Storage {
    /// The keyring; if none answers, the profiles file if you say yes
    Auto,
    /// The keyring of this user: the Secret Service, the keychain or the Credential Manager
    Keyring,
    /// The profiles file, in plain text, which only this user may read
    File,
    /// Nowhere; the token of the login goes to the store
    None,
}

/// Reads a duration such as 30s.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("write it like 30s, 1500ms or 5m: {error}"))
}
