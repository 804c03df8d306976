//! Connections, and the way of a request through the checks.
//!
//! ```text
//!   accept ─► hyper ─► token's or peer's rate ─► place ─► route ─► token ─► query ─► answer
//!              431              429               503    404 405  401 403    400     node: 503,
//!                                                                              body: 413 422 503
//! ```

use std::convert::Infallible;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::Request;
use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::control::answer;
use crate::control::answer::Asked;
use crate::control::beacon;
use crate::control::guard;
use crate::control::payload;
use crate::control::payload::Payload;
use crate::control::places::Place;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::control::room::Room;
use crate::control::route;
use crate::model::limits;

/// How long a header may take to come, and a connection may be idle between requests.
const HEADER: Duration = Duration::from_secs(5);

/// How long a peer may take nothing of a response before the kernel gives it up.
const UNTAKEN: Duration = Duration::from_secs(30);

/// Octets of a response that the kernel keeps; it takes twice as many for what it says of them.
/// At a round trip of 100 ms some 600 kB a second, which is a status of 500 services.
const SEND_BUFFER: usize = 64 * 1024;

/// How long a response that is under way may take when the node stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Rest after a failed call to accept, so that a lasting failure does not eat the core.
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection is told that has to go before it was answered once.
const CROWDED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n\
    retry-after: 2\r\nconnection: close\r\ncontent-length: 22\r\n\r\ntoo many connections.\n";

/// How long one that was told so may take to read it.
const READ_IT: Duration = Duration::from_secs(1);

/// Accepts connections until told to stop.
pub(super) async fn serve(listener: TcpListener, room: Arc<Room>) {
    let stop = room.tasks.stopping().clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, peer)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let place = Arc::new(room.places.enter(peer.ip(), Instant::now()));
        let room = Arc::clone(&room);
        let tasks = room.tasks.clone();
        // At the limit of tasks the connection is closed, which is what there is to do.
        drop(tasks.spawn("api connection", connection(stream, peer, place, room)));
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, place: Arc<Place>, room: Arc<Room>) {
    // Without it a peer that reads nothing would keep a place for as long as it likes.
    drop(SockRef::from(&stream).set_tcp_user_timeout(Some(UNTAKEN)));
    // What the kernel would else keep of an answer is 4 MB, in which nobody counts it.
    drop(SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER));
    // Small writes of event streams should not wait for each other.
    drop(stream.set_nodelay(true));
    let stop = room.tasks.stopping().clone();
    let leave = place.leave.clone();
    let was_asked = Arc::new(AtomicBool::new(false));
    let service = {
        let (room, was_asked) = (Arc::clone(&room), Arc::clone(&was_asked));
        service_fn(move |request| {
            was_asked.store(true, Ordering::Relaxed);
            let (room, place) = (Arc::clone(&room), Arc::clone(&place));
            async move { Ok::<_, Infallible>(respond(&room, peer.ip(), place, request).await) }
        })
    };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(limits::API_HEADER)
        .serve_connection(TokioIo::new(stream), service);
    // How a connection ends is its peer's business.
    tokio::select! {
        ended = &mut connection => drop(ended),
        () = leave.cancelled() => {
            // One that was answered may be closed whenever it waits, and knows it.
            if !was_asked.load(Ordering::Relaxed) {
                refuse(connection.into_parts().io.into_inner(), &room).await;
            }
        }
        () = stop.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            drop(timeout(FAREWELL, connection).await);
        }
    }
}

/// Says that there are too many. What the peer has sent and nobody read would make the kernel
/// reset the connection, and take that back.
async fn refuse(mut stream: TcpStream, room: &Room) {
    if stream.try_write(CROWDED).is_err() {
        return;
    }
    let Ok(_permit) = room.farewells.try_acquire() else { return };
    drop(stream.shutdown().await);
    let rest = async {
        let mut octets = [0; 1024];
        while matches!(stream.read(&mut octets).await, Ok(1..)) {}
    };
    drop(timeout(READ_IT, rest).await);
}

async fn respond(
    room: &Room,
    peer: IpAddr,
    place: Arc<Place>,
    request: Request<Incoming>,
) -> Response<Payload> {
    let response = match admitted(room, peer, &place, request) {
        Ok(asked) => answer::answer(room, asked).await,
        Err(problem) => Err(problem),
    };
    let response = response.and_then(|response| {
        response.body().kept().map_or(Ok(()), |kept| place.answers(kept))?;
        Ok(response)
    });
    let response = response.unwrap_or_else(|problem| payload::refusal(&problem));
    // The place is at work until the response was taken, or it ends.
    response.map(|payload| payload.held_by(place))
}

/// What can be said of a request before its body.
fn admitted(
    room: &Room,
    peer: IpAddr,
    place: &Arc<Place>,
    request: Request<Incoming>,
) -> Result<Asked, Problem> {
    let now = Instant::now();
    let (head, body) = request.into_parts();
    let found = route::find(&head.method, head.uri.path());
    // Who shows a token has a rate and places of its own, whoever else floods from its address.
    let holder = guard::holder(&head.headers, &room.tokens.load());
    // Where browsers ask, a trusted proxy is not the one who asks too often.
    let is_open = found.as_ref().is_ok_and(|(route, _)| route.role.is_none());
    let client = if is_open { beacon::client(room, peer, &head.headers) } else { Some(peer) };
    let (taken, rate, burst) = match &holder {
        Ok(Some(holder)) => {
            let taken = room.token_rates().take_of(&holder.name, now);
            (taken, limits::API_TOKEN_RATE, limits::API_TOKEN_BURST)
        }
        Ok(None) | Err(_) => {
            let taken = room.rates().take(client.unwrap_or(peer), now);
            (taken, limits::API_RATE, limits::API_BURST)
        }
    };
    taken.map_err(|after| {
        let detail = format!("expected at most {rate} requests a second and {burst} at once");
        Problem::new(Kind::Rate, detail).retry_after(after)
    })?;
    place.works(holder.as_ref().ok().cloned().flatten(), now)?;
    let (route, path) = found?;
    let caller = guard::admit(route, peer, &head.headers, holder?, !room.tokens.load().is_empty())?;
    let query = route::parameters(route, head.uri.query())?;
    Ok(Asked { route, path, query, caller, client, place: Arc::clone(place), body })
}
