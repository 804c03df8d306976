//! The command line: the only place that wires the parts together.
//!
//! `arguments` defines all subcommands once; help, completions and the man page follow from
//! that. Each subcommand is a file of its own with one function that returns an `Exit`.
//!
//! # Start with
//!
//! [`main`], then `serve`.
#![forbid(unsafe_code)]

mod admin;
mod api;
mod arguments;
mod bearer;
mod check;
mod clock;
mod columns;
mod demo;
mod documents;
mod explain;
mod failure;
mod follow;
mod geo;
mod identity;
mod latency;
mod log;
mod mail;
mod measured;
mod node;
mod notices;
mod output;
mod probe;
mod recorder;
mod reload;
mod serve;
mod signals;
mod simulate;
mod state;
mod status;
mod traffic;
mod watch;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::Parser;

use crate::cli::arguments::Arguments;
use crate::cli::arguments::Command;

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Exit {
    /// Done.
    Done,
    /// The answer is no, or the work failed.
    Negative,
    /// The command line or the configuration is wrong.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Negative => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

/// Runs the command that the arguments of this process name.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Probes, hooks and calls of the API take it from here. There is no other yet.
    drop(rustls::crypto::ring::default_provider().install_default());
    let exit = match arguments.command {
        Command::Serve(options) => serve::run(&options),
        Command::Probe(options) if options.follow.is_asked() => follow::run(&options),
        Command::Probe(options) => probe::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Drain(options) => admin::drain(&options),
        Command::Undrain(options) => admin::undrain(&options),
        Command::Force(options) => admin::force(&options),
        Command::Reload(options) => reload::run(&options),
        Command::Geo(command) => geo::run(&command),
        Command::Latency(command) => latency::run(&command),
        Command::Completions { shell } => documents::completions(shell),
        Command::Man { folder } => documents::man(folder.as_deref()),
    };
    log::end();
    exit.into()
}

/// The definition of all commands, for documents and tests.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Whether to draw in colour on standard error.
fn color() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
