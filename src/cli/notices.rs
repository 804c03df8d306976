//! What happens, in the log.

use crate::engine::Notice;
use crate::engine::Severity;
use crate::engine::What;

/// Logs with the level of a notice, and with what tells it from all others.
macro_rules! log_at {
    ($notice:expr, $($rest:tt)+) => {{
        let Notice { id, severity, .. } = $notice;
        match severity {
            Severity::Info => tracing::info!(id, severity = severity.as_str(), $($rest)+),
            Severity::Warning => tracing::warn!(id, severity = severity.as_str(), $($rest)+),
            Severity::Critical => tracing::error!(id, severity = severity.as_str(), $($rest)+),
        }
    }};
}

/// Each change once, with before, after and why. The node is the first part of the id.
pub(super) fn log(notice: &Notice) {
    match &notice.what {
        What::Check { check, before, after, reason } => {
            log_at!(notice, %check, %before, %after, reason, "verdict");
        }
        What::Pool { service, region, admitted, admin, reason } => {
            log_at!(notice, service, region, admitted, %admin, reason, "pool");
        }
        What::Service { service, before, after } => {
            log_at!(notice, service, %before, %after, "service");
        }
        What::Region { region, before, after, reason } => {
            log_at!(notice, region, %before, %after, reason, "region");
        }
        What::Admin { target, state, who, why } => {
            log_at!(notice, %target, %state, who, why, "admin state");
        }
        // Told once the addresses have followed too.
        What::Reloaded { .. } => {}
        // The link has said so.
        What::Cluster { .. } => {}
        What::Vantage { vantage, hearing } => log_at!(notice, vantage, %hearing, "vantage"),
        What::Trouble { why } => log_at!(notice, "{why}"),
        What::Certificate { check, ends } => {
            log_at!(notice, %check, %ends, "a certificate ends soon");
        }
    }
}
