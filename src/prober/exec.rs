//! A program whose exit status says: no shell, no input, killed with all that it started.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;
use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::process::Command;

use crate::model::ExecProbe;
use crate::prober::connect::Stage;
use crate::prober::failure;
use crate::prober::failure::Fault;

/// Octets of standard error that are kept as the reason.
const REASON: usize = 200;

/// How long the end of standard error is waited for once the program has ended: something
/// that it left behind may hold it open.
const LINGER: Duration = Duration::from_millis(50);

/// A process group that is killed unless it ended.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may just have ended by itself.
            kill_process_group(pid, Signal::KILL).ok();
        }
    }
}

/// Runs the program.
pub(super) async fn probe(
    probe: &ExecProbe,
    environment: [(&str, &str); 3],
    stage: &Stage,
) -> Result<(), Fault> {
    let program = probe.program.display();
    let mut child = Command::new(&probe.program)
        .args(&probe.arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Fault::Ours(format!("can't run {program}: {error}")))?;
    stage.begin("the program ran");
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let mut group = Group(pid);
    let mut stderr = child.stderr.take();
    let mut reason = Vec::new();
    let status = tokio::select! {
        biased;
        status = child.wait() => status,
        () = drain(stderr.as_mut(), &mut reason) => child.wait().await,
    };
    let status = status.map_err(|error| Fault::Ours(format!("{program}: {error}")))?;
    tokio::time::timeout(LINGER, drain(stderr.as_mut(), &mut reason)).await.ok();
    group.0 = None;
    if status.success() {
        return Ok(());
    }
    let ended = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, signal) => format!("killed by signal {}", signal.unwrap_or_default()),
    };
    let reason = failure::plain(String::from_utf8_lossy(&reason).trim());
    Err(Fault::target(if reason.is_empty() { ended } else { format!("{ended}: {reason}") }))
}

/// Reads to the end, so that the program is never held up; keeps the first of it.
async fn drain(stderr: Option<&mut ChildStderr>, reason: &mut Vec<u8>) {
    let Some(stderr) = stderr else { return };
    let mut octets = [0; 1024];
    while let Ok(n @ 1..) = stderr.read(&mut octets).await {
        let left = REASON - reason.len();
        reason.extend_from_slice(octets.get(..n.min(left)).unwrap_or_default());
    }
}
