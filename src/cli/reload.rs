//! `meridian reload`.

use reqwest::Method;
use serde_json::Value;

use crate::cli::Exit;
use crate::cli::api;
use crate::cli::api::Api;
use crate::cli::api::Intent;
use crate::cli::arguments::live::Reload;
use crate::cli::output::show;

pub(super) fn run(options: &Reload) -> Exit {
    api::run(async {
        let api = Api::reach(&options.configured, &options.remote, Intent::Change)?;
        let done = api.change(Method::POST, "/api/v1/reload", None, None).await?;
        let generation = done.get("generation").and_then(Value::as_u64).unwrap_or_default();
        Ok(show(&format!("reloaded: generation {generation}\n"), Exit::Done))
    })
}
