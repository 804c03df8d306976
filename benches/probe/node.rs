//! The node: its configuration, its process, and what that costs.

use std::fmt::Write;
use std::fs;
use std::fs::File;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::UdpSocket;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::Failure;
use crate::now;
use crate::website::NAME;
use crate::website::Scheme;
use crate::website::Website;

/// Nothing here takes so long.
const DEADLINE: Duration = Duration::from_secs(180);

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 7200 3600 86400 60\n@ NS ns\nns A 192.0.2.53\n";

/// What is probed, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) scheme: Scheme,
    /// Addresses, each probed by itself.
    pub(crate) endpoints: usize,
    /// Of each service; each has one endpoint. With one, a last pool is added that is not
    /// counted: its address is shared by all services.
    pub(crate) pools: usize,
    /// Seconds.
    pub(crate) interval: u64,
    pub(crate) fall: u8,
}

/// The address of an endpoint: 127.1.0.0 and up, so that each is another.
pub(crate) fn address(number: usize) -> Ipv4Addr {
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 0));
    Ipv4Addr::from(first.saturating_add(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// The address of the pool that all services share.
pub(crate) const SHARED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

/// A node that runs; killed when dropped.
pub(crate) struct Node {
    process: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Node {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    ///
    /// If it ends, or doesn't answer; with the end of its log.
    pub(crate) fn start(settings: &Settings, website: &Website) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let (port, control) = (free_port()?, free_port()?);
        fs::write(folder.path().join("bench.zone"), ZONE)?;
        fs::write(folder.path().join("authorities.pem"), &website.certificate)?;
        let text = configuration(settings, website.port, port, control)?;
        fs::write(folder.path().join("meridian.toml"), text)?;
        let log = folder.path().join("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
        command.arg("serve").current_dir(folder.path()).env("NO_COLOR", "1");
        command.env("STATE_DIRECTORY", "state");
        for name in ["LISTEN_FDS", "MERIDIAN_CONFIG", "NOTIFY_SOCKET", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let mut node = Self { process: command.spawn()?, port, _folder: folder };
        until("the node listens", || {
            let told = fs::read_to_string(&log)?;
            match node.process.try_wait()? {
                Some(status) => Err(format!("the node ended: {status}\n{told}").into()),
                None => Ok(told.contains("listening on udp and tcp")),
            }
        })?;
        Ok(node)
    }

    /// The threads by name, and the nanoseconds for which each was on a core.
    ///
    /// # Errors
    ///
    /// If the kernel doesn't say.
    pub(crate) fn threads(&self) -> Result<Vec<(String, u64)>, Failure> {
        let mut threads = Vec::new();
        for entry in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let folder = entry?.path();
            // One that ended meanwhile is not counted.
            let (Ok(name), Ok(spent)) = (
                fs::read_to_string(folder.join("comm")),
                fs::read_to_string(folder.join("schedstat")),
            ) else {
                continue;
            };
            let nanos = spent.split_whitespace().next().ok_or("`schedstat` is empty")?.parse()?;
            threads.push((name.trim().to_owned(), nanos));
        }
        Ok(threads)
    }

    /// What is resident, in MiB.
    ///
    /// # Errors
    ///
    /// If the kernel doesn't say.
    pub(crate) fn resident_mib(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line.and_then(|l| l.split_whitespace().next()).ok_or("no VmRSS")?.parse()?;
        Ok(kib / 1024)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself, which was said.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn configuration(
    settings: &Settings,
    website: u16,
    port: u16,
    control: u16,
) -> Result<String, Failure> {
    let Settings { scheme, endpoints, pools, interval, fall } = *settings;
    let (kind, tls) = match scheme {
        Scheme::Http => ("http", String::new()),
        Scheme::Https => ("https", ", authorities = \"authorities.pem\"".to_owned()),
        Scheme::HttpsUnverified => ("https", ", verify = false".to_owned()),
    };
    let mut text = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\"]\nworkers = 1\n\
         [control]\nlisten = \"127.0.0.1:{control}\"\n\
         [zone.\"bench.test\"]\nfile = \"bench.zone\"\n\
         [policy.order]\nrank = [\"priority\"]\n\
         [monitor.web]\n\
         {kind} = {{ path = \"/healthz\", port = {website}, host = \"{NAME}\"{tls} }}\n\
         interval = \"{interval}s\"\nfall = {fall}\n"
    );
    // With one pool each there is a second, so that answers have somewhere to go.
    let regions = pools.max(2);
    for region in 0..regions {
        writeln!(text, "[region.r{region}]")?;
    }
    for service in 0..endpoints / pools {
        writeln!(text, "[service.s{service}]\nname = \"s{service}.bench.test\"")?;
        writeln!(text, "policy = \"order\"\nmonitor = \"web\"")?;
        for region in 0..regions {
            let at = if region < pools { address(service * pools + region) } else { SHARED };
            writeln!(text, "[service.s{service}.pool.r{region}]\nendpoints = [\"{at}\"]")?;
        }
    }
    Ok(text)
}

/// A port of loopback that nobody has, by TCP and UDP.
fn free_port() -> Result<u16, Failure> {
    for _ in 0..100 {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("there is no free port".into())
}

/// Waits for something that must come.
///
/// # Errors
///
/// If it does not come, or looking fails.
pub(crate) fn until(
    what: &str,
    mut is_so: impl FnMut() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let begun = now();
    while !is_so()? {
        if begun.elapsed() > DEADLINE {
            return Err(
                format!("it does not happen: {what}; does this version run monitors?").into()
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
