//! Connections, and the way of a request through the checks.
//!
//! ```text
//!   accept ─► hyper ─► rate ─► route ─► token ─► query ─► answer
//!              431     429    404 405  401 403    400     node: 503, body: 413 422
//! ```

use std::convert::Infallible;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use hyper::Request;
use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::control::answer;
use crate::control::answer::Asked;
use crate::control::beacon;
use crate::control::guard;
use crate::control::payload;
use crate::control::payload::Payload;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::control::room::Room;
use crate::control::route;
use crate::model::limits;

/// How long a header may take to come, and a connection may be idle between requests.
const HEADER: Duration = Duration::from_secs(5);

/// How long a peer may take nothing of a response before the kernel gives it up.
const UNTAKEN: Duration = Duration::from_secs(30);

/// How long a response that is under way may take when the node stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Rest after a failed call to accept, so that a lasting failure does not eat the core.
const PAUSE: Duration = Duration::from_millis(100);

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
        // Without a place it is closed at once, which says more than silence.
        let Some(permit) = place(&room.connections, peer.ip()) else { continue };
        let room = Arc::clone(&room);
        let tasks = room.tasks.clone();
        // At the limit of tasks the connection is closed, which is what there is to do.
        drop(tasks.spawn("api connection", async move {
            connection(stream, peer, room).await;
            drop(permit);
        }));
    }
}

/// A place for a connection, some of which are for loopback alone.
fn place(places: &Arc<Semaphore>, peer: IpAddr) -> Option<OwnedSemaphorePermit> {
    let is_here = peer.to_canonical().is_loopback();
    if !is_here && places.available_permits() <= limits::API_CONNECTIONS_HERE {
        return None;
    }
    Arc::clone(places).try_acquire_owned().ok()
}

async fn connection(stream: TcpStream, peer: SocketAddr, room: Arc<Room>) {
    // Without it a peer that reads nothing would keep a place for as long as it likes.
    drop(SockRef::from(&stream).set_tcp_user_timeout(Some(UNTAKEN)));
    // Small writes of event streams should not wait for each other.
    drop(stream.set_nodelay(true));
    let stop = room.tasks.stopping().clone();
    let service = service_fn(move |request| {
        let room = Arc::clone(&room);
        async move { Ok::<_, Infallible>(respond(&room, peer.ip(), request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(limits::API_HEADER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // How a connection ends is its peer's business.
    tokio::select! {
        ended = connection.as_mut() => drop(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            drop(timeout(FAREWELL, connection).await);
        }
    }
}

async fn respond(room: &Room, peer: IpAddr, request: Request<Incoming>) -> Response<Payload> {
    match admitted(room, peer, request) {
        Ok(asked) => answer::answer(room, asked).await,
        Err(problem) => Err(problem),
    }
    .unwrap_or_else(|problem| payload::refusal(&problem))
}

/// What can be said of a request before its body.
fn admitted(room: &Room, peer: IpAddr, request: Request<Incoming>) -> Result<Asked, Problem> {
    let (head, body) = request.into_parts();
    let found = route::find(&head.method, head.uri.path());
    // Where browsers ask, a trusted proxy is not the one who asks too often.
    let is_open = found.as_ref().is_ok_and(|(route, _)| route.role.is_none());
    let client = if is_open { beacon::client(room, peer, &head.headers) } else { Some(peer) };
    let taken = {
        let mut rates = room.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.take(client.unwrap_or(peer), Instant::now())
    };
    taken.map_err(|after| {
        let (rate, burst) = (limits::API_RATE, limits::API_BURST);
        let detail = format!("expected at most {rate} requests a second and {burst} at once");
        Problem::new(Kind::Rate, detail).retry_after(after)
    })?;
    let (route, path) = found?;
    let who = guard::admit(route, peer, &head.headers, &room.tokens.load())?;
    let query = route::parameters(route, head.uri.query())?;
    Ok(Asked { route, path, query, who, client, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_elsewhere_leaves_room_for_operators() {
        let places = Arc::new(Semaphore::new(limits::API_CONNECTIONS));
        let [here, elsewhere] = ["::1", "2001:db8::1"].map(|text| text.parse().unwrap());
        let take = |peer| std::iter::from_fn(|| place(&places, peer)).collect::<Vec<_>>();
        let of_others = take(elsewhere);
        assert_eq!(of_others.len(), limits::API_CONNECTIONS - limits::API_CONNECTIONS_HERE);
        let of_operators = take(here);
        assert_eq!(of_operators.len(), limits::API_CONNECTIONS_HERE);
        drop(of_others);
        assert!(place(&places, elsewhere).is_some());
    }
}
