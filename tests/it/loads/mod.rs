//! Loads of real balancers, read by the real configuration and told by a real node.

mod balancers;
mod deciders;
mod distant;
mod nodes;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::lab::Process;
use crate::lab::balancer;
use crate::lab::balancer::Balancer;
use crate::lab::balancer::STUB_STATUS;
use crate::lab::until;
use crate::needs;
use crate::running::DEADLINE;
use crate::running::free_port;

/// NGINX with `stub_status`, and before it HAProxy with its statistics and its metrics; each at
/// ports of its own on loopback.
struct Balancers {
    nginx: Option<Process>,
    haproxy: Option<Process>,
    folder: tempfile::TempDir,
    /// Of NGINX, of HAProxy's frontend, of its statistics.
    ports: [u16; 3],
}

impl Balancers {
    /// Both of them, once they answer; `None`, with a message, where one is missing.
    fn start() -> Option<Self> {
        if !needs::has_programs(&[("nginx", "-v"), ("haproxy", "-v")]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let ports = [free_port(), free_port(), free_port()];
        let mut balancers = Self { nginx: None, haproxy: None, folder, ports };
        balancers.start_nginx();
        balancers.start_haproxy();
        Some(balancers)
    }

    fn start_nginx(&mut self) {
        let [nginx, ..] = self.ports;
        let http = format!(
            "access_log off;\nserver {{\nlisten 127.0.0.1:{nginx};\n{STUB_STATUS}\
             location / {{ return 200 ok; }}\n}}\n"
        );
        self.nginx = Some(Balancer::nginx(&http).start(self.folder.path(), Command::new));
        self.wait(nginx);
    }

    fn start_haproxy(&mut self) {
        let [nginx, www, stats] = self.ports;
        let text = format!(
            "{TIMEOUTS}frontend www\n  bind 127.0.0.1:{www}\n  default_backend web\n\
             backend web\n  server nginx 127.0.0.1:{nginx}\n{}",
            balancer::statistics(&format!("127.0.0.1:{stats}"))
        );
        self.haproxy = Some(Balancer::haproxy(&text).start(self.folder.path(), Command::new));
        self.wait(stats);
    }

    fn wait(&self, port: u16) {
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        until(&format!("{at} listens"), || TcpStream::connect(at).is_ok());
    }

    /// Where its clients come in.
    fn www(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[1]))
    }

    /// A region's `load` of these, by their ports.
    fn sources(&self, text: &str) -> String {
        let [nginx, _, stats] = self.ports.map(|port| port.to_string());
        text.replace("{nginx}", &nginx).replace("{stats}", &stats)
    }
}

/// Sends a request and returns the whole answer.
fn ask(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect_timeout(&at, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Tells the API loads; returns its answer.
pub(crate) fn push(api: SocketAddr, token: &str, body: &str) -> String {
    let length = body.len();
    ask(
        api,
        &format!(
            "POST /api/v1/load HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

fn get(at: SocketAddr, path: &str) -> String {
    ask(at, &format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"))
}

/// Clients that are connected and say nothing yet.
fn idlers(at: SocketAddr, n: usize) -> Vec<TcpStream> {
    (0..n).map(|_| TcpStream::connect_timeout(&at, DEADLINE).unwrap()).collect()
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

const TIMEOUTS: &str = "
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
";
