//! NGINX and HAProxy as regional load balancers, each as one process.

use std::fs;
use std::path::Path;

use crate::lab::Kind;
use crate::lab::namespace::Namespace;
use crate::lab::namespace::Process;

/// A load balancer that can be started.
pub(crate) struct Balancer {
    program: &'static str,
    configuration: &'static str,
    /// What comes before the path of the configuration.
    words: &'static [&'static str],
}

impl Balancer {
    /// The load balancer of a kind of region, if it has one.
    pub(crate) fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::HaProxy => {
                Some(Self { program: "haproxy", configuration: HAPROXY, words: &["-db", "-f"] })
            }
            Kind::Nginx => Some(Self { program: "nginx", configuration: NGINX, words: &["-c"] }),
            Kind::Plain => None,
        }
    }

    /// Starts it in a namespace, with its files in a folder.
    pub(crate) fn start(&self, namespace: &Namespace, folder: &Path) -> Process {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join("balancer.conf");
        let text = self.configuration.replace("{folder}", folder.to_str().unwrap());
        fs::write(&file, text).unwrap();
        let mut command = namespace.command(self.program);
        command.args(self.words).arg(file);
        Process::start(command)
    }
}

/// No master process, so that killing the one kills all. A web server that failed is tried
/// again after a second.
const NGINX: &str = "
daemon off;
master_process off;
user root;
pid {folder}/pid;
error_log {folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
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
