//! `meridian explain --live`: the same, as a running node has it.

use crate::cli::Exit;
use crate::cli::api;
use crate::cli::api::Api;
use crate::cli::api::Intent;
use crate::cli::arguments::Explain;
use crate::cli::explain::explanation::Explanation;
use crate::cli::explain::print;

pub(super) fn run(options: &Explain) -> Exit {
    api::run(async {
        let api = Api::reach(&options.configured, &options.remote, Intent::Look)?;
        let mut query =
            vec![("name", options.name.to_string()), ("type", options.qtype.to_string())];
        query.extend(options.client.map(|client| ("client", client.to_string())));
        query.extend(options.resolver.map(|resolver| ("resolver", resolver.to_string())));
        let mut explanation: Explanation = api.get("/api/v1/explain", &query).await?;
        explanation.client_asks = options.resolver.is_none();
        Ok(print(&explanation, options.json))
    })
}
