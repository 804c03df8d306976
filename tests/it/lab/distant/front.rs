//! What stands in front of a region: a load balancer, what it logs, and how loaded it says it is.

use std::net::Ipv4Addr;

use crate::lab::balancer;
use crate::lab::balancer::Balancer;

/// A load balancer as the manual has it, by the format of its log or of its load.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Front {
    /// HAProxy with syslog; its load is read as CSV.
    HaProxyCsv,
    /// The same; its load is read of its metrics.
    HaProxyMetrics,
    /// NGINX with a log of objects.
    NginxJson,
    /// NGINX with a log of text.
    NginxText,
}

impl Front {
    pub(super) fn balancer(self) -> Balancer {
        match self {
            Self::HaProxyCsv | Self::HaProxyMetrics => {
                Balancer::haproxy(&(HAPROXY.to_owned() + &balancer::statistics(":8404")))
            }
            // Browsers are told no timing here.
            Self::NginxJson => {
                nginx("escape=json '{\"client\":\"$remote_addr\",\"rtt\":\"$tcpinfo_rtt\"}'", "")
            }
            Self::NginxText => {
                nginx("'$remote_addr $tcpinfo_rtt'", "add_header Timing-Allow-Origin *;")
            }
        }
    }

    /// The words by which `meridian probe` follows its log.
    pub(super) const fn follow(self) -> &'static str {
        match self {
            Self::HaProxyCsv | Self::HaProxyMetrics => {
                "--syslog udp://127.0.0.1:5140 --format haproxy"
            }
            Self::NginxJson => {
                "--follow access.log --format json --client-field client --rtt-field rtt"
            }
            Self::NginxText => "--follow access.log --format nginx",
        }
    }

    /// The `load` of a region at an address: its connections.
    pub(super) fn load(self, vip: Ipv4Addr) -> String {
        match self {
            Self::HaProxyCsv => format!(
                "{{ haproxy = {{ url = \"http://{vip}:8404/stats;csv\", proxy = \"web\", \
                 user = \"meridian\", password-file = \"password\" }} }}"
            ),
            Self::HaProxyMetrics => format!(
                "{{ prometheus = {{ url = \"http://{vip}:8404/metrics\", \
                 metric = \"haproxy_frontend_current_sessions\", labels = {{ proxy = \"web\" }} }} }}"
            ),
            Self::NginxJson | Self::NginxText => {
                format!("{{ nginx-status = {{ url = \"http://{vip}/status\" }} }}")
            }
        }
    }
}

/// What the manual says of logs of NGINX.
fn nginx(format: &str, more: &str) -> Balancer {
    let status = balancer::STUB_STATUS;
    Balancer::nginx(&format!(
        "  log_format meridian {format};\n  access_log {{folder}}/access.log meridian;\n  \
         server {{\n    listen 80;\n    {status}    location / {{ {more} return 200 \"ok\\n\"; }}\n  }}\n"
    ))
}

/// What the manual says of logs of HAProxy.
const HAPROXY: &str = r#"
global
  log 127.0.0.1:5140 format rfc5424 local0
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 1s
frontend web
  bind :80
  log global
  log-format "%[src] %[fc_rtt(us)]"
  http-request return status 200 hdr timing-allow-origin "*"
"#;
