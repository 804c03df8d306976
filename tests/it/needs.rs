//! What tests need of the machine: programs, privileges, files.
//!
//! A test that lacks something leaves itself out with a message, so that `make test` is of use
//! on a developer's machine that has little. Where `MERIDIAN_REQUIRE_ALL=1` is set, as `.ci/run`
//! does, the same is a failure: a run that passes there has left out nothing.
#![forbid(unsafe_code)]

use std::process::Command;
use std::process::Stdio;

/// Says that a test is left out because this is missing.
///
/// # Panics
///
/// With `MERIDIAN_REQUIRE_ALL=1`.
pub(crate) fn left_out(missing: &str) {
    let wanted = std::env::var_os("MERIDIAN_REQUIRE_ALL").is_some_and(|value| value == "1");
    leave_out(missing, wanted);
}

fn leave_out(missing: &str, all_are_required: bool) {
    assert!(!all_are_required, "{missing}; MERIDIAN_REQUIRE_ALL=1 requires all tests to run");
    println!("{missing}: left out");
}

/// Whether these programs are there, each with an argument that it knows; if not, says so as
/// [`left_out`] does.
pub(crate) fn has_programs(programs: &[(&str, &str)]) -> bool {
    let is_missing = |(program, argument): &&(&str, &str)| {
        let mut command = Command::new(program);
        let command = command.arg(argument).env("PATH", search_path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    };
    let missing = programs.iter().find(is_missing);
    if let Some((program, _)) = missing {
        left_out(&format!("`{program}` is missing (see tests/prerequisites.sh)"));
    }
    missing.is_none()
}

/// The folders in which programs are looked for: Debian installs servers where only root's PATH
/// looks.
pub(crate) fn search_path() -> String {
    std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin"
}

#[test]
#[should_panic(expected = "it is missing; MERIDIAN_REQUIRE_ALL=1")]
fn where_all_is_required_what_is_missing_fails() {
    leave_out("it is missing", true);
}
