//! What Docker would make of the files, from parts that every Linux has: each container is a
//! process with a network, processes, a user and capabilities of its own.
//!
//! ```text
//!   namespace "host"                       namespace of a container
//!   ┌──────────────────────┐    veth       ┌────────────────────────────────────────┐
//!   │ dig    bridge .1     ├───────────────┤ address, user, capabilities, sysctls   │
//!   │                      ├─ …            │ and words of docker-compose.yml        │
//!   └──────────────────────┘               └────────────────────────────────────────┘
//! ```
//!
//! What differs from Docker: a container sees the files of the machine. The words that name a
//! path of a mount are given the path of a copy instead.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use tempfile::TempDir;

use crate::deploy::compose::Compose;
use crate::deploy::compose::Service;
use crate::deploy::image::Image;
use crate::lab::Namespace;
use crate::lab::Process;
use crate::lab::until;
use crate::needs;
use crate::sources;

/// The first process of a container: with it, all end. It reaps what its child leaves behind.
const INIT: &str = "\"$@\" & wait";

const BRIDGE: &str = "regions";

/// A machine on which `docker compose up` was said.
pub(super) struct Machine {
    // Processes go first, then what they are in.
    containers: BTreeMap<String, Container>,
    host: Namespace,
    pub(super) compose: Compose,
    image: Image,
    folder: TempDir,
}

struct Container {
    process: Option<Process>,
    namespace: Namespace,
}

impl Machine {
    /// Starts everything; `None`, with a message, where that can't be had.
    pub(super) fn start() -> Option<Self> {
        let programs = [
            ("ip", "-V"),
            ("unshare", "-V"),
            ("setpriv", "-V"),
            ("setcap", "-h"),
            ("dig", "-v"),
            ("nats-server", "-v"),
            ("haproxy", "-v"),
            ("nginx", "-v"),
        ];
        if !needs::has_programs(&programs) {
            return None;
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mdc{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let host = Namespace::make(&format!("{name}host"));
        let Some(host) = host.filter(|host| host.can(&["link", "add", BRIDGE, "type", "bridge"]))
        else {
            needs::left_out("network namespaces can't be made (run it as root)");
            return None;
        };
        let (compose, image) = (Compose::read(), Image::read());
        let subnet = compose.subnet();
        let gateway = format!("{}/{}", subnet.hosts().next().unwrap(), subnet.prefix_len());
        host.ip(&["address", "add", &gateway, "dev", BRIDGE]);
        host.ip(&["link", "set", BRIDGE, "up"]);
        let containers = BTreeMap::new();
        let mut machine =
            Self { containers, host, compose, image, folder: tempfile::tempdir().unwrap() };
        machine.build_image()?;
        let names: Vec<String> = machine.compose.services.keys().cloned().collect();
        for service in &names {
            let namespace = Namespace::make(&format!("{name}{service}")).expect("one more");
            machine.create(service, namespace);
        }
        names.iter().for_each(|name| machine.run(name));
        Some(machine)
    }

    /// The program with the capability that the Dockerfile gives it; `None`, with a message,
    /// where files can't have any.
    fn build_image(&self) -> Option<()> {
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = self.path("meridian");
        fs::copy(env!("CARGO_BIN_EXE_meridian"), &program).unwrap();
        let mut command = Command::new("setcap");
        command.env("PATH", needs::search_path()).arg("cap_net_bind_service=+ep").arg(&program);
        let given = command.output().unwrap().status.success();
        if !given {
            needs::left_out("files can't have capabilities here");
        }
        given.then_some(())
    }

    /// Makes what a container has: its address, its sysctls, its files.
    fn create(&mut self, name: &str, namespace: Namespace) {
        let service = &self.compose.services[name];
        let address = format!("{}/{}", service.address(), self.compose.subnet().prefix_len());
        let port = format!("port{}", self.containers.len());
        self.host.plug(BRIDGE, &port, &namespace, &[address]);
        for (key, value) in &service.sysctls {
            let set = format!("echo {value} > /proc/sys/{}", key.replace('.', "/"));
            let status = namespace.command("sh").args(["-c", &set]).status().unwrap();
            assert!(status.success(), "{key} = {value}");
        }
        let (user, group) = self.user(service);
        for mount in service.mounts() {
            match mount.in_repository() {
                // Copied with its folders, so that what is mounted side by side is so here.
                Some(source) => {
                    let mut command = Command::new("cp");
                    command.args(["-r", "--parents", source]).arg(self.folder.path());
                    assert!(command.current_dir(sources::top()).status().unwrap().success());
                }
                None => {
                    let volume = self.path(&format!("volumes/{}", mount.source));
                    fs::create_dir_all(&volume).unwrap();
                    // A new volume has the owner of the folder in the image.
                    chown(&volume, Some(user), Some(group)).unwrap();
                }
            }
        }
        for folder in &service.tmpfs {
            let folder = self.path(&format!("tmpfs/{name}{folder}"));
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(folder, fs::Permissions::from_mode(0o1777)).unwrap();
        }
        self.containers.insert(name.to_owned(), Container { process: None, namespace });
    }

    /// Starts a container, again perhaps.
    pub(super) fn run(&mut self, name: &str) {
        let words = self.compose.services[name].words(&self.image);
        let mut command = self.containers[name].namespace.command("unshare");
        command.args(["--pid", "--fork", "--kill-child", "sh", "-c", INIT, "init"]);
        self.confine(&mut command, name, &words);
        let process = Process::logged(command, &self.path(&format!("{name}.log")));
        self.containers.get_mut(name).unwrap().process = Some(process);
    }

    /// Kills all that runs in a container.
    pub(super) fn kill(&mut self, name: &str) {
        self.containers.get_mut(name).unwrap().stop();
    }

    /// Runs words in a container that runs, to their end.
    pub(super) fn exec(&self, name: &str, words: &[String]) -> Output {
        let mut command = self.containers[name].namespace.command("env");
        self.confine(&mut command, name, words);
        command.output().unwrap()
    }

    /// A command on the machine itself.
    pub(super) fn on_host(&self, program: &str) -> Command {
        let program = if program == "meridian" { self.path(program) } else { program.into() };
        let mut command = self.host.command(program);
        command.env_clear().env("PATH", needs::search_path());
        command
    }

    /// What a container logged.
    pub(super) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// Adds words to a command, as whom the container runs them and with no more than it has.
    fn confine(&self, command: &mut Command, name: &str, words: &[String]) {
        let service = &self.compose.services[name];
        let (user, group) = self.user(service);
        let added = service.cap_add.iter().map(|name| format!(",+{}", name.to_lowercase()));
        let bound = format!("--bounding-set=-all{}", added.collect::<String>());
        command.env_clear().env("PATH", needs::search_path()).env("NO_COLOR", "1");
        // Where the tests run others may not look; HAProxy wants to return to where it began.
        command.current_dir(self.folder.path());
        command.args(["setpriv", "--clear-groups", "--inh-caps=-all", &bound]);
        command.args([format!("--reuid={user}"), format!("--regid={group}")]);
        if service.build.is_some() {
            let state = self.inside(name, &self.image.volume);
            command.env("STATE_DIRECTORY", state).arg(self.path(&words[0]));
        } else {
            command.arg(&words[0]);
        }
        command.args(words[1..].iter().map(|word| self.inside(name, word)));
    }

    /// A word as it is said in a container: a path of a mount is elsewhere here.
    fn inside(&self, name: &str, word: &str) -> PathBuf {
        let service = &self.compose.services[name];
        let of_mount = |source: &str| match source.strip_prefix("./") {
            Some(source) => self.path(source),
            None => self.path(&format!("volumes/{source}")),
        };
        let mounts = service.mounts().map(|mount| (mount.target, of_mount(mount.source)));
        let scratch = service.tmpfs.iter().map(String::as_str);
        let scratch = scratch.map(|to| (to, self.path(&format!("tmpfs/{name}{to}"))));
        let mut found = mounts.chain(scratch).filter_map(|(target, source)| {
            let rest = Path::new(word).strip_prefix(target).ok()?;
            // Joined with nothing, a path to a file would be one to a folder.
            Some(if rest.as_os_str().is_empty() { source } else { source.join(rest) })
        });
        found.next().unwrap_or_else(|| word.into())
    }

    /// Who runs it, by number; root where nobody says otherwise.
    fn user(&self, service: &Service) -> (u32, u32) {
        let of_image = service.build.as_ref().map(|_| self.image.user.as_str());
        let user = service.user.as_deref().or(of_image).unwrap_or("0:0");
        let (user, group) = user.split_once(':').unwrap();
        (user.parse().unwrap(), group.parse().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Container {
    /// Kills what runs in it, and waits until it is gone.
    fn stop(&mut self) {
        self.process = None;
        if !std::thread::panicking() {
            until("a container ends", || self.namespace.is_empty());
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.stop();
    }
}
