//! The wire bench's own programs: a bare echo and a load generator. `run.py` beside this file builds
//! and runs them, each on a core of its own; README.md says how.

mod batch;
mod echo;
mod load;
mod tally;

use std::error::Error;
use std::io;
use std::io::Write;

const USAGE: &str = "\
wire echo ADDRESS:PORT
wire load ADDRESS:PORT QUERIES [--seconds S] [--window N] [--rate PER_SECOND] [--sockets N] [--echo]
Start with benches/wire/README.md.";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    match command.as_deref() {
        Some("echo") => {
            let address = arguments.next().ok_or(USAGE)?;
            echo::run(address.parse()?)?;
        }
        Some("load") => writeln!(io::stdout(), "{}", load::run(arguments)?.to_json())?,
        // `cargo bench` runs every bench with flags of its own.
        _ => writeln!(io::stdout(), "{USAGE}")?,
    }
    Ok(())
}
