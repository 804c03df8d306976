//! What every [`Batch`](super::Batch) must do; one suite over all implementations.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;

use crate::server::sys::Capacity;
use crate::server::sys::Sent;

const CAPACITY: Capacity = Capacity { datagrams: 8, request: 100, reply: 50 };

/// Long enough never to be the reason for success.
const PATIENCE: Duration = Duration::from_secs(20);

fn pair(address: &str) -> (UdpSocket, UdpSocket) {
    let server = UdpSocket::bind((address, 0)).unwrap();
    let client = UdpSocket::bind((address, 0)).unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    (server, client)
}

fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let length = client.recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

fn echo(request: &[u8], _peer: IpAddr, reply: &mut [u8]) -> usize {
    let length = request.len().min(reply.len());
    reply[..length].copy_from_slice(&request[..length]);
    length
}

macro_rules! contract {
    ($name:ident) => {
        mod $name {
            use super::*;
            use crate::server::sys::$name::Batch;

            #[test]
            fn replies_go_to_whom_they_are_for() {
                for address in ["127.0.0.1", "::1"] {
                    let (server, first) = pair(address);
                    let second = UdpSocket::bind((address, 0)).unwrap();
                    second.set_read_timeout(Some(PATIENCE)).unwrap();
                    second.connect(server.local_addr().unwrap()).unwrap();
                    let mut batch = Batch::new(CAPACITY, false);
                    for (client, text) in [(&first, b"one"), (&second, b"two"), (&first, b"ten")] {
                        client.send(text).unwrap();
                    }
                    let mut answered = 0;
                    while answered < 3 {
                        let received = batch.receive(&server).unwrap();
                        assert_eq!(batch.requests().count(), received);
                        assert!(batch.requests().all(|(text, _)| text.len() == 3));
                        answered += received;
                        batch.answer(|request, peer, reply| {
                            assert_eq!(peer, address.parse::<IpAddr>().unwrap());
                            echo(request, peer, reply)
                        });
                        assert_eq!(batch.send(&server).failed, 0);
                    }
                    assert_eq!(receive(&first), b"one");
                    assert_eq!(receive(&first), b"ten");
                    assert_eq!(receive(&second), b"two");
                }
            }

            #[test]
            fn nothing_is_sent_for_no_reply_nor_sent_twice() {
                let (server, client) = pair("127.0.0.1");
                let mut batch = Batch::new(CAPACITY, false);
                client.send(b"quiet").unwrap();
                assert_eq!(batch.receive(&server).unwrap(), 1);
                batch.answer(|_, _, _| 0);
                assert_eq!(batch.send(&server), Sent::default());
                client.send(b"loud").unwrap();
                assert_eq!(batch.receive(&server).unwrap(), 1);
                batch.answer(echo);
                assert_eq!(batch.send(&server), Sent { sent: 1, failed: 0 });
                assert_eq!(batch.send(&server), Sent::default());
                assert_eq!(receive(&client), b"loud");
            }

            #[test]
            fn long_datagrams_are_cut_and_replies_are_bounded() {
                let (server, client) = pair("127.0.0.1");
                let mut batch = Batch::new(CAPACITY, false);
                client.send(&[7; 1000]).unwrap();
                batch.receive(&server).unwrap();
                batch.answer(|request, _, reply| {
                    assert_eq!((request.len(), reply.len()), (100, 50));
                    usize::MAX
                });
                assert_eq!(batch.send(&server).sent, 1);
                assert_eq!(receive(&client).len(), 50);
            }

            #[test]
            fn an_empty_datagram_is_a_datagram() {
                let (server, client) = pair("127.0.0.1");
                let mut batch = Batch::new(CAPACITY, false);
                client.send(b"").unwrap();
                assert_eq!(batch.receive(&server).unwrap(), 1);
                let mut seen = false;
                batch.answer(|request, _, _| {
                    seen = request.is_empty();
                    0
                });
                assert!(seen);
            }

            #[test]
            fn the_time_out_is_not_an_error() {
                let (server, _client) = pair("127.0.0.1");
                server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                let mut batch = Batch::new(CAPACITY, false);
                assert_eq!(batch.receive(&server).unwrap(), 0);
                batch.answer(|_, _, _| unreachable!());
                assert_eq!(batch.send(&server), Sent::default());
            }

            #[test]
            fn a_panic_costs_one_datagram() {
                let (server, client) = pair("127.0.0.1");
                let mut batch = Batch::new(CAPACITY, false);
                for text in [b"one", b"bad", b"two"] {
                    client.send(text).unwrap();
                }
                let mut left = 3;
                while left > 0 {
                    left -= batch.receive(&server).unwrap();
                    while let Err(_) = catch_unwind(AssertUnwindSafe(|| {
                        batch.answer(|request, peer, reply| {
                            assert!(request != b"bad", "on purpose");
                            echo(request, peer, reply)
                        });
                    })) {}
                    assert_eq!(batch.send(&server).failed, 0);
                }
                assert_eq!(receive(&client), b"one");
                assert_eq!(receive(&client), b"two");
            }

            #[test]
            fn a_reply_the_kernel_refuses_does_not_hold_up_the_others() {
                let (server, client) = pair("127.0.0.1");
                // Over 65,507 octets no datagram can be sent: EMSGSIZE, here and portably.
                let capacity = Capacity { datagrams: 8, request: 100, reply: 70_000 };
                let mut batch = Batch::new(capacity, false);
                for text in [b"one", b"big", b"two"] {
                    client.send(text).unwrap();
                }
                let (mut left, mut failed) = (3, 0);
                while left > 0 {
                    left -= batch.receive(&server).unwrap();
                    batch.answer(|request, peer, reply| match request {
                        b"big" => reply.len(),
                        _ => echo(request, peer, reply),
                    });
                    failed += batch.send(&server).failed;
                }
                assert_eq!(failed, 1);
                assert_eq!(receive(&client), b"one");
                assert_eq!(receive(&client), b"two");
            }

            #[test]
            fn a_client_that_is_gone_does_no_harm() {
                let (server, client) = pair("127.0.0.1");
                let gone = UdpSocket::bind("127.0.0.1:0").unwrap();
                gone.send_to(b"bye", server.local_addr().unwrap()).unwrap();
                drop(gone);
                let mut batch = Batch::new(CAPACITY, false);
                for _ in 0..3 {
                    client.send(b"here").unwrap();
                }
                let mut left = 4;
                while left > 0 {
                    left -= batch.receive(&server).unwrap();
                    batch.answer(echo);
                    let sent = batch.send(&server);
                    assert!(sent.failed <= 1, "only the one that is gone");
                }
                for _ in 0..3 {
                    assert_eq!(receive(&client), b"here");
                }
            }
        }
    };
}

#[cfg(target_os = "linux")]
contract!(batched);
contract!(portable);

#[cfg(target_os = "linux")]
mod batched_only {
    use super::*;
    use crate::model::Family;
    use crate::server::sys::batched::Batch;
    use crate::server::sys::report_destination;

    /// Linux has all of 127/8 on loopback, so one wildcard socket can be asked at two addresses.
    #[test]
    fn replies_leave_from_the_address_that_was_asked() {
        let server = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        report_destination(&server, Family::V4).unwrap();
        let port = server.local_addr().unwrap().port();
        let mut batch = Batch::new(CAPACITY, true);
        for host in ["127.0.0.1", "127.0.0.2", "127.9.9.9"] {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            let asked: SocketAddr = (host.parse::<Ipv4Addr>().unwrap(), port).into();
            client.send_to(b"who", asked).unwrap();
            assert_eq!(batch.receive(&server).unwrap(), 1);
            batch.answer(echo);
            assert_eq!(batch.send(&server).sent, 1);
            let (_, from) = client.recv_from(&mut [0; 10]).unwrap();
            assert_eq!(from, asked);
        }
    }

    #[test]
    fn replies_of_a_v6_wildcard_arrive() {
        let server = UdpSocket::bind("[::]:0").unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        report_destination(&server, Family::V6).unwrap();
        let asked: SocketAddr =
            ("::1".parse::<IpAddr>().unwrap(), server.local_addr().unwrap().port()).into();
        let client = UdpSocket::bind("[::1]:0").unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send_to(b"who", asked).unwrap();
        let mut batch = Batch::new(CAPACITY, true);
        assert_eq!(batch.receive(&server).unwrap(), 1);
        batch.answer(echo);
        assert_eq!(batch.send(&server).sent, 1);
        assert_eq!(client.recv_from(&mut [0; 10]).unwrap().1, asked);
    }

    #[test]
    fn one_call_takes_what_is_there_up_to_the_capacity() {
        let (server, client) = pair("127.0.0.1");
        for i in 0..10_u8 {
            client.send(&[i]).unwrap();
        }
        let mut batch = Batch::new(CAPACITY, false);
        for expected in [8, 2] {
            assert_eq!(batch.receive(&server).unwrap(), expected);
            batch.answer(echo);
            assert_eq!(batch.send(&server), Sent { sent: expected, failed: 0 });
        }
        for i in 0..10_u8 {
            assert_eq!(receive(&client), [i]);
        }
    }
}
