//! A network namespace, and processes in it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use rustix::thread::LinkNameSpaceType;
use rustix::thread::move_into_link_name_space;

/// A namespace that goes away with this.
pub(crate) struct Namespace(String);

impl Namespace {
    /// Makes one with nothing but its own loopback; `None` where that isn't permitted.
    pub(crate) fn make(name: &str) -> Option<Self> {
        let mut command = Command::new("ip");
        command.args(["netns", "add", name]).stdout(Stdio::null()).stderr(Stdio::null());
        // Removed also if this fails: it may have come half way.
        let namespace = Self(name.to_owned());
        if !command.status().is_ok_and(|status| status.success()) {
            return None;
        }
        namespace.ip(&["link", "set", "lo", "up"]);
        Some(namespace)
    }

    /// Its name, by which a process can enter it.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Has it pass on packets that are for others.
    pub(crate) fn forward(&self) {
        self.inside(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")).unwrap();
    }

    /// A cable from here to region `number`: 10.N.0.1 here, 10.N.0.10 there.
    pub(crate) fn join(&self, region: &Self, number: usize) {
        let here = format!("region{number}");
        let net = number + 1;
        let words = ["link", "add", &here, "type", "veth", "peer", "name", "uplink"];
        self.ip(&[&words[..], &["netns", &region.0]].concat());
        self.ip(&["address", "add", &format!("10.{net}.0.1/24"), "dev", &here]);
        region.ip(&["address", "add", &format!("10.{net}.0.10/24"), "dev", "uplink"]);
        self.ip(&["link", "set", &here, "up"]);
        region.ip(&["link", "set", "uplink", "up"]);
    }

    /// Makes it a switch with an address of its own, for [`Namespace::plug`].
    pub(crate) fn bridge(&self, bridge: &str, address: &str) {
        self.ip(&["link", "add", bridge, "type", "bridge"]);
        self.ip(&["address", "add", address, "dev", bridge]);
        self.ip(&["link", "set", bridge, "up"]);
    }

    /// A cable from a bridge in here to another namespace, which gets these addresses.
    pub(crate) fn plug(&self, bridge: &str, port: &str, other: &Self, addresses: &[String]) {
        let words = ["link", "add", port, "type", "veth", "peer", "name", "uplink"];
        self.ip(&[&words[..], &["netns", &other.0]].concat());
        self.ip(&["link", "set", port, "master", bridge, "up"]);
        for address in addresses {
            other.ip(&["address", "add", address, "dev", "uplink"]);
        }
        other.ip(&["link", "set", "uplink", "up"]);
    }

    /// The way in, for threads.
    pub(crate) fn door(&self) -> Door {
        Door(File::open(format!("/run/netns/{}", self.0)).unwrap())
    }

    /// Does something in here, on a thread of its own. What it opens stays in here.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let door = self.door();
        let work = || {
            door.enter();
            work()
        };
        std::thread::scope(|scope| scope.spawn(work).join().unwrap())
    }

    /// Runs `ip` on this namespace, which must succeed.
    pub(crate) fn ip(&self, words: &[&str]) {
        let output = Command::new("ip").args(["-n", &self.0]).args(words).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip -n {} {}: {told}", self.0, words.join(" "));
    }

    /// Runs `ip` on this namespace; whether it succeeded.
    pub(crate) fn can(&self, words: &[&str]) -> bool {
        let output = Command::new("ip").args(["-n", &self.0]).args(words).output();
        output.is_ok_and(|output| output.status.success())
    }

    /// Whether nothing runs in here.
    pub(crate) fn is_empty(&self) -> bool {
        let output = Command::new("ip").args(["netns", "pids", &self.0]).output();
        output.is_ok_and(|output| output.stdout.is_empty())
    }

    /// A command that runs in here. Its process is that of the program: `ip` becomes it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A panic while another unwinds would hide that one.
        let mut command = Command::new("ip");
        command.args(["netns", "delete", &self.0]).stdout(Stdio::null()).stderr(Stdio::null());
        drop(command.status());
    }
}

/// The way into a namespace.
pub(crate) struct Door(File);

impl Door {
    /// Moves the calling thread in, for good.
    pub(crate) fn enter(&self) {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }
}

/// A process that ends with this.
pub(crate) struct Process(Child);

impl Process {
    /// Starts one that says nothing.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Starts one whose log goes to the end of a file.
    pub(crate) fn logged(mut command: Command, file: &Path) -> Self {
        let log = File::options().create(true).append(true).open(file).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self(command.spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is fine.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
