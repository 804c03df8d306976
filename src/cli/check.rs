//! `meridian check`: everything that is wrong, and what will surprise.

use std::path::Path;

use crate::cli::Exit;
use crate::cli::arguments::Check;
use crate::cli::arguments::CheckFormat;
use crate::cli::output::show;
use crate::config;
use crate::config::Format;
use crate::config::Loaded;
use crate::model::Diagnostic;
use crate::model::Sources;
use crate::snapshot::World;

pub(super) fn run(options: &Check) -> Exit {
    let format = match options.format {
        CheckFormat::Full => Format::Full,
        CheckFormat::Line => Format::Line,
        CheckFormat::Json => Format::Json,
    };
    let (world, problems, sources) = world(&options.configured.path());
    let color = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let mut text = config::render(&problems, &sources, format, color);
    if problems.is_empty() && matches!(options.format, CheckFormat::Full) {
        text += "no problems\n";
    }
    show(&text, if world.is_some() { Exit::Done } else { Exit::Usage })
}

/// Loads and compiles: all problems, and the world unless there is an error among them.
pub(super) fn world(path: &Path) -> (Option<World>, Vec<Diagnostic>, Sources) {
    let Loaded { config, mut diagnostics, sources, .. } = config::load(path);
    let Some(config) = config else { return (None, diagnostics, sources) };
    match World::build(config) {
        Ok((world, warnings)) => {
            diagnostics.extend(warnings);
            (Some(world), diagnostics, sources)
        }
        Err(error) => {
            diagnostics.push(error.diagnostic());
            (None, diagnostics, sources)
        }
    }
}
