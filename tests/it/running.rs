//! The real binary as a node that runs, and queries over real sockets.
//!
//! Nothing here sleeps to wait for something: each wait is for a line of the log or for an
//! answer, and has a deadline. Every process is ended by its own id.

use std::fmt::Write as _;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::program;

/// The time, for a deadline.
#[expect(clippy::disallowed_methods, reason = "processes and sockets live in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Nothing here takes so long on the slowest machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// A node that runs; dropped, it is killed.
pub(crate) struct Node {
    process: Child,
    log: mpsc::Receiver<String>,
    pub(crate) ground: Ground,
    pub(crate) port: u16,
    /// Variables that it is started with, here and again.
    environment: Vec<(String, String)>,
}

impl Node {
    /// Starts one at a free port of 127.0.0.1 and ::1, and waits until it answers.
    pub(crate) fn start() -> Self {
        let ground = Ground::usual();
        let port = free_port();
        ground.write("meridian.toml", configuration(port, ground::USUAL));
        Self::start_in(ground, port)
    }

    /// Starts one that is configured to listen at two addresses.
    pub(crate) fn start_in(ground: Ground, port: u16) -> Self {
        Self::start_with(ground, port, Vec::new())
    }

    /// The same with these variables in its environment.
    pub(crate) fn start_with(
        ground: Ground,
        port: u16,
        environment: Vec<(String, String)>,
    ) -> Self {
        let (process, log) = spawn(&ground, &environment);
        let mut node = Self { process, log, ground, port, environment };
        node.wait_for("listening on udp and tcp");
        node.wait_for("listening on udp and tcp");
        node
    }

    pub(crate) fn v4(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn v6(&self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.port).into()
    }

    /// Starts what a command says, and waits for nothing.
    pub(crate) fn of_command(command: Command, ground: Ground, port: u16) -> Self {
        let (process, log) = logged(command);
        Self { process, log, ground, port, environment: Vec::new() }
    }

    /// The same again, once the process has ended.
    pub(crate) fn again(&mut self, command: Command) {
        (self.process, self.log) = logged(command);
    }

    /// Waits for a line of the log that has this in it; returns all since the last wait.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = now() + DEADLINE;
        let mut seen = String::new();
        loop {
            let left = deadline.saturating_duration_since(now());
            match self.log.recv_timeout(left) {
                Ok(line) => {
                    writeln!(seen, "{line}").unwrap();
                    if line.contains(text) {
                        return seen;
                    }
                }
                Err(_) => panic!("no line with {text:?}; there were:\n{seen}"),
            }
        }
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Kills it without a warning, and starts it again in the same folder.
    pub(crate) fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        (self.process, self.log) = spawn(&self.ground, &self.environment);
        self.wait_for("listening on udp and tcp");
        self.wait_for("listening on udp and tcp");
    }

    /// Waits for its end and returns the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        ended(&mut self.process)
    }

    /// What it logged and nobody waited for, once it has ended.
    pub(crate) fn rest_of_log(&mut self) -> String {
        self.log.iter().collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn configure(&self, text: &str) {
        self.ground.write("meridian.toml", configuration(self.port, text));
    }
}

/// The binary, serving what is in a folder, and the lines of its log.
fn spawn(ground: &Ground, environment: &[(String, String)]) -> (Child, mpsc::Receiver<String>) {
    let mut command = program::meridian(ground.folder());
    command.arg("serve").envs(environment.iter().map(|(name, value)| (name, value)));
    logged(command)
}

/// A process, and the lines of its log.
fn logged(mut command: Command) -> (Child, mpsc::Receiver<String>) {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let log = lines(process.stderr.take().unwrap());
    (process, log)
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself, which is fine.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A port that nobody has, below those that the kernel gives to clients: one of these could
/// take it before the node does. Tests that run beside this one begin at another.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 199 * 100).unwrap();
    loop {
        let port = 11_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 19_900;
        let of = |address: IpAddr| SocketAddr::from((address, port));
        let both = [of(Ipv4Addr::LOCALHOST.into()), of(Ipv6Addr::LOCALHOST.into())];
        let is_free =
            |at: &SocketAddr| UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok();
        if both.iter().all(is_free) {
            return port;
        }
    }
}

pub(crate) fn configuration(port: u16, rest: &str) -> String {
    // Two workers, so that a socket that is shared is tested too.
    let listen =
        format!("[server]\nlisten = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\nworkers = 2");
    rest.replacen("[server]", &listen, 1)
}

fn ended(process: &mut Child) -> Option<i32> {
    let deadline = now() + DEADLINE;
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status.code();
        }
        assert!(now() < deadline, "it does not end");
        thread::yield_now();
    }
}

/// The lines of a pipe, read by a thread so that nobody waits for a full pipe.
fn lines(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any longer: the test is over.
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

pub(crate) fn udp(server: SocketAddr, ask: &Ask) -> Answer {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.send(&ask.octets()).unwrap();
    let mut reply = [0; 4096];
    let length = socket.recv(&mut reply).unwrap_or_else(|error| panic!("{server}: {error}"));
    Answer::read(&reply[..length])
}

pub(crate) fn tcp(server: SocketAddr, ask: &Ask) -> Answer {
    let mut stream = TcpStream::connect_timeout(&server, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let octets = ask.octets();
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, &octets[..]].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).unwrap();
    Answer::read(&reply)
}
