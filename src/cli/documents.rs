//! Completions and man pages, from the definition of the command line.

use std::path::Path;

use clap_complete::Shell;

use crate::cli::Exit;
use crate::cli::command;
use crate::cli::output::fail;
use crate::cli::output::show;

pub(super) fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "meridian", &mut script);
    show(&String::from_utf8_lossy(&script), Exit::Done)
}

pub(super) fn man(folder: Option<&Path>) -> Exit {
    let mut page = Vec::new();
    let written = match folder {
        Some(folder) => clap_mangen::generate_to(command(), folder),
        None => clap_mangen::Man::new(command()).render(&mut page),
    };
    match written {
        Ok(()) => show(&String::from_utf8_lossy(&page), Exit::Done),
        Err(error) => {
            fail(&format!("failed to write the man page: {error}"));
            Exit::Negative
        }
    }
}
