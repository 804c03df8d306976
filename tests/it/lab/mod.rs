//! A laboratory: regions as network namespaces, with real load balancers and web servers.
//!
//! ```text
//!   namespace "meridian"                      namespace of a region
//!   ┌────────────────────┐   veth, 10.N.0/24  ┌──────────────────────────────────────┐
//!   │ meridian, dig      ├────────────────────┤ 10.N.0.10:80  NGINX, HAProxy or none │
//!   │ 10.N.0.1           │                    │   └► 127.0.0.1:8001, :8002  python3  │
//!   └────────────────────┘                    └──────────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - Names are of this process: two runs do not meet. Nothing of it touches the network of the
//!   machine, and no packet leaves the namespaces.
//! - Dropped, also by a panic, it ends every process by its own id and removes its namespaces.
//!
//! # Start with
//!
//! [`Lab::build`].

pub(crate) mod balancer;
mod distant;
mod eavesdropper;
mod fleet;
mod load;
mod namespace;

pub(crate) use distant::Crowd;
pub(crate) use distant::Distant;
pub(crate) use distant::Front;
pub(crate) use eavesdropper::Eavesdropper;
pub(crate) use fleet::Fleet;
pub(crate) use load::Load;
pub(crate) use namespace::Namespace;
pub(crate) use namespace::Process;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::lab::balancer::Balancer;
use crate::needs;
use crate::running::DEADLINE;
use crate::running::now;

/// What stands at the virtual address of a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// HAProxy, which probes its web servers: 503 when none is left.
    HaProxy,
    /// NGINX, which tries its web servers in turn: 502 when none is left.
    Nginx,
    /// A web server itself.
    Plain,
}

impl Kind {
    /// All of them; region `n` of a [`Lab`] has the kind at `n`.
    pub(crate) const ALL: [Self; 3] = [Self::Nginx, Self::HaProxy, Self::Plain];
}

/// The namespaces and all that runs in them.
pub(crate) struct Lab {
    // Processes go first, then what they are in.
    regions: Vec<Site>,
    meridian: Namespace,
    folder: tempfile::TempDir,
}

/// One region.
struct Site {
    kind: Kind,
    webs: Vec<Process>,
    balancer: Option<Process>,
    namespace: Namespace,
    number: usize,
}

impl Lab {
    /// Three regions, one of each [`Kind`], that answer; `None`, with a message, where that
    /// can't be had.
    pub(crate) fn build() -> Option<Self> {
        let programs =
            [("ip", "-V"), ("nginx", "-v"), ("haproxy", "-v"), ("python3", "-V"), ("dig", "-v")];
        let (name, meridian) = first_namespace(&programs)?;
        let mut lab = Self { regions: Vec::new(), meridian, folder: tempfile::tempdir().unwrap() };
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let namespace = Namespace::make(&format!("{name}r{number}")).expect("one more");
            lab.meridian.join(&namespace, number);
            lab.regions.push(Site { kind, webs: Vec::new(), balancer: None, namespace, number });
            lab.start_webs(number);
            lab.start_balancer(number);
        }
        for number in 0..lab.regions.len() {
            lab.wait_for_status(number, Some(200));
        }
        Some(lab)
    }

    /// The files of whatever runs in it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command inside the namespace of Meridian.
    pub(crate) fn beside_meridian(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.meridian.command(program)
    }

    /// The virtual address of a region.
    pub(crate) fn vip(number: usize) -> String {
        format!("10.{}.0.10", number + 1)
    }

    /// Starts the web servers of a region, where they do not run.
    pub(crate) fn start_webs(&mut self, number: usize) {
        let site = &mut self.regions[number];
        let at: &[(&str, u16)] = match site.kind {
            Kind::Plain => &[("0.0.0.0", 80)],
            Kind::HaProxy | Kind::Nginx => &[("127.0.0.1", 8001), ("127.0.0.1", 8002)],
        };
        if site.webs.is_empty() {
            let web = |(host, port): &(&str, u16)| {
                let mut command = site.namespace.command("python3");
                command.args(["-B", "-u", "-c", WEB, host, &port.to_string()]);
                Process::start(command)
            };
            site.webs = at.iter().map(web).collect();
        }
    }

    /// Kills the web servers of a region; its load balancer stays.
    pub(crate) fn kill_webs(&mut self, number: usize) {
        self.regions[number].webs.clear();
    }

    /// Starts the load balancer of a region, where it does not run.
    pub(crate) fn start_balancer(&mut self, number: usize) {
        let site = &mut self.regions[number];
        if site.balancer.is_none()
            && let Some(balancer) = Balancer::of(site.kind)
        {
            let folder = self.folder.path().join(format!("region{number}"));
            let run = |program: &str| site.namespace.command(program);
            site.balancer = Some(balancer.start(&folder, run));
        }
    }

    /// Kills the load balancer of a region; its web servers stay.
    pub(crate) fn kill_balancer(&mut self, number: usize) {
        self.regions[number].balancer = None;
    }

    /// Pulls the plug of a region, or puts it back. Packets are lost, nobody says so.
    pub(crate) fn link(&self, number: usize, up: bool) {
        let state = if up { "up" } else { "down" };
        self.regions[number].namespace.ip(&["link", "set", "uplink", state]);
    }

    /// The status with which a region answers; `None` if it does not.
    pub(crate) fn status(&self, number: usize) -> Option<u16> {
        let url = format!("http://{}/healthz", Self::vip(number));
        let mut command = self.meridian.command("python3");
        let output = command.args(["-B", "-c", FETCH, &url]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    }

    /// Waits until a region answers like this.
    pub(crate) fn wait_for_status(&self, number: usize, wanted: Option<u16>) {
        let kind = self.regions[number].kind;
        until(&format!("{kind:?} answers {wanted:?}"), || self.status(number) == wanted);
    }

    /// The regions, by the names that are theirs in the configuration of a test.
    pub(crate) fn regions(&self) -> impl Iterator<Item = (usize, Kind)> + '_ {
        self.regions.iter().map(|site| (site.number, site.kind))
    }
}

/// A name that nobody else has, and the first namespace, whose name begins with it; `None`, with
/// a message, where a program is missing or namespaces can't be made.
pub(crate) fn first_namespace(programs: &[(&str, &str)]) -> Option<(String, Namespace)> {
    if !needs::has_programs(programs) {
        return None;
    }
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("mdn{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let Some(first) = Namespace::make(&format!("{name}m")) else {
        needs::left_out("network namespaces can't be made (run it as root)");
        return None;
    };
    Some((name, first))
}

/// Waits for something, which must come before the deadline; returns how long it took.
pub(crate) fn until(what: &str, is_so: impl FnMut() -> bool) -> Duration {
    patiently(what, String::new, is_so)
}

/// The same; `told` is what to say if it does not come.
pub(crate) fn patiently(
    what: &str,
    told: impl Fn() -> String,
    is_so: impl FnMut() -> bool,
) -> Duration {
    waited(is_so).unwrap_or_else(|| panic!("it does not happen: {what}\n{}", told()))
}

/// Waits for something; returns how long it took, if it came before the deadline.
fn waited(mut is_so: impl FnMut() -> bool) -> Option<Duration> {
    let begun: Instant = now();
    while !is_so() {
        if begun.elapsed() >= DEADLINE {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(begun.elapsed())
}

/// A web server: 200 to everything.
const WEB: &str = r#"
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"ok\n"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_HEAD = do_OPTIONS = do_GET
    def log_message(self, *_):
        pass
class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    # The class would look up its own name, which takes seconds where nobody answers.
    def server_bind(self):
        import socketserver
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]
Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"#;

/// A client: prints the status.
const FETCH: &str = r#"
import sys, urllib.request, urllib.error
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=1).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError:
    print("none")
"#;
