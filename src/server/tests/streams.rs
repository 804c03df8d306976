//! One stream at a time, in virtual time.
#![forbid(unsafe_code)]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::io::ReadBuf;
use tokio::io::duplex;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::server::Counters;
use crate::server::connections::Connections;
use crate::server::desk::Desk;
use crate::server::stream;
use crate::server::stream::End;
use crate::server::stream::Patience;
use crate::server::stream::Wire;

const TIMES: Patience = Patience {
    idle: Duration::from_secs(10),
    message: Duration::from_secs(5),
    write: Duration::from_secs(3),
};

/// One end of a pipe that stands for a connection.
struct Near {
    pipe: DuplexStream,
    kernel: Arc<Kernel>,
}

/// What the kernel would know of it.
#[derive(Default)]
struct Kernel {
    /// Says that so much is untaken.
    untaken: AtomicUsize,
    is_forgotten: AtomicBool,
}

impl Wire for Near {
    fn untaken(&self) -> usize {
        self.kernel.untaken.load(Ordering::Relaxed)
    }

    fn forget(&self) {
        self.kernel.is_forgotten.store(true, Ordering::Relaxed);
    }
}

impl AsyncRead for Near {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, room)
    }
}

impl AsyncWrite for Near {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}

/// Serves one end of a pipe while `script` plays the client at the other; returns why and
/// when the server ended, and what the script made.
async fn play<F, T>(pipe: usize, stop: &CancellationToken, script: F) -> (End, Duration, T)
where
    F: AsyncFnOnce(DuplexStream) -> T,
{
    play_on(pipe, &Arc::default(), stop, script).await
}

/// The same, with a say in what the kernel knows.
async fn play_on<F, T>(
    pipe: usize,
    kernel: &Arc<Kernel>,
    stop: &CancellationToken,
    script: F,
) -> (End, Duration, T)
where
    F: AsyncFnOnce(DuplexStream) -> T,
{
    let (near, far) = duplex(pipe);
    let near = Near { pipe: near, kernel: Arc::clone(kernel) };
    let counters = Arc::new(Counters::default());
    let connections = Arc::new(Connections::new(1, 1, Arc::clone(&counters)));
    let client = "192.0.2.1".parse().unwrap();
    let slot = connections.admit(client, Instant::now()).unwrap();
    let desk = Desk::new(ECHO, subscriber(), counters, Arc::default());
    let start = Instant::now();
    let server = async {
        let end = stream::serve(near, &slot, &desk, TIMES, stop).await;
        (end, start.elapsed())
    };
    let ((end, took), made) = tokio::join!(server, script(far));
    (end, took, made)
}

async fn read(client: &mut DuplexStream) -> Vec<u8> {
    let length = client.read_u16().await.unwrap();
    let mut message = vec![0; usize::from(length)];
    client.read_exact(&mut message).await.unwrap();
    message
}

#[tokio::test(start_paused = true)]
async fn rfc7766_s7_messages_that_come_together_are_answered_in_one_write() {
    let (end, ..) = play(100_000, &CancellationToken::new(), async |mut client| {
        let queries: Vec<u8> = (0..100).flat_map(|id| framed(&query(id, "x"))).collect();
        client.write_all(&queries).await.unwrap();
        let answers: Vec<u8> = (0..100).flat_map(|id| framed(&answer(id, "x"))).collect();
        let mut buffer = vec![0; answers.len() * 2];
        // What one read returns is what one write put there.
        let length = client.read(&mut buffer).await.unwrap();
        assert_eq!(buffer[..length], answers);
    })
    .await;
    assert_eq!(end, End::Closed);
}

#[tokio::test(start_paused = true)]
async fn rfc7766_s8_octets_may_come_one_by_one() {
    let (end, ..) = play(1000, &CancellationToken::new(), async |mut client| {
        for id in 0..3 {
            for octet in framed(&query(id, "one by one")) {
                client.write_all(&[octet]).await.unwrap();
                sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(read(&mut client).await, answer(id, "one by one"));
        }
    })
    .await;
    assert_eq!(end, End::Closed);
}

#[tokio::test(start_paused = true)]
async fn the_largest_message_is_taken() {
    let text = "x".repeat(65_535 - 12);
    let (end, ..) = play(1000, &CancellationToken::new(), async |client| {
        let (mut reader, mut writer) = tokio::io::split(client);
        let all = framed(&query(1, &text));
        let write = async { writer.write_all(&all).await.unwrap() };
        let read = async {
            let mut reply = vec![0; all.len()];
            reader.read_exact(&mut reply).await.unwrap();
            assert_eq!(reply, framed(&answer(1, &text)));
        };
        tokio::join!(write, read);
    })
    .await;
    assert_eq!(end, End::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_the_idle_time() {
    let (end, took, ()) = play(1000, &CancellationToken::new(), async |mut client| {
        sleep(Duration::from_secs(9)).await;
        client.write_all(&framed(&query(1, "x"))).await.unwrap();
        read(&mut client).await;
        assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0);
    })
    .await;
    assert_eq!((end, took.as_secs()), (End::Idle, 19));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_is_cut() {
    let (end, took, ()) = play(1000, &CancellationToken::new(), async |mut client| {
        for octet in framed(&query(1, "far too slow")) {
            if client.write_all(&[octet]).await.is_err() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert_eq!((end, took.as_secs()), (End::Slow, 5));
}

#[tokio::test(start_paused = true)]
async fn a_second_message_has_time_of_its_own() {
    let (end, took, ()) = play(1000, &CancellationToken::new(), async |mut client| {
        sleep(Duration::from_secs(2)).await;
        let mut octets = framed(&query(1, "whole"));
        octets.extend_from_slice(&framed(&query(2, "half"))[..7]);
        client.write_all(&octets).await.unwrap();
        read(&mut client).await;
        assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0);
    })
    .await;
    assert_eq!((end, took.as_secs()), (End::Slow, 7));
}

#[tokio::test(start_paused = true)]
async fn who_takes_no_answers_is_not_read_and_then_cut() {
    let kernel = Arc::default();
    let stop = CancellationToken::new();
    let (end, took, written) = play_on(10_000, &kernel, &stop, async |mut client| {
        let queries: Vec<u8> = (0..100).flat_map(|id| framed(&query(id, "long"))).collect();
        let mut written = 0;
        // More than the pipe and the server's buffer take, and never a read.
        while client.write_all(&queries).await.is_ok() {
            written += queries.len();
        }
        written
    })
    .await;
    assert_eq!((end, took.as_secs()), (End::Slow, 3));
    assert!(written < 30_000, "{written}");
    assert!(kernel.is_forgotten.load(Ordering::Relaxed), "the kernel would keep the rest");
}

#[tokio::test(start_paused = true)]
async fn a_message_without_room_for_a_header_ends_the_stream() {
    for short in [0_u16, 1, 11] {
        let (end, ..) = play(1000, &CancellationToken::new(), async |mut client| {
            let mut octets = framed(&query(1, "before"));
            octets.extend_from_slice(&short.to_be_bytes());
            octets.extend_from_slice(&[0; 20]);
            client.write_all(&octets).await.unwrap();
            assert_eq!(read(&mut client).await, answer(1, "before"));
            assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0);
        })
        .await;
        assert_eq!(end, End::Malformed);
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_answers_what_came() {
    let stop = CancellationToken::new();
    let (end, took, ()) = play(1000, &stop, async |mut client| {
        client.write_all(&framed(&query(1, "x"))).await.unwrap();
        stop.cancel();
        assert_eq!(read(&mut client).await, answer(1, "x"));
        assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0);
    })
    .await;
    assert_eq!((end, took), (End::Stopping, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn what_is_written_and_never_taken_ends_the_stream_too() {
    let kernel = Arc::new(Kernel::default());
    let stop = CancellationToken::new();
    let (end, took, ()) = play_on(100_000, &kernel, &stop, async |mut client| {
        kernel.untaken.store(60_002, Ordering::Relaxed);
        client.write_all(&framed(&query(1, "long"))).await.unwrap();
        client.read_exact(&mut vec![0; 60_002]).await.unwrap();
        assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0);
    })
    .await;
    // It is looked at most a second apart.
    assert!(end == End::Slow && (3..=4).contains(&took.as_secs()), "{end:?} {took:?}");
    assert!(kernel.is_forgotten.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn who_closes_has_time_to_take_what_is_on_its_way() {
    for (taken_after, forgotten) in [(1, false), (100, true)] {
        let kernel = Arc::new(Kernel::default());
        let stop = CancellationToken::new();
        let (end, took, ()) = play_on(100_000, &kernel, &stop, async |mut client| {
            kernel.untaken.store(60_002, Ordering::Relaxed);
            client.write_all(&framed(&query(1, "long"))).await.unwrap();
            client.shutdown().await.unwrap();
            client.read_exact(&mut vec![0; 60_002]).await.unwrap();
            sleep(Duration::from_secs(taken_after)).await;
            kernel.untaken.store(0, Ordering::Relaxed);
        })
        .await;
        assert_eq!(end, End::Closed);
        assert!(took <= Duration::from_secs(if forgotten { 4 } else { 2 }), "{took:?}");
        assert_eq!(kernel.is_forgotten.load(Ordering::Relaxed), forgotten);
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_long_for_who_takes_nothing() {
    let stop = CancellationToken::new();
    let (end, took, _client) = play(1000, &stop, async |mut client| {
        client.write_all(&framed(&query(1, "long"))).await.unwrap();
        sleep(Duration::from_millis(10)).await;
        stop.cancel();
        client
    })
    .await;
    assert_eq!((end, took.as_secs()), (End::Slow, 2));
}

#[tokio::test(start_paused = true)]
async fn a_stream_holds_nothing_while_it_waits_for_a_query() {
    let (near, mut client) = duplex(100_000);
    let counters = Arc::new(Counters::default());
    let connections = Arc::new(Connections::new(1, 1, Arc::clone(&counters)));
    let slot = connections.admit("192.0.2.1".parse().unwrap(), Instant::now()).unwrap();
    let desk = Desk::new(ECHO, subscriber(), counters, Arc::default());
    let stop = CancellationToken::new();
    let near = Near { pipe: near, kernel: Arc::default() };
    let server = stream::serve(near, &slot, &desk, TIMES, &stop);
    let script = async {
        let large = "x".repeat(60_000);
        let octets = framed(&query(1, &large));
        client.write_all(&octets[..50_000]).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        assert!((50_000..120_000).contains(&connections.held()), "{}", connections.held());
        client.write_all(&octets[50_000..]).await.unwrap();
        assert_eq!(read(&mut client).await, answer(1, &large));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(connections.held(), 0);
        drop(client);
    };
    assert_eq!(tokio::join!(server, script).0, End::Closed);
}
