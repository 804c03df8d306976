//! Loads of real balancers, read by the real configuration and told by a real node.

mod balancers;
mod nodes;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::lab::Process;
use crate::lab::until;
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
        for (program, words) in [("nginx", "-v"), ("haproxy", "-v")] {
            let mut asked = command(program);
            let asked = asked.arg(words).stdout(Stdio::null()).stderr(Stdio::null());
            if asked.status().is_err() {
                println!("`{program}` is missing: nothing was tested; see tests/prerequisites.sh");
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let ports = [free_port(), free_port(), free_port()];
        let mut balancers = Self { nginx: None, haproxy: None, folder, ports };
        balancers.start_nginx();
        balancers.start_haproxy();
        Some(balancers)
    }

    fn start_nginx(&mut self) {
        let file = self.write("nginx.conf", NGINX);
        let mut nginx = command("nginx");
        nginx.arg("-c").arg(file);
        self.nginx = Some(Process::start(nginx));
        self.wait(self.ports[0]);
    }

    fn start_haproxy(&mut self) {
        let file = self.write("haproxy.cfg", HAPROXY);
        let mut haproxy = command("haproxy");
        haproxy.args(["-db", "-f"]).arg(file);
        self.haproxy = Some(Process::start(haproxy));
        self.wait(self.ports[2]);
    }

    fn write(&self, name: &str, text: &str) -> std::path::PathBuf {
        let [nginx, www, stats] = self.ports.map(|port| port.to_string());
        let text = text.replace("{folder}", self.folder.path().to_str().unwrap());
        let text = text.replace("{nginx}", &nginx).replace("{www}", &www);
        let file = self.folder.path().join(name);
        std::fs::write(&file, text.replace("{stats}", &stats)).unwrap();
        file
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

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    // Debian installs servers where only root's PATH looks.
    command.env("PATH", std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin");
    command
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

const NGINX: &str = "
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {
    listen 127.0.0.1:{nginx};
    location = /status { stub_status; }
    location / { return 200 ok; }
  }
}
";

const HAPROXY: &str = "
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend www
  bind 127.0.0.1:{www}
  default_backend web
frontend stats
  bind 127.0.0.1:{stats}
  http-request use-service prometheus-exporter if { path /metrics }
  stats enable
  stats uri /stats
  stats auth meridian:hunter2
backend web
  server nginx 127.0.0.1:{nginx}
";
