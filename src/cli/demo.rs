//! `meridian demo`: a built-in example on loopback, with queries to try.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Duration;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::cli::Exit;
use crate::cli::arguments::Demo;
use crate::cli::chain;
use crate::cli::identity::Identity;
use crate::cli::log;
use crate::cli::node::Learned;
use crate::cli::node::Node;
use crate::cli::node::listen;
use crate::cli::node::prepare;
use crate::cli::output::show;
use crate::cli::serve;
use crate::cli::watch::Look;
use crate::config;
use crate::server;
use crate::tasks::Tasks;

/// The regions and the loopback addresses that stand for their load balancers.
const REGIONS: [(&str, [u8; 4]); 3] =
    [("us-east", [127, 0, 1, 1]), ("eu-west", [127, 0, 2, 1]), ("ap-southeast", [127, 0, 3, 1])];

/// Where the stand-ins for load balancers answer HTTP.
const HTTP_PORT: u16 = 8080;

pub(super) fn run(options: &Demo) -> Exit {
    server::settle_heap();
    log::start();
    let port = options.port;
    let mut folder = None;
    let exit = serve::serve(async || {
        // From here on signals are waited for, and do not leave the folder behind.
        let path = folder.insert(Folder::make(port)?).0.join("meridian.toml");
        let identity = Identity::new(Some("demo".to_owned()));
        let tasks = Tasks::new();
        let (send, prepared) = oneshot::channel();
        let (at, who) = (path.clone(), identity.clone());
        let prepare = move |_: &_| {
            let prepared = prepare(&at, &Look::new(), &who, Learned::OnDisk, true);
            // Nobody waits any longer: it was told to stop.
            drop(send.send(prepared));
        };
        tasks.thread("prepare", prepare).map_err(|error| chain(&error))?;
        let Ok(Ok(prepared)) = prepared.await else {
            return Err("the example can't be loaded".to_owned());
        };
        let listeners = listen(&prepared)?;
        for (region, address) in REGIONS {
            let website = website(region, Ipv4Addr::from(address));
            let stop = tasks.stopping().clone();
            let website = async move {
                tokio::select! {
                    () = website => {}
                    () = stop.cancelled() => {}
                }
            };
            tasks.spawn(format!("http {region}"), website).map_err(|e| chain(&e))?;
        }
        let node = Node::start(&path, identity, prepared, listeners, tasks).await?;
        let introduction = introduction(port, &path, node.api());
        // Nobody has to read it, and a terminal that was stopped keeps nobody waiting.
        drop(std::thread::spawn(move || show(&introduction, Exit::Done)));
        Ok(node)
    });
    drop(folder);
    exit
}

/// The example's files, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn make(port: u16) -> Result<Self, String> {
        let database = database().ok_or(
            "the demo needs `geoip/dbip-country-lite.mmdb`: run it in a checkout of Meridian",
        )?;
        let folder = std::env::temp_dir().join(format!("meridian-demo-{}", std::process::id()));
        let failed = |error: io::Error| format!("failed to write `{}`: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let config = include_str!("demo/meridian.toml")
            .replace("{database}", &database.display().to_string())
            .replace("{port}", &port.to_string())
            .replace("{control}", &config::Control::LISTEN.to_string());
        fs::write(folder.join("meridian.toml"), config).map_err(failed)?;
        let zone = include_str!("../../zones/gslb.example.com.zone");
        fs::write(folder.join("gslb.example.com.zone"), zone).map_err(failed)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to be told, and it is in the folder for temporary files.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The database that is shipped: here, beside the binary, or where the binary was built.
fn database() -> Option<PathBuf> {
    const NAME: &str = "geoip/dbip-country-lite.mmdb";
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(NAME)));
    [Some(PathBuf::from(NAME)), beside, Some(Path::new(env!("CARGO_MANIFEST_DIR")).join(NAME))]
        .into_iter()
        .flatten()
        .find(|path| path.exists())
        .and_then(|path| path.canonicalize().ok())
}

/// Answers every request with the name of the region, until `/kill` is asked for, and again
/// after `/revive`.
async fn website(region: &'static str, address: Ipv4Addr) {
    let listener = match TcpListener::bind((address, HTTP_PORT)).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!("no web server for {region} at {address}:{HTTP_PORT}: {error}");
            return;
        }
    };
    let mut is_alive = true;
    // One at a time is enough to look at, and a bound.
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let exchange = async {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(request.get(..read).unwrap_or_default());
            let body = match text.split_whitespace().nth(1) {
                Some("/kill") => {
                    is_alive = false;
                    format!("{region} is dead\n")
                }
                Some("/revive") => {
                    is_alive = true;
                    format!("{region} lives\n")
                }
                Some(_) if is_alive => format!("hello from {region}\n"),
                Some(_) | None => return,
            };
            let length = body.len();
            let response = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            );
            drop(stream.write_all(response.as_bytes()).await);
        };
        drop(timeout(Duration::from_secs(2), exchange).await);
    }
}

fn introduction(port: u16, config: &Path, api: Option<SocketAddr>) -> String {
    let config = config.display();
    let api = api.map_or_else(
        || "There is no control API: its address is taken.\n".to_owned(),
        |api| {
            format!(
                "\
What is up, and what an operator may do about it:

  meridian status -c {config}
  meridian drain us-east -c {config}
  meridian undrain us-east -c {config}

Status page, API and metrics: http://{api}/
"
            )
        },
    );
    format!(
        "
Three regions on loopback. Where a client is decides what it gets; try

  dig @127.0.0.1 -p {port} www.gslb.example.com +subnet=81.2.69.0/24       # United Kingdom
  dig @127.0.0.1 -p {port} www.gslb.example.com +subnet=2001:218::/48      # Japan
  dig @127.0.0.1 -p {port} www.gslb.example.com +subnet=8.8.8.0/24 +tcp    # United States
  curl http://127.0.2.1:{HTTP_PORT}/                                       # what the VIP serves

Kill one, ask again within seconds, and bring it back:

  curl http://127.0.2.1:{HTTP_PORT}/kill
  curl http://127.0.2.1:{HTTP_PORT}/revive

{api}
IP Geolocation by DB-IP, https://db-ip.com. Ctrl-C stops and leaves nothing behind.

"
    )
}
