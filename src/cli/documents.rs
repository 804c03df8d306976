//! Completions and man pages, from the definition of the command line.

use std::io;
use std::path::Path;

use clap_complete::Shell;

use crate::cli::Exit;
use crate::cli::command;

pub(super) fn completions(shell: Shell) -> Exit {
    clap_complete::generate(shell, &mut command(), "meridian", &mut io::stdout());
    Exit::Done
}

pub(super) fn man(folder: Option<&Path>) -> Exit {
    let written = match folder {
        Some(folder) => clap_mangen::generate_to(command(), folder),
        None => clap_mangen::Man::new(command()).render(&mut io::stdout()),
    };
    match written {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("meridian: failed to write the man page: {error}");
            Exit::Negative
        }
    }
}
