//! A day of an operator, by the paths of the installed unit: from the first configuration to a
//! drain, a loss, a wrong file, and a restart with a broken database. Each step's exit code and
//! words.
//!
//! The node is started as the unit starts it, and commands as an operator types them, in a mount
//! namespace where `/etc/meridian` and `/var/lib/meridian` are folders of this test.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;

use meridian::model::RecordType;

use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::needs;
use crate::operating::Site;
use crate::program::Run;
use crate::running::DEADLINE;
use crate::running::Node;
use crate::running::free_port;
use crate::running::now;
use crate::running::udp;
use crate::sources;

/// Puts two folders where the unit has them, and goes on as the command that follows.
const INSTALL: &str = r#"
mount -t tmpfs tmpfs /etc && mkdir /etc/meridian && mount --bind "$1" /etc/meridian &&
mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/meridian && mount --bind "$2" /var/lib/meridian &&
shift 2 && cd / && exec "$@"
"#;

fn configuration(port: u16, api: SocketAddr, site: u16) -> String {
    let mut text = format!(
        r#"
[server]
listen = ["127.0.0.1:{port}"]
[control]
listen = "{api}"
[geoip]
databases = ["geo.mmdb"]
[zone.test]
file = "test.zone"
[region.us]
location = {{ lat = 39.04, lon = -77.49 }}
[region.eu]
location = {{ lat = 53.34, lon = -6.27 }}
[monitor.web]
http = {{ path = "/healthz", port = {site} }}
interval = "200ms"
timeout = "200ms"
[service.www]
name = "www.test"
monitor = "web"
ttl = "1s"
ttl-min = "1s"
"#
    );
    for (region, address) in [("us", "127.77.5.1"), ("eu", "127.77.6.1")] {
        text += &format!("[service.www.pool.{region}]\nendpoints = [\"{address}\"]\n");
    }
    text
}

/// The machine: its `/etc/meridian` and `/var/lib/meridian`.
struct Machine {
    state: tempfile::TempDir,
}

impl Machine {
    /// A command on it. The words after `meridian` are those of an operator, or of the unit.
    fn command(&self, etc: &Path, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", INSTALL, "sh"]);
        command.arg(etc).arg(self.state.path()).arg(env!("CARGO_BIN_EXE_meridian")).args(words);
        command.env_clear().env("PATH", needs::search_path()).env("NO_COLOR", "1");
        command
    }

    /// The node, as the unit starts it.
    fn serve(&self, etc: &Path) -> Command {
        let unit = sources::read("src/manual/systemd/meridian.service");
        let value = |key: &str| {
            let line = unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.strip_prefix('=').unwrap().to_owned()
        };
        let line = value("ExecStart");
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let mut command = self.command(etc, &words);
        // As systemd does for `StateDirectory=`, for the node alone.
        command.env("STATE_DIRECTORY", format!("/var/lib/{}", value("StateDirectory")));
        command
    }

    fn run(&self, etc: &Path, words: &str) -> Run {
        let words: Vec<&str> = words.split(' ').collect();
        Run::of(&self.command(etc, &words).output().unwrap())
    }
}

/// What the operator has, and does.
struct Day {
    machine: Machine,
    node: Node,
    sites: [Site; 2],
    file: String,
}

impl Day {
    /// The first configuration, with the mistake that everybody makes, then without.
    fn begin() -> Self {
        let machine = Machine { state: tempfile::tempdir().unwrap() };
        let (port, site) = (free_port(), free_port());
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let sites = [5, 6].map(|n| Site::new([127, 77, n, 1], site));
        let ground = Ground::new(&[("test.zone", ground::ZONE)]);
        let file = configuration(port, api, site);
        ground.write("meridian.toml", file.replace("monitor = \"web\"", "monitor = \"wep\""));
        let etc = ground.folder();
        let check = machine.run(etc, "check");
        assert_eq!(check.code, 2, "{}", check.shown());
        assert!(check.stdout.contains("unknown-monitor"), "{}", check.shown());
        let serve = Run::of(&machine.serve(etc).output().unwrap());
        assert_eq!(serve.code, 2, "{}", serve.shown());
        assert!(
            serve.stderr.contains("no files of an earlier start are kept"),
            "{}",
            serve.shown()
        );
        ground.write("meridian.toml", &file);
        let check = machine.run(etc, "check");
        assert_eq!(check.code, 0, "{}", check.shown());
        let mut node = Node::of_command(machine.serve(etc), ground, port);
        node.wait_for("listening on udp and tcp");
        Self { machine, node, sites, file }
    }

    /// A command of the operator: its exit code, and words that it says.
    fn types(&self, words: &str, code: i32, said: &[&str]) -> Run {
        let run = self.machine.run(self.node.ground.folder(), words);
        assert_eq!(run.code, code, "`meridian {words}`: {}", run.shown());
        for said in said {
            assert!(
                run.shown().contains(said),
                "`meridian {words}`: no {said:?} in {}",
                run.shown()
            );
        }
        run
    }

    /// Types `status` until it says so, or no longer does.
    fn until_status(&self, said: &str, wanted: bool) {
        let deadline = now() + DEADLINE;
        loop {
            let run = self.types("status", 0, &[]);
            if run.stdout.contains(said) == wanted {
                return;
            }
            assert!(now() < deadline, "{said:?} in the status: not {wanted}: {}", run.shown());
        }
    }

    fn until_answered(&self, wanted: &str) {
        let deadline = now() + DEADLINE;
        loop {
            let ask = Ask::new("www.test", RecordType::A).client([30, 1, 1, 1].into());
            let found = udp(self.node.v4(), &ask).addresses();
            if found.iter().any(|address| address.to_string() == wanted) {
                return;
            }
            assert!(now() < deadline, "{found:?}, not {wanted}");
            thread::yield_now();
        }
    }

    /// Until copies of the files in force are kept.
    fn until_kept(&self, text: &str) {
        let deadline = now() + DEADLINE;
        let folder = self.machine.state.path().join("last-good");
        let is_copy = |entry: std::io::Result<std::fs::DirEntry>| {
            std::fs::read(entry.unwrap().path()).is_ok_and(|octets| octets == text.as_bytes())
        };
        let is_kept = || std::fs::read_dir(&folder).is_ok_and(|mut all| all.any(is_copy));
        while !is_kept() {
            assert!(now() < deadline, "it is not kept:\n{text}");
            thread::yield_now();
        }
    }

    fn stop(&mut self) {
        self.node.signal("TERM");
        assert_eq!(self.node.ended(), Some(0));
    }

    fn start(&mut self) -> String {
        let command = self.machine.serve(self.node.ground.folder());
        self.node.again(command);
        self.node.wait_for("listening on udp and tcp")
    }

    fn drains_and_loses(&mut self) {
        self.until_answered("127.77.6.1");
        self.types("drain eu --why upgrade --wait", 0, &["eu: drained, was auto"]);
        self.until_answered("127.77.5.1");
        self.types("drain us", 1, &["expected at least 1"]);
        self.types("undrain eu", 0, &["eu: auto, was drained"]);
        self.until_answered("127.77.6.1");
        self.sites[1].set(false);
        self.until_answered("127.77.5.1");
        self.until_status("status 503, expected 200-299", true);
        // What is lost stays lost over a restart, and a drain holds.
        self.types("drain us --force --why tests", 0, &["us: drained, was auto"]);
        self.stop();
        self.start();
        self.until_status("tests", true);
        self.types("undrain us", 0, &["us: auto, was drained"]);
        self.sites[1].set(true);
        self.until_answered("127.77.6.1");
    }

    fn refuses_a_wrong_file(&mut self) {
        self.node.ground.write("test.zone", "@ IN SOA broken\n");
        let refused = self.types("reload", 1, &["the configuration has errors", "test.zone:1"]);
        assert!(refused.stderr.contains("error["), "{}", refused.shown());
        self.until_status("configuration-refused", true);
        self.until_answered("127.77.6.1");
        self.node.ground.write("test.zone", ground::ZONE);
        self.types("reload", 0, &["reloaded: generation "]);
        self.until_status("configuration-refused", false);
    }

    fn restarts_with_a_broken_database(&mut self) {
        self.until_kept(&self.file);
        self.until_kept(ground::ZONE);
        self.stop();
        self.node.ground.write("geo.mmdb", "<html>404</html>");
        // A line of the file is another too: all of it is of one moment.
        self.node.ground.write("meridian.toml", self.file.replace("127.77.6.1", "127.77.6.9"));
        self.types("serve --strict", 2, &["geoip-not-a-database"]);
        let log = self.start();
        for said in ["geoip-not-a-database", "ERROR", "copies of which were kept"] {
            assert!(log.contains(said), "no {said:?} in {log}");
        }
        self.until_answered("127.77.6.1");
        self.until_status("serving-last-good", true);
        self.types("reload", 1, &["geoip-not-a-database"]);
        self.types("explain www.test --client 30.1.1.1 --live", 0, &["127.77.6.1"]);
        // Mended, it is taken without being told.
        self.node.ground.write("meridian.toml", &self.file);
        self.node.ground.write("geo.mmdb", ground::small_database());
        self.until_status("serving-last-good", false);
        self.until_kept(&self.file);
    }

    fn restarts_without_any_file(&mut self) {
        self.stop();
        let etc = self.node.ground.folder().to_owned();
        for name in ["meridian.toml", "test.zone", "geo.mmdb"] {
            std::fs::remove_file(etc.join(name)).unwrap();
        }
        let log = self.start();
        assert!(log.contains("copies of which were kept"), "{log}");
        self.until_answered("127.77.6.1");
        self.stop();
        // A copy that is damaged is told, and none is used.
        let folder = self.machine.state.path().join("last-good");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let octets = std::fs::read(&path).unwrap();
            if octets == ground::ZONE.as_bytes() {
                std::fs::write(&path, &octets[1..]).unwrap();
            }
        }
        let serve = Run::of(&self.machine.serve(&etc).output().unwrap());
        assert_eq!(serve.code, 2, "{}", serve.shown());
        assert!(serve.stderr.contains("is damaged: its checksum is another"), "{}", serve.shown());
    }
}

#[test]
fn a_day_from_the_first_file_to_a_restart_with_broken_ones() {
    if !needs::has_programs(&[("unshare", "--version"), ("mount", "--version")]) {
        return;
    }
    let can_mount = Command::new("unshare").args(["--mount", "true"]).output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        return needs::left_out("a mount namespace needs root");
    }
    let mut day = Day::begin();
    day.drains_and_loses();
    day.refuses_a_wrong_file();
    day.restarts_with_a_broken_database();
    day.restarts_without_any_file();
}
