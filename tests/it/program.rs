//! The real binary, run to its end.

use std::path::Path;
use std::process::Command;
use std::process::Output;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// What a process left.
    pub(crate) fn of(output: &Output) -> Self {
        let text = |octets: &[u8]| String::from_utf8(octets.to_owned()).unwrap();
        let code = output.status.code().unwrap();
        Self { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// All of it, to be compared with what it was.
    pub(crate) fn shown(&self) -> String {
        let Self { code, stdout, stderr } = self;
        let stderr =
            if stderr.is_empty() { String::new() } else { format!("--- stderr\n{stderr}") };
        format!("{stdout}{stderr}--- exit {code}")
    }
}

/// The binary in a folder, deaf to the environment of whoever runs the tests.
pub(crate) fn meridian(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.current_dir(folder);
    for name in
        ["COLUMNS", "LISTEN_FDS", "MERIDIAN_CONFIG", "MERIDIAN_TOKEN", "NOTIFY_SOCKET", "RUST_LOG"]
    {
        command.env_remove(name);
    }
    // In that folder: nothing is written where the machine keeps state.
    command.env("NO_COLOR", "1").env("STATE_DIRECTORY", "state");
    command
}

/// Runs the binary with these words.
pub(crate) fn run(folder: &Path, words: &str) -> Run {
    Run::of(&meridian(folder).args(words.split_whitespace()).output().unwrap())
}
