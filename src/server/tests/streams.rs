//! One stream at a time, in virtual time.
#![forbid(unsafe_code)]

use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::io::duplex;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::server::Counters;
use crate::server::connections::Admission;
use crate::server::connections::Connections;
use crate::server::desk::Desk;
use crate::server::stream;
use crate::server::stream::End;
use crate::server::stream::Patience;

const TIMES: Patience = Patience {
    idle: Duration::from_secs(10),
    message: Duration::from_secs(5),
    write: Duration::from_secs(3),
};

/// Serves one end of a pipe while `script` plays the client at the other; returns why and
/// when the server ended, and what the script made.
async fn play<F, T>(pipe: usize, stop: &CancellationToken, script: F) -> (End, Duration, T)
where
    F: AsyncFnOnce(DuplexStream) -> T,
{
    let (near, far) = duplex(pipe);
    let connections = Arc::new(Connections::new(1, 1));
    let client = "192.0.2.1".parse().unwrap();
    let Admission::Admitted(slot) = connections.admit(client, Instant::now()) else {
        panic!("an empty table has room");
    };
    let desk = Desk::new(ECHO, subscriber(), Arc::new(Counters::default()), Arc::default());
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
    let (end, took, written) = play(10_000, &CancellationToken::new(), async |mut client| {
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
