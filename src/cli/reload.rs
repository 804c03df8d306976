//! `meridian reload`.

use reqwest::Method;
use serde_json::Value;

use crate::cli::Exit;
use crate::cli::api;
use crate::cli::api::Api;
use crate::cli::api::Intent;
use crate::cli::arguments::live::Reload;
use crate::cli::failure::Failure;
use crate::cli::output::plain;
use crate::cli::output::show;

pub(super) fn run(options: &Reload) -> Exit {
    api::run(async {
        let api = Api::reach(&options.configured, &options.remote, Intent::Change)?;
        let done = api.change(Method::POST, "/api/v1/reload", None, None).await?;
        let generation = done.get("generation").and_then(Value::as_u64).unwrap_or_default();
        let mut text = format!("reloaded: generation {generation}\n");
        let at_restart = done.get("at_restart").and_then(Value::as_array);
        for what in at_restart.into_iter().flatten().filter_map(Value::as_str) {
            text += &format!("{} is taken when the node starts again\n", plain(what));
        }
        let shown = show(&text, Exit::Done);
        match done.get("listen").and_then(Value::as_str) {
            Some(why) => Err(Failure::Negative(plain(why))),
            None => Ok(shown),
        }
    })
}
