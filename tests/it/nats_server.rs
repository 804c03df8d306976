//! A real NATS server as a process on loopback, with JetStream in a folder of its own.

use std::io::BufRead;
use std::io::BufReader;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tempfile::TempDir;

/// Ends by its id when dropped.
pub(crate) struct NatsServer {
    process: Option<Child>,
    folder: TempDir,
    port: u16,
}

impl NatsServer {
    /// Starts one with this added to its configuration, and waits until it listens.
    pub(crate) fn start(configuration: &str) -> Self {
        Self::start_at(free_port(), configuration)
    }

    /// The same, at a port.
    pub(crate) fn start_at(port: u16, configuration: &str) -> Self {
        let mut server = Self::prepare(port, configuration);
        server.resume();
        server.wait_until_it_listens();
        server
    }

    /// One that does not run yet.
    pub(crate) fn prepare(port: u16, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self { process: None, folder, port };
        server.configure(configuration);
        server
    }

    /// Replaces what was added to the configuration, from the next start on.
    pub(crate) fn configure(&self, configuration: &str) {
        let store = self.folder.path().join("store");
        let text = format!(
            "host: 127.0.0.1\nport: {}\njetstream {{ store_dir: {:?} }}\n{configuration}\n",
            self.port, store
        );
        std::fs::write(self.file("nats.conf"), text).unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside its configuration; returns the path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.file(name), text).unwrap();
        self.file(name)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it without a warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Forgets what it has on disk; while it does not run.
    pub(crate) fn forget(&self) {
        std::fs::remove_dir_all(self.file("store")).unwrap();
    }

    /// Starts it, again perhaps, without waiting for it.
    pub(crate) fn resume(&mut self) {
        let log = std::fs::File::create(self.file("log")).unwrap();
        // Debian installs servers where only root's PATH looks.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let process = Command::new("nats-server")
            .env("PATH", path)
            .arg("-c")
            .arg(self.file("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let process = process.unwrap_or_else(|error| {
            panic!("`nats-server` can't be run: {error}; see tests/prerequisites.sh")
        });
        self.process = Some(process);
    }

    /// Waits until it greets.
    pub(crate) fn wait_until_it_listens(&self) {
        for _ in 0..3_000 {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
            if let Ok(stream) = TcpStream::connect(address) {
                let mut line = String::new();
                if BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("INFO") {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let log = std::fs::read_to_string(self.file("log")).unwrap_or_default();
        panic!("nats-server does not listen:\n{log}");
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody else is likely to take: below those of connections, above those of the
/// other tests.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 85 * 20).unwrap();
    loop {
        let port = 31_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 1_700;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
