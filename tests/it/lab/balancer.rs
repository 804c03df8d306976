//! NGINX and HAProxy as regional load balancers, each as one process.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use crate::lab::Kind;
use crate::lab::Process;
use crate::needs;

/// A load balancer that can be started.
pub(crate) struct Balancer {
    program: &'static str,
    /// What comes before the path of the configuration.
    words: &'static [&'static str],
    configuration: String,
}

impl Balancer {
    /// The load balancer of a kind of region, if it has one.
    pub(crate) fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::HaProxy => Some(Self::haproxy(HAPROXY)),
            Kind::Nginx => Some(Self::nginx(NGINX)),
            Kind::Plain => None,
        }
    }

    /// NGINX, with this in its `http`; `{folder}` is where its files are.
    pub(crate) fn nginx(http: &str) -> Self {
        // No master process, so that killing the one kills all.
        let configuration = format!(
            "daemon off;\nmaster_process off;\nuser root;\npid {{folder}}/pid;\n\
             error_log {{folder}}/error.log;\nevents {{}}\nhttp {{\n{TEMPORARY}{http}}}\n"
        );
        Self { program: "nginx", words: &["-c"], configuration }
    }

    /// HAProxy with this configuration.
    pub(crate) fn haproxy(text: &str) -> Self {
        Self { program: "haproxy", words: &["-db", "-f"], configuration: text.to_owned() }
    }

    /// Starts it with its files in a folder, by a command that runs a program where it belongs.
    pub(crate) fn start(
        &self,
        folder: &Path,
        run: impl FnOnce(&'static str) -> Command,
    ) -> Process {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join(self.program).with_extension("conf");
        let text = self.configuration.replace("{folder}", folder.to_str().unwrap());
        fs::write(&file, text).unwrap();
        let mut command = run(self.program);
        command.env("PATH", needs::search_path()).args(self.words).arg(file);
        Process::start(command)
    }
}

/// What the manual says of HAProxy's load: where it tells its statistics as CSV, to whoever has
/// the password, and its metrics, if it was built with them.
pub(crate) fn statistics(bind: &str) -> String {
    let exporter = match haproxy_has_metrics() {
        true => "  http-request use-service prometheus-exporter if { path /metrics }\n",
        false => "",
    };
    format!(
        "frontend stats\n  bind {bind}\n{exporter}  stats enable\n  stats uri /stats\n  \
         stats auth meridian:{PASSWORD}\n"
    )
}

/// Whether the HAProxy that is here was built with its exporter of metrics.
pub(crate) fn haproxy_has_metrics() -> bool {
    let told = Command::new("haproxy").arg("-vv").env("PATH", needs::search_path()).output();
    let has = |told: Output| String::from_utf8_lossy(&told.stdout).contains("prometheus-exporter");
    told.is_ok_and(has)
}

/// What [`statistics`] ask for.
pub(crate) const PASSWORD: &str = "hunter2";

/// What the manual says of NGINX's load: where it tells its status.
pub(crate) const STUB_STATUS: &str = "location = /status { stub_status; }\n";

const TEMPORARY: &str = "
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
";

/// A web server that failed is tried again after a second.
const NGINX: &str = "
  access_log off;
  upstream web {
    server 127.0.0.1:8001 max_fails=1 fail_timeout=1s;
    server 127.0.0.1:8002 max_fails=1 fail_timeout=1s;
  }
  server {
    listen 80;
    location / {
      proxy_pass http://web;
      proxy_next_upstream error timeout http_502 http_504;
      proxy_connect_timeout 200ms;
      proxy_read_timeout 300ms;
    }
  }
";

/// It probes its web servers by itself, and says 503 once none is left.
const HAPROXY: &str = "
defaults
  mode http
  timeout connect 200ms
  timeout client 5s
  timeout server 1s
listen web
  bind :80
  option httpchk GET /healthz
  default-server check inter 100ms fall 2 rise 1
  server a 127.0.0.1:8001
  server b 127.0.0.1:8002
";
