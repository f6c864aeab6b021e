//! Real Redis servers for tests: each test starts its own, which ends with the test.
//!
//! ```
//! use waldo_redis_server::{Options, Server};
//!
//! // Without the program, the test is skipped, and says so.
//! let Some(server) = Server::start(Options::default()) else { return };
//! assert_eq!(server.command(&["PING"]), r#"simple-string("PONG")"#);
//! ```

#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test fails by a panic, in its helpers too"
)]

mod certificate;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::IntoConnectionInfo;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use waldo_test_driver::program::{find, missing};

pub use certificate::Certificate;

/// What a server is like. The default server has no password and no TLS.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The password of the default user.
    pub password: Option<&'static str>,
    /// Whether the port speaks TLS. The Unix socket never does.
    pub tls: bool,
    /// More lines of the configuration, such as `maxmemory 1mb`.
    pub config: Vec<&'static str>,
}

/// A server on loopback, and on a Unix socket. It ends when the value is dropped, also by a panic.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    program: PathBuf,
    options: Options,
    certificate: Option<Certificate>,
    folder: TempDir,
}

/// The programs of Redis and of Valkey.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

impl Server {
    /// Starts a server. Without a program of Redis or Valkey, or without `openssl` for TLS, it says
    /// on stderr that the test is skipped. If `WALDO_PROGRAMS` is `required`, it fails.
    pub fn start(options: Options) -> Option<Self> {
        let Some(program) = PROGRAMS.into_iter().find_map(find) else {
            return missing("redis-server");
        };
        if options.tls && find("openssl").is_none() {
            return missing("openssl");
        }
        let folder = tempfile::tempdir().unwrap();
        let certificate = options.tls.then(|| Certificate::make(folder.path()));
        let port = free_port();
        let child = spawn(&program, port, &options, certificate.as_ref(), folder.path());
        let mut server = Self { child, port, program, options, certificate, folder };
        server.wait(free_port);
        Some(server)
    }

    /// The URL of the server's port, with the password of the default user.
    pub fn url(&self) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        let password = self.options.password.map(|password| format!(":{password}@"));
        format!("{scheme}://{}127.0.0.1:{}", password.unwrap_or_default(), self.port)
    }

    /// The URL of the server's port, with another login, such as `user:password`.
    pub fn url_of(&self, login: &str) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        format!("{scheme}://{login}@127.0.0.1:{}", self.port)
    }

    /// The URL of the server's Unix socket, with the password of the default user.
    pub fn unix_url(&self) -> String {
        let password = self.options.password.map(|password| format!("?pass={password}"));
        format!("redis+unix://{}{}", self.socket().display(), password.unwrap_or_default())
    }

    /// The certificate of a server with TLS, which has signed itself.
    ///
    /// # Panics
    /// The server has no TLS.
    pub fn certificate(&self) -> &Certificate {
        self.certificate.as_ref().expect("a server without TLS has no certificate")
    }

    /// The answer to a command, as `redis::Value` formats it.
    pub fn command(&self, words: &[&str]) -> String {
        self.try_command(words).unwrap()
    }

    fn try_command(&self, words: &[&str]) -> redis::RedisResult<String> {
        let client = redis::Client::open(self.unix_url().into_connection_info()?)?;
        let mut connection = client.get_connection()?;
        let mut command = redis::Cmd::new();
        command.arg(words);
        Ok(format!("{:?}", command.query::<redis::Value>(&mut connection)?))
    }

    /// Kills the server. It forgets everything.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts a killed server again, at the same address.
    pub fn restart(&mut self) {
        self.child = self.spawn();
        let port = self.port;
        self.wait(|| port);
    }

    /// Stops the server: its connections stay open, and it answers nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a stopped server go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn socket(&self) -> PathBuf {
        socket_in(self.folder.path())
    }

    fn spawn(&self) -> Child {
        let folder = self.folder.path();
        spawn(&self.program, self.port, &self.options, self.certificate.as_ref(), folder)
    }

    /// Waits until the server answers. If it ends, because another program has taken the port, it
    /// is started on the next port.
    fn wait(&mut self, next_port: impl Fn() -> u16) {
        let given_up = Instant::now() + START;
        while self.try_command(&["PING"]).is_err() {
            assert!(Instant::now() < given_up, "{} does not start", self.program.display());
            if self.child.try_wait().unwrap().is_some() {
                self.port = next_port();
                self.child = self.spawn();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that is free now. A server of Redis cannot choose one by itself.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("socket")
}

fn spawn(
    program: &Path,
    port: u16,
    options: &Options,
    certificate: Option<&Certificate>,
    folder: &Path,
) -> Child {
    let mut config = format!(
        "bind 127.0.0.1\nunixsocket {}\ndir {}\nsave \"\"\nappendonly no\n",
        socket_in(folder).display(),
        folder.display()
    );
    if let Some(Certificate { certificate, key }) = certificate {
        let (certificate, key) = (certificate.display(), key.display());
        write!(
            config,
            "port 0\ntls-port {port}\ntls-cert-file {certificate}\ntls-key-file {key}\n\
             tls-ca-cert-file {certificate}\n"
        )
        .unwrap();
    } else {
        writeln!(config, "port {port}").unwrap();
    }
    if let Some(password) = options.password {
        writeln!(config, "requirepass {password}").unwrap();
    }
    for line in &options.config {
        writeln!(config, "{line}").unwrap();
    }
    // From its standard input, so that the password stands in no file and in no list of processes.
    let mut child = Command::new(program)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
    child
}
