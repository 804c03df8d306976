//! A program whose exit status says: no shell, no input, and an end with all that it started.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::process::Command;

use crate::model::ExecProbe;
use crate::prober::connect::Stage;
use crate::prober::failure;
use crate::prober::failure::Fault;
use crate::tasks::Program;

/// Octets of standard error that are kept as the reason.
const REASON: usize = 200;

/// How long the end of standard error is waited for once the program has ended: something
/// that got away may hold it open.
const LINGER: Duration = Duration::from_millis(50);

/// Runs the program.
pub(super) async fn probe(
    probe: &ExecProbe,
    environment: [(&str, &str); 3],
    stage: &Stage,
) -> Result<(), Fault> {
    let program = probe.program.display();
    let mut command = Command::new(&probe.program);
    command
        .args(&probe.arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut run = Program::start(&mut command)
        .map_err(|error| Fault::Ours(format!("can't run {program}: {error}")))?;
    stage.begin("the program ran");
    let mut stderr = run.child().stderr.take();
    let mut reason = Vec::new();
    let status = tokio::select! {
        biased;
        status = run.wait() => status,
        () = drain(stderr.as_mut(), &mut reason) => run.wait().await,
    };
    let status = status.map_err(|error| Fault::Ours(format!("{program}: {error}")))?;
    tokio::time::timeout(LINGER, drain(stderr.as_mut(), &mut reason)).await.ok();
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
