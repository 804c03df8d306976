//! Heads of answers as they come, for a reader that is strict about them.
//!
//! hyper skips what is no header if it is told so, and is strict about the first line and about
//! lengths. curl and browsers are not: `http/1.1 200`, two blanks before the status, control
//! characters behind it, `Content-Length: +5`, chunks in an answer of HTTP/1.0. A probe asks
//! whether clients get an answer, so a head is put in order before hyper reads it. What can't be
//! put in order is left as it came, and hyper says what is wrong with it.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::model::limits;

/// A connection whose answers have heads in order.
#[derive(Debug)]
pub(super) struct Orderly<S> {
    stream: S,
    /// What came of a head that has not ended.
    head: Vec<u8>,
    /// How far that was looked through.
    seen: Seen,
    /// What is to be given on, and how much of it was.
    ready: Vec<u8>,
    given: usize,
    /// Whether the last head is behind us.
    is_past: bool,
}

/// How far a head was looked through, none of which ends it: each octet once, since a target that
/// sends tens of thousands of empty lines would else hold up all other probes for seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Octets in whole lines.
    in_lines: usize,
    /// Octets of the line behind them.
    of_line: usize,
    /// Whether one of the lines was not empty.
    has_begun: bool,
}

impl<S> Orderly<S> {
    pub(super) fn new(stream: S) -> Self {
        let (head, ready, seen) = (Vec::new(), Vec::new(), Seen::default());
        Self { stream, head, seen, ready, given: 0, is_past: false }
    }

    /// Takes heads out of what came, as long as there are whole ones.
    fn take_heads(&mut self) {
        while !self.is_past {
            let Some(length) = head_length(&self.head, &mut self.seen) else {
                if self.head.len() > limits::PROBE_HEAD || !may_be_head(&self.head) {
                    self.give_up();
                }
                return;
            };
            self.seen = Seen::default();
            let rest = self.head.split_off(length);
            let head = std::mem::replace(&mut self.head, rest);
            let Some((head, is_interim)) = in_order(&head) else {
                self.ready.extend(head);
                return self.give_up();
            };
            self.ready.extend(head);
            if !is_interim {
                self.give_up();
            }
        }
    }

    /// All that comes from here on is given on as it is.
    fn give_up(&mut self) {
        self.ready.append(&mut self.head);
        self.is_past = true;
    }
}

/// Octets up to the empty line, this included; those that were seen are not looked at again.
fn head_length(octets: &[u8], seen: &mut Seen) -> Option<usize> {
    loop {
        let from = seen.in_lines + seen.of_line;
        let Some(at) = octets.get(from..)?.iter().position(|octet| *octet == b'\n') else {
            seen.of_line = octets.len() - seen.in_lines;
            return None;
        };
        let end = from + at;
        let line = octets.get(seen.in_lines..end)?;
        let is_empty = matches!(line, b"" | b"\r");
        (seen.in_lines, seen.of_line) = (end + 1, 0);
        // Empty lines before the first are none of the head (RFC 9112, 2.2): the line before
        // would end in something.
        if is_empty && seen.has_begun {
            return Some(seen.in_lines);
        }
        seen.has_begun |= !line.trim_ascii().is_empty();
    }
}

/// Whether this may be the beginning of an answer of HTTP.
fn may_be_head(octets: &[u8]) -> bool {
    let mut octets = octets.iter().skip_while(|octet| b"\r\n".contains(octet));
    b"HTTP/".iter().all(|expected| octets.next().is_none_or(|c| c.eq_ignore_ascii_case(expected)))
}

/// A head that hyper reads, and whether another follows; `None` if the first line is no
/// version and status of HTTP.
fn in_order(head: &[u8]) -> Option<(Vec<u8>, bool)> {
    let start = head.iter().position(|octet| !b"\r\n".contains(octet))?;
    let mut lines = head.get(start..)?.split_inclusive(|octet| *octet == b'\n');
    let first = lines.next()?;
    let mut words = first.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (version, status) = (words.next()?, words.next()?);
    let major = version.get(..5).filter(|name| name.eq_ignore_ascii_case(b"HTTP/"));
    major.and_then(|_| version.get(5)).filter(|major| matches!(major, b'1'..=b'3'))?;
    let is_status = matches!(status, [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9']);
    if !is_status {
        return None;
    }
    let mut ordered = b"HTTP/1.1 ".to_vec();
    ordered.extend(status);
    ordered.extend(b"\r\n");
    for line in lines {
        let colon = line.iter().position(|octet| *octet == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        match name.trim_ascii().eq_ignore_ascii_case(b"content-length") {
            true => {
                ordered.extend(b"Content-Length: ");
                let value = value.trim_ascii_start();
                let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii_start();
                ordered.extend(value.strip_prefix(b"+").unwrap_or(value));
            }
            false => ordered.extend(line),
        }
    }
    // After 101 another protocol begins.
    Some((ordered, status.starts_with(b"1") && status != b"101"))
}

impl<S: AsyncRead + Unpin> AsyncRead for Orderly<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if let Some(left) = this.ready.get(this.given..).filter(|left| !left.is_empty()) {
                let n = left.len().min(buffer.remaining());
                buffer.put_slice(left.get(..n).unwrap_or_default());
                this.given += n;
                if this.given == this.ready.len() {
                    (this.ready, this.given) = (Vec::new(), 0);
                }
                return Poll::Ready(Ok(()));
            }
            if this.is_past {
                return Pin::new(&mut this.stream).poll_read(cx, buffer);
            }
            let mut octets = [0; 4096];
            let mut came = ReadBuf::new(&mut octets);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut came))?;
            match came.filled() {
                [] => this.give_up(),
                came => {
                    this.head.extend_from_slice(came);
                    this.take_heads();
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Orderly<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// What is given on of what comes in pieces of so many octets.
    async fn given(came: &[u8], piece: usize) -> String {
        let (mut target, stream) = tokio::io::duplex(1 << 20);
        let send = async {
            for octets in came.chunks(piece) {
                target.write_all(octets).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(target);
        };
        let mut found = Vec::new();
        let mut orderly = Orderly::new(stream);
        let (_, read) = tokio::join!(send, orderly.read_to_end(&mut found));
        read.unwrap();
        String::from_utf8_lossy(&found).into_owned()
    }

    #[tokio::test]
    async fn heads_are_put_in_order_and_nothing_else() {
        for (came, expected) in [
            ("http/1.1 200 OK\r\nA: b\r\n\r\nhttp/1.0", "HTTP/1.1 200\r\nA: b\r\n\r\nhttp/1.0"),
            ("HTTP/1.0  404\tno\x01\n\nbody", "HTTP/1.1 404\r\n\nbody"),
            ("\r\nHTTP/2 200\r\n\r\n", "HTTP/1.1 200\r\n\r\n"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length : +5\r\n\r\nready",
                "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nready",
            ),
            (
                "HTTP/1.1 103 Early\r\n\r\nhttp/1.1 200 OK\r\n\r\nx",
                "HTTP/1.1 103\r\n\r\nHTTP/1.1 200\r\n\r\nx",
            ),
            ("HTTP/1.1 101 Away\r\n\r\nhttp/1.1 2\n\n", "HTTP/1.1 101\r\n\r\nhttp/1.1 2\n\n"),
            ("SSH-2.0-x\r\n\r\n", "SSH-2.0-x\r\n\r\n"),
            ("HTTP/x 200\r\n\r\n", "HTTP/x 200\r\n\r\n"),
            ("HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 2000\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\nA: b", "HTTP/1.1 200 OK\r\nA: b"),
            ("", ""),
        ] {
            for piece in [1, 3, 4096] {
                assert_eq!(given(came.as_bytes(), piece).await, expected, "{came:?} {piece}");
            }
        }
    }

    #[test]
    fn what_was_seen_of_a_head_is_not_looked_at_again() {
        for (came, expected) in [(&b"\r\n\n\r\n"[..], None), (b"HTTP/1.1 2", Some(12))] {
            let mut seen = Seen::default();
            assert_eq!(head_length(came, &mut seen), None);
            assert_eq!(seen.in_lines + seen.of_line, came.len());
            // What was seen is another by now, and all of it would end this head or begin it.
            let again = [&b"x\n\n\n\n\n\n\n\n\n"[..came.len()], b"\n\n"].concat();
            assert_eq!(head_length(&again, &mut seen), expected, "{came:?}");
        }
    }

    #[tokio::test]
    async fn a_head_without_an_end_is_not_collected() {
        let endless =
            [&b"HTTP/1.1 200 OK\r\nA: "[..], &vec![b'a'; 3 * limits::PROBE_HEAD]].concat();
        assert_eq!(given(&endless, 4096).await.len(), endless.len());
    }
}
