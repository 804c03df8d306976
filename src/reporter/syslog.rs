//! Messages of syslog: what comes after their header.

/// What a message says, without the header of RFC 3164 or RFC 5424, if it has one.
pub fn message(datagram: &[u8]) -> &[u8] {
    let datagram = datagram.trim_ascii_end();
    let Some(rest) = priority(datagram) else { return datagram };
    match rest.strip_prefix(b"1 ") {
        Some(rest) => modern(rest).unwrap_or(rest),
        None => old(rest).unwrap_or(rest),
    }
}

/// Past `<134>`.
fn priority(octets: &[u8]) -> Option<&[u8]> {
    let rest = octets.strip_prefix(b"<")?;
    let end = rest.iter().take(4).position(|octet| *octet == b'>')?;
    let (digits, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(rest)
}

/// RFC 5424: time, host, program, process and kind, then data in brackets or `-`, then the text.
fn modern(mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..5 {
        rest = after(rest, b' ')?;
    }
    let rest = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => data(rest)?,
    };
    let text = rest.strip_prefix(b" ").unwrap_or(rest);
    Some(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text))
}

/// Past `[id name="value"][…]`; a quote and a bracket in a value have a backslash before them.
fn data(octets: &[u8]) -> Option<&[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, octet) in octets.iter().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b']' if !is_quoted && octets.get(at + 1) != Some(&b'[') => return octets.get(at + 1..),
            _ => {}
        }
    }
    None
}

/// RFC 3164: `Nov 27 05:10:49 host program[1]: text`, where the host may be left out.
fn old(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.get("Nov 27 05:10:49 ".len()..)?;
    let is_tag = |rest: &[u8]| {
        let end = rest.iter().position(|octet| *octet == b' ').unwrap_or(rest.len());
        rest.get(..end).is_some_and(|word| word.ends_with(b":"))
    };
    let rest = if is_tag(rest) { rest } else { after(rest, b' ').filter(|rest| is_tag(rest))? };
    Some(after(rest, b' ').unwrap_or_default())
}

fn after(octets: &[u8], what: u8) -> Option<&[u8]> {
    let at = octets.iter().position(|octet| *octet == what)?;
    octets.get(at + 1..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As NGINX 1.22 and HAProxy 2.6 sent them, where no other source is named.
    #[test]
    fn headers_are_passed_over() {
        for (datagram, expected) in [
            ("<190>Nov 27 05:10:48 vm meridian: 127.0.0.1 16", "127.0.0.1 16"),
            ("<190>Nov 27 05:10:49 vm meridian: ::1 80", "::1 80"),
            ("<190>Nov 27 05:10:49 vm meridian: unix: -", "unix: -"),
            // `nohostname` of NGINX.
            ("<190>Nov 27 05:10:49 meridian: ::1 80", "::1 80"),
            ("<134>Nov 27 05:10:49 localhost haproxy[11739]: 127.0.0.1 17\n", "127.0.0.1 17"),
            ("<134>Nov  7 05:10:49 localhost haproxy[11739]: - -\n", "- -"),
            (
                "<134>1 2026-11-27T05:10:49.037634+00:00 - haproxy 11739 - - 127.0.0.1 17\n",
                "127.0.0.1 17",
            ),
            ("<134>1 2026-11-27T05:10:49Z - haproxy 11739 - - - -\n", "- -"),
            // The examples of RFC 5424, 6.5.
            (
                "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time.",
                "%% It's time.",
            ),
            (
                "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 \
                 [exampleSDID@32473 iut=\"3\"][examplePriority@32473 class=\"a\\\"]b\"] \
                 \u{feff}An application event",
                "An application event",
            ),
            ("127.0.0.1 17\n", "127.0.0.1 17"),
            ("<x>127.0.0.1 17", "<x>127.0.0.1 17"),
            ("<134>127.0.0.1 17", "127.0.0.1 17"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8_lossy(message(datagram.as_bytes())), expected);
        }
    }

    proptest! {
        #[test]
        fn any_octets_have_a_message(
            head in "(<[0-9]{0,4}>)?(1 )?", rest in proptest::collection::vec(any::<u8>(), 0..99)
        ) {
            let datagram = [head.as_bytes(), &rest].concat();
            prop_assert!(datagram.len() >= message(&datagram).len());
        }
    }
}
