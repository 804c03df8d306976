//! `meridian latency import`: a file, batch by batch.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;

use crate::cli::Exit;
use crate::cli::api::Api;
use crate::cli::api::Failure;
use crate::cli::latency::PATH;
use crate::cli::latency::Refused;
use crate::cli::latency::Taken;
use crate::cli::latency::table::Columns;
use crate::cli::output::complain;
use crate::cli::output::plain;
use crate::cli::output::show;
use crate::model::limits;

/// Refused lines that are named; the rest is counted.
const NAMED: usize = 1000;

/// An import under way.
struct Import<'a> {
    api: &'a Api,
    /// The file's name, for what is said of its lines.
    shown: String,
    batch: String,
    /// Which lines of the file the batch is of.
    lines: Vec<usize>,
    taken: usize,
    refused: usize,
    named: usize,
}

pub(super) async fn run(api: &Api, path: &Path) -> Result<Exit, Failure> {
    let shown = path.display().to_string();
    let broken = |error| Failure::Usage(format!("failed to read `{shown}`: {error}"));
    let mut lines = (1..).zip(BufReader::new(File::open(path).map_err(broken)?).lines());
    let header = lines.next().map(|(_, line)| line).transpose().map_err(broken)?;
    let columns = Columns::read(&header.unwrap_or_default())
        .map_err(|why| Failure::Usage(format!("{shown}:1: {}", plain(&why))))?;
    let mut import = Import {
        api,
        shown: shown.clone(),
        batch: String::new(),
        lines: Vec::new(),
        taken: 0,
        refused: 0,
        named: 0,
    };
    for (number, line) in lines {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                // What came before it was good.
                import.send().await?;
                return Err(broken(error));
            }
        };
        if line.trim().is_empty() {
            continue;
        }
        for json in columns.json(&line) {
            match json {
                Ok(json) if json.len() >= limits::LATENCY_BATCH => {
                    import.refuse(number, "it is longer than a batch may be");
                }
                Ok(json) => import.add(number, &json).await?,
                Err(why) => import.refuse(number, &why),
            }
        }
    }
    import.send().await?;
    let Import { taken, refused, named, .. } = import;
    if refused > named {
        complain(&format!("{shown}: {} more lines were refused\n", refused - named));
    }
    let exit = if refused == 0 { Exit::Done } else { Exit::Negative };
    Ok(show(&format!("taken {taken}, refused {refused}\n"), exit))
}

impl Import<'_> {
    /// Adds a line, and sends what there is if it has no room.
    async fn add(&mut self, number: usize, json: &str) -> Result<(), Failure> {
        let is_full = self.batch.len() + json.len() >= limits::LATENCY_BATCH
            || self.lines.len() >= limits::LATENCY_LINES;
        if is_full {
            self.send().await?;
            // Of a file that is one batch the last line says it all.
            let (shown, taken, refused) = (&self.shown, self.taken, self.refused);
            complain(&format!("{shown}: taken {taken}, refused {refused} so far\n"));
        }
        self.batch += json;
        self.batch.push('\n');
        self.lines.push(number);
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Failure> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let lines = std::mem::take(&mut self.lines);
        let Taken { taken, refused, refused_total } = self.api.report(PATH, batch).await?;
        self.taken += taken;
        // Those that the node does not name are counted all the same.
        self.refused += refused_total.saturating_sub(refused.len());
        for Refused { line, reason, found } in refused {
            let number = line.checked_sub(1).and_then(|at| lines.get(at)).copied();
            self.refuse(number.unwrap_or_default(), &format!("{reason}, found {found:?}"));
        }
        Ok(())
    }

    fn refuse(&mut self, number: usize, why: &str) {
        self.refused += 1;
        if self.named < NAMED {
            self.named += 1;
            complain(&format!("{}:{number}: {}\n", self.shown, plain(why)));
        }
    }
}
