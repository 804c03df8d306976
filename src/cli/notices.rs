//! What happens, in the log.

use crate::engine::What;

/// Each change once, with before, after and why.
pub(super) fn log(what: &What) {
    match what {
        What::Check { check, before, after, reason } => {
            tracing::info!(%check, %before, %after, reason, "verdict");
        }
        What::Pool { service, region, admitted, reason } => {
            tracing::info!(service, region, admitted, reason, "pool");
        }
        What::Service { service, before, after } => {
            tracing::info!(service, ?before, ?after, "service");
        }
        What::Region { region, before, after, reason } => {
            tracing::info!(region, %before, %after, reason, "region");
        }
        What::Admin { target, state, who, why } => {
            tracing::info!(%target, %state, who, why, "admin state");
        }
        // Told once the addresses have followed too.
        What::Reloaded { .. } => {}
        // The link has said so.
        What::Cluster { .. } => {}
        What::Vantage { vantage, hearing } => tracing::info!(vantage, ?hearing, "vantage"),
        What::Trouble { why } => tracing::warn!("{why}"),
        What::Certificate { check, ends } => {
            tracing::warn!(%check, %ends, "a certificate ends soon");
        }
    }
}
