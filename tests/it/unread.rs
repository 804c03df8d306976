//! The real binary where nobody reads what it says, where a disk does not answer, and where addresses
//! are not there yet.

use std::io::PipeReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use meridian::model::RecordType;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::lab::Namespace;
use crate::needs;
use crate::preload;
use crate::program;
use crate::running::DEADLINE;
use crate::running::Node;
use crate::running::configuration;
use crate::running::free_port;
use crate::running::now;

/// How long a node may take to end, whatever nobody reads; a slow machine included.
const END: Duration = Duration::from_secs(9);

/// What a node says that something kept from ending until its deadline.
const LATE: &str = "did not end in time";

/// A process that is killed when this is dropped.
struct Running(Child);

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Waits for its end; the exit code.
    fn ended(&mut self) -> Option<i32> {
        let begin = now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(begin.elapsed() < DEADLINE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Whether a node answers at an address within a moment.
fn answers(at: SocketAddr) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let asked = socket.send_to(&Ask::new("www.test", RecordType::A).octets(), at);
    asked.is_ok() && socket.recv(&mut [0; 512]).is_ok()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = now() + DEADLINE;
    while !is_so() {
        assert!(now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A node whose standard error is a pipe that is full from the start; the reader keeps it open.
fn with_full_log(ground: &Ground) -> (Running, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    // It never gets to the end: it goes when the reader does.
    std::thread::spawn(move || drop(filler.write_all(&[b'x'; 4 << 20])));
    std::thread::sleep(Duration::from_millis(50));
    let mut command = program::meridian(ground.folder());
    command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
    (Running(command.spawn().unwrap()), reader)
}

#[test]
fn a_log_that_nobody_reads_keeps_neither_answers_nor_the_end_waiting() {
    let (ground, port) = (Ground::usual(), free_port());
    ground.write("meridian.toml", configuration(port, ground::USUAL));
    let (mut node, _reader) = with_full_log(&ground);
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    wait_until("it does not answer", || answers(at));
    // Each is drawn to standard error.
    for round in 0..5 {
        ground.write("meridian.toml", format!("mistake {round}"));
        node.signal(Signal::HUP);
        std::thread::sleep(Duration::from_millis(50));
        wait_until("it does not answer any more", || answers(at));
    }
    node.signal(Signal::TERM);
    // With 1 it would have been ended, 10 s later.
    assert_eq!(node.ended(), Some(0));
}

#[test]
fn who_takes_no_answers_does_not_keep_a_node_from_ending() {
    let mut node = Node::start();
    let query = Ask::new("www.test", RecordType::A).octets();
    let length = u16::try_from(query.len()).unwrap().to_be_bytes();
    let queries = [&length[..], &query].concat().repeat(1000);
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(node.v4()).unwrap();
        stream.set_nonblocking(true).unwrap();
        // Until the server reads no more of them.
        let deadline = now() + Duration::from_millis(500);
        while now() < deadline {
            if stream.write(&queries).is_err() {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        held.push(stream);
    }
    node.signal("TERM");
    assert_eq!(node.ended(), Some(0));
    let log = node.rest_of_log();
    assert!(log.contains("stopping") && !log.contains(LATE), "{log}");
}

/// A `statx` that does not return to the first thread while there is the file that the environment
/// names; that it hangs is another file.
const HUNG: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
int statx(int folder, const char *path, int flags, unsigned mask, struct statx *found) {
    int (*next)(int, const char *, int, unsigned, struct statx *) = dlsym(RTLD_NEXT, "statx");
    const char *hung = getenv("HUNG_WHILE");
    while (hung && getpid() == gettid() && !access(hung, F_OK)) {
        char begun[4096];
        snprintf(begun, sizeof begun, "%s.now", hung);
        close(creat(begun, 0600));
        usleep(10000);
    }
    return next(folder, path, flags, mask, found);
}
"#;

/// The thread that all else waits for is stuck; UDP is answered, and who says twice that it is to
/// stop need not wait for the deadline.
#[test]
fn a_disk_that_does_not_answer_keeps_a_node_from_neither_answering_nor_ending() {
    let (ground, port) = (Ground::usual(), free_port());
    ground.write("meridian.toml", configuration(port, ground::USUAL));
    let Some(library) = preload::library(ground.folder(), HUNG) else { return };
    let hung = ground.folder().join("hung");
    let mut command = program::meridian(ground.folder());
    command.arg("serve").env("LD_PRELOAD", library).env("HUNG_WHILE", &hung);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut node = Running(command.spawn().unwrap());
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    wait_until("it does not answer", || answers(at));
    ground.write("hung", "");
    wait_until("it does not look at its files", || ground.folder().join("hung.now").exists());
    assert!(answers(at), "UDP waits for no disk");
    let begin = now();
    let status = loop {
        node.signal(Signal::TERM);
        if let Some(status) = node.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < END, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(1));
}

#[test]
fn more_files_may_be_open_than_the_process_began_with() {
    let (ground, port) = (Ground::usual(), free_port());
    ground.write("meridian.toml", configuration(port, ground::USUAL));
    let start = |limits: &str| {
        let mut command = Command::new("sh");
        let script = format!("ulimit {limits}; exec \"$0\" serve");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_meridian")]).current_dir(ground.folder());
        command.env("NO_COLOR", "1").stdout(Stdio::null()).stderr(Stdio::piped());
        Running(command.spawn().unwrap())
    };
    let mut node = start("-Sn 256");
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    wait_until("it does not answer", || answers(at));
    let allowed = std::fs::read_to_string(format!("/proc/{}/limits", node.0.id())).unwrap();
    let line = allowed.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|nth| line.split_whitespace().nth(nth).unwrap());
    assert!(soft == hard && soft != "256", "{line}");
    node.signal(Signal::TERM);
    node.ended();
    drop(node);

    let mut node = start("-n 600");
    wait_until("it does not answer", || answers(at));
    node.signal(Signal::TERM);
    node.ended();
    let mut log = String::new();
    node.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("600 open files are allowed and "), "{log}");
    assert!(log.contains("set `LimitNOFILE="), "{log}");
}

#[test]
fn the_demo_ends_at_once_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::INT, Signal::TERM] {
        let port = free_port();
        let mut command = program::meridian(folder.path());
        command.args(["demo", "--port", &port.to_string()]).env("TMPDIR", folder.path());
        let log = tempfile::NamedTempFile::new().unwrap();
        command.stdout(Stdio::null()).stderr(log.reopen().unwrap());
        let mut demo = Running(command.spawn().unwrap());
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        wait_until("it does not answer", || answers(at));
        demo.signal(signal);
        assert_eq!(demo.ended(), Some(0));
        let log = std::fs::read_to_string(log.path()).unwrap();
        assert!(log.contains("stopping") && !log.contains(LATE), "{log}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn an_address_that_comes_later_is_listened_on_when_it_comes() {
    let Some(namespace) = Namespace::make(&format!("later{}", std::process::id())) else {
        return needs::left_out("network namespaces need root");
    };
    let ground = Ground::usual();
    let listen = "[server]\nlisten = [\"127.0.0.1:53\", \"10.77.0.50:53\", \"[2001:db8::53]:53\"]";
    let control = "[control]\nlisten = \"10.77.0.50:8053\"\n";
    let text = control.to_owned() + &ground::USUAL.replacen("[server]", listen, 1);
    ground.write("meridian.toml", text);
    let mut command = namespace.command(env!("CARGO_BIN_EXE_meridian"));
    command.arg("serve").current_dir(ground.folder()).env("NO_COLOR", "1");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut node = Running(command.spawn().unwrap());
    let answers = |at: &str| {
        namespace.inside(|| {
            let at: SocketAddr = at.parse().unwrap();
            let ours = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(ours).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let asked = socket.send_to(&Ask::new("www.test", RecordType::A).octets(), at);
            asked.is_ok() && socket.recv(&mut [0; 512]).is_ok()
        })
    };
    wait_until("it does not answer where it can", || answers("127.0.0.1:53"));
    assert!(!answers("10.77.0.50:53"));
    namespace.ip(&["address", "add", "10.77.0.50/32", "dev", "lo"]);
    wait_until("it does not answer at the address that came", || answers("10.77.0.50:53"));
    let connects = || namespace.inside(|| TcpStream::connect("10.77.0.50:8053").is_ok());
    wait_until("the API is not there", connects);
    if namespace.can(&["address", "add", "2001:db8::53/128", "dev", "lo"]) {
        wait_until("it does not answer by IPv6", || answers("[2001:db8::53]:53"));
    }
    node.signal(Signal::TERM);
    assert_eq!(node.ended(), Some(0));
    let mut log = String::new();
    node.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let waits = "failed to listen on udp 10.77.0.50:53: no interface has this address";
    assert_eq!(log.matches(waits).count(), 1, "{log}");
}
