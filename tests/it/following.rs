//! `meridian probe --follow` and `--syslog` beside a node that runs, or is away.

use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::UdpSocket;
use std::process::Child;
use std::process::Stdio;

use crate::ground;
use crate::ground::Ground;
use crate::lab;
use crate::program;
use crate::running::Node;
use crate::running::free_port;

const TOKEN: &str = "a-token-that-may-report";

/// A node that may be started, and its API.
fn ground() -> (Ground, u16, String) {
    let (port, api) = (free_port(), format!("127.0.0.1:{}", free_port()));
    let ground = Ground::new(&[("test.zone", ground::ZONE), ("token", TOKEN)]);
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n[control]\nlisten = \"{api}\"\n\
         [control.tokens]\nlog = {{ role = \"report\", file = \"token\" }}\n\
         [zone.test]\nfile = \"test.zone\"\n[region.us]\n[service.www]\nname = \"www.test\"\n\
         [service.www.pool.us]\nendpoints = [\"192.0.2.10\"]\n"
    );
    ground.write("meridian.toml", text);
    (ground, port, api)
}

/// A follower that goes away with this.
struct Follower(Child);

impl Follower {
    fn start(ground: &Ground, words: &str) -> Self {
        let log = File::create(ground.path("follower.log")).unwrap();
        let mut command = program::meridian(ground.folder());
        command.arg("probe").args(words.split(' ')).env("MERIDIAN_TOKEN", TOKEN);
        let follower = Self(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        follower.wait_for(ground, "following");
        follower
    }

    fn wait_for(&self, ground: &Ground, text: &str) {
        let log = || std::fs::read_to_string(ground.path("follower.log")).unwrap();
        lab::until(text, || log().contains(text));
    }

    /// Asks it to stop, and waits for that.
    fn stop(mut self) {
        let pid = i32::try_from(self.0.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself, which is fine.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn append(ground: &Ground, name: &str, text: &str) {
    let file = File::options().create(true).append(true).open(ground.path(name));
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

fn exported(node: &Node) -> String {
    program::run(node.ground.folder(), "latency export").stdout
}

#[test]
fn what_was_logged_while_the_node_was_away_arrives() {
    let (ground, port, api) = ground();
    ground.write("old.log", "192.0.2.1 5000\n");
    let words = format!("--follow old.log --follow new.log --format nginx --region us --to {api}");
    let follower = Follower::start(&ground, &words);
    append(&ground, "new.log", "203.0.113.7 20000 - \"GET /\"\nnonsense\n203.0.113.8 30000\n");
    append(&ground, "old.log", "2001:db8:7::1 90000\nunix: -\n198.51.100.1 40");
    follower.wait_for(&ground, "takes no samples, trying on");
    follower.wait_for(&ground, "passed over lines that can't be read: not of the format lines=1");
    let node = Node::start_in(ground, port);
    lab::until("it arrives", || exported(&node).lines().count() == 3);
    let text = exported(&node);
    assert!(text.contains("\n203.0.113.0/24,us,20"), "{text}");
    assert!(text.contains("\n2001:db8:7::/48,us,89.99"), "{text}");
    follower.wait_for(&node.ground, "takes samples again");
    // What is read last is sent before it ends; half a line is not taken for a whole one.
    append(&node.ground, "old.log", "000\n203.0.114.1 1");
    follower.stop();
    let text = exported(&node);
    assert!(text.contains("\n198.51.100.0/24,us,"), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[test]
fn what_comes_by_syslog_arrives() {
    let (ground, port, api) = ground();
    let node = Node::start_in(ground, port);
    let syslog = format!("127.0.0.1:{}", free_port());
    let words = format!("--syslog udp://{syslog} --format haproxy --region us --to http://{api}/");
    let follower = Follower::start(&node.ground, &words);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for datagram in [
        "<134>1 2026-11-27T05:10:49.037634+00:00 - haproxy 11739 - - 203.0.113.7 20000\n",
        "<134>Nov 27 05:10:49 localhost haproxy[11739]: 198.51.100.7 30000\n",
        "192.0.2.7 40000\n",
    ] {
        socket.send_to(datagram.as_bytes(), &syslog).unwrap();
    }
    follower.stop();
    let text = exported(&node);
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains("\n203.0.113.0/24,us,20"), "{text}");
}

#[test]
fn what_can_not_be_is_said_before_it_starts() {
    let (ground, _, _) = ground();
    for (words, expected) in [
        ("--follow x --format traefik --region us --to h", "Traefik logs no round trip"),
        ("--follow x --format {client} --region us --to h", "expected one `{client}`"),
        ("--follow x --format nginx --region us --to ftp://h", "--to: expected a URL"),
        ("--follow x --format nginx --region us --to h", "no token to report with"),
        ("--follow x --format nginx --region us", "--to <URL>"),
        ("--format nginx --region us --to h", "--follow <FILE>"),
        ("--region us --to h", "--follow <FILE>"),
        ("--syslog tcp://[::1]:514 --format nginx --region us --to h", "udp://127.0.0.1:5140"),
        ("--follow x --nats nats://h --format nginx --region us", "cannot be used with"),
    ] {
        let with_token = if expected.contains("token") { "" } else { " --token-file token" };
        let run = program::run(ground.folder(), &format!("probe {words}{with_token}"));
        assert_eq!(run.code, 2, "{words}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{words}: {}", run.stderr);
    }
}
