//! What clients of far regions do: they ask the node, connect to a region, and open pages.

use std::fs;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::SocketAddrV4;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use meridian::model::RecordType;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use crate::asking::Ask;
use crate::lab::Distant;
use crate::lab::Process;
use crate::lab::distant::REGIONS;
use crate::lab::distant::vip;
use crate::running::udp;

impl Distant {
    /// Has each of these clients fetch a page of a region so often, over connections of their
    /// own, beside one another; whether all got it.
    pub(crate) fn ask(&self, clients: &[Ipv4Addr], region: usize, times: usize) -> bool {
        let one = |client: Ipv4Addr| (0..times).all(|_| fetch(client, vip(region)).is_ok());
        self.clients.inside(|| {
            thread::scope(|scope| {
                let each = clients.iter().map(|client| scope.spawn(|| one(*client)));
                let threads: Vec<_> = each.collect();
                threads.into_iter().all(|thread| thread.join().unwrap())
            })
        })
    }

    /// Begins a connection of a client to a region, which is there a round trip later.
    pub(super) fn open(&self, client: Ipv4Addr, region: usize) -> Socket {
        self.clients.inside(|| {
            let socket = socket(client).unwrap();
            socket.set_nonblocking(true).unwrap();
            let begun = socket.connect(&web(vip(region)).into());
            assert_eq!(begun.unwrap_err().raw_os_error(), Some(IN_PROGRESS));
            socket
        })
    }

    /// Which region each of these clients is answered, if it is one.
    pub(crate) fn answers(&self, clients: &[Ipv4Addr]) -> Vec<Option<usize>> {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
        let region = |client: &Ipv4Addr| {
            let ask = Ask::new("www.test", RecordType::A).client((*client).into());
            let found = udp(at, &ask).addresses();
            (0..REGIONS.len()).find(|number| found.first() == Some(&vip(*number).into()))
        };
        self.node.inside(|| clients.iter().map(region).collect())
    }

    /// Starts a browser among the clients that opens a page with the snippet of the manual.
    pub(crate) fn browse(&self) -> Process {
        let script = "http://10.10.0.1:8053/beacon.js";
        let page = format!("<!doctype html><script async src=\"{script}\"></script>hello");
        fs::write(self.file("page.html"), page).unwrap();
        let mut command = self.clients.command("chromium");
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]);
        command.args(["--disable-dev-shm-usage", "--remote-debugging-port=0"]);
        command.arg(format!("--user-data-dir={}", self.file("browser").display()));
        command.arg(format!("file://{}", self.file("page.html").display()));
        Process::logged(command, &self.file("browser.log"))
    }
}

/// Who waits longer has no answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// EINPROGRESS of Linux: a connection has begun.
const IN_PROGRESS: i32 = 115;

/// Fetches a page over a connection of its own.
fn fetch(client: Ipv4Addr, from: Ipv4Addr) -> io::Result<()> {
    let socket = socket(client)?;
    socket.connect_timeout(&web(from).into(), PATIENCE)?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: www.test\r\nconnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    match page.starts_with("HTTP/1.1 200 ") {
        true => Ok(()),
        false => Err(io::Error::other(page)),
    }
}

fn socket(client: Ipv4Addr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddrV4::new(client, 0).into())?;
    Ok(socket)
}

const fn web(address: Ipv4Addr) -> SocketAddrV4 {
    SocketAddrV4::new(address, 80)
}
