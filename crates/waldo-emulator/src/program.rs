//! The emulator as a program, which runs until a signal ends it.

use std::io::{self, Write};

use crate::emulator::Emulator;
use crate::model::{Server, Target};
use crate::options::Options;

impl Options {
    /// Runs the emulator until ctrl-c or SIGTERM. The first line on stdout says where it listens.
    ///
    /// # Errors
    /// The command line is invalid: then the error holds a [`clap::Error`]. Or the address cannot
    /// be listened on, or stdout cannot be written.
    pub fn run(&self) -> io::Result<()> {
        self.run_with(|emulator| self.print(emulator))
    }

    /// Like [`run`](Self::run), with another first output: the function is called once, as soon as
    /// the emulator takes connections.
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// use clap::Parser;
    /// use waldo_emulator::Options;
    ///
    /// let options = Options::parse_from(["emulator", "--listen", "127.0.0.1:0"]);
    /// let run = || {
    ///     options.run_with(|emulator| writeln!(std::io::stdout(), "{}", emulator.origin()))
    /// };
    /// # drop(run);
    /// ```
    ///
    /// # Errors
    /// As for [`run`](Self::run). An error of the function ends the emulator.
    pub fn run_with(&self, listening: impl FnOnce(&Emulator) -> io::Result<()>) -> io::Result<()> {
        // Catch the signals before the first line is printed, because its reader may send a signal
        // at once.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let end = {
            let _context = runtime.enter();
            End::catch()?
        };
        let server = self.server().map_err(io::Error::other)?;
        let emulator = Emulator::listen(self.listen, server).map_err(|error| {
            let in_use = error.kind() == io::ErrorKind::AddrInUse;
            let hint = if in_use { "; --listen 127.0.0.1:0 takes a free port" } else { "" };
            io::Error::new(error.kind(), format!("cannot listen on {}: {error}{hint}", self.listen))
        })?;
        for host in &self.control_hosts {
            emulator.allow_control_host(host.clone());
        }
        emulator.set_latency(Target::Login, self.login_latency);
        emulator.set_latency(Target::Calls, self.call_latency);

        listening(&emulator)?;
        runtime.block_on(end.come());
        emulator.stop();
        Ok(())
    }

    /// Says where the emulator listens, and how it is used.
    fn print(&self, emulator: &Emulator) -> io::Result<()> {
        let mut stdout = io::stdout();
        writeln!(stdout, "listening on {}", emulator.origin())?;
        if self.by_default() {
            writeln!(stdout, "apiKey {}, clientSecret {}", Server::KEY_ID, Server::KEY_SECRET)?;
        }
        writeln!(stdout, "controls: {}/_emulator/", emulator.origin())?;
        if !emulator.addr().ip().is_loopback() {
            let addr = emulator.addr();
            writeln!(
                stdout,
                "other machines can reach {addr}, without encryption: use test keys only"
            )?;
        }
        stdout.flush()
    }
}

/// The signals that end the program.
struct End {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(not(unix))]
    interrupt: std::pin::Pin<Box<dyn Future<Output = io::Result<()>>>>,
}

impl End {
    #[cfg(unix)]
    fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn come(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
    fn catch() -> io::Result<Self> {
        Ok(Self { interrupt: Box::pin(tokio::signal::ctrl_c()) })
    }

    #[cfg(not(unix))]
    async fn come(self) {
        // If ctrl-c cannot be caught, the system ends the process by itself.
        drop(self.interrupt.await);
    }
}
