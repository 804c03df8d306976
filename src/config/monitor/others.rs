//! The kinds of probe but HTTP: `tcp`, `tls`, `dns`, `grpc`, `exec`, and those without keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use crate::config::codes;
use crate::config::monitor::http;
use crate::config::monitor::never;
use crate::config::monitor::tls;
use crate::config::notation;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::value::Value;
use crate::model::DnsProbe;
use crate::model::ExecProbe;
use crate::model::GrpcProbe;
use crate::model::Name;
use crate::model::Probe;
use crate::model::Rcode;
use crate::model::RecordType;
use crate::model::TcpProbe;
use crate::model::TlsProbe;
use crate::model::limits;
use crate::zone;

/// `icmp = {}`, `push = {}`.
pub(super) fn empty(section: Section<'_>, probe: Probe) -> Probe {
    section.close();
    probe
}

/// `tcp = { port = 25, expect = "220 " }`.
pub(super) fn tcp(mut section: Section<'_>) -> TcpProbe {
    let port = section.required("port", "443").and_then(|value| value.integer(1..=u16::MAX));
    let send = section.value("send", "\"PING\\r\\n\"").and_then(|value| value.text());
    let expect = section.value("expect", "\"PONG\"").and_then(|value| value.text());
    if let Some(At { value, span }) = &expect
        && let Some(problem) = never::too_long(value.len(), *span, &section.to_string())
    {
        section.reader().report(problem);
    }
    section.close();
    TcpProbe {
        port: port.map_or(1, |at| at.value),
        send: send.map(|at| at.value),
        expect: expect.map(|at| at.value),
    }
}

/// `tls = { port = 443 }`.
pub(super) fn tls(mut section: Section<'_>) -> TlsProbe {
    let port = section.value("port", "443").and_then(|value| value.integer(1..=u16::MAX));
    let tls = tls::options(&mut section);
    section.close();
    TlsProbe { port: port.map_or(443, |at| at.value), tls }
}

/// `dns = { name = "www.example.com", type = "A" }`.
pub(super) fn dns(mut section: Section<'_>) -> Option<DnsProbe> {
    let name = section.required("name", "\"www.example.com\"");
    let name = name.and_then(|value| value.parsed(notation::domain));
    let rtype = section.value("type", "\"A\"");
    let is_there = rtype.is_some();
    let rtype = rtype.and_then(|value| value.parsed(record_type));
    // Of a type that is wrong it is not known which data it has.
    let is_typed = rtype.is_some() || !is_there;
    let port = section.value("port", "53").and_then(|value| value.integer(1..=u16::MAX));
    let rcode = section.value("expect-rcode", "\"NOERROR\"").and_then(|value| rcode(&value));
    let of = rtype.as_ref().map_or(RecordType::A, |at| at.value);
    let answer = section.value("expect-answer", "[\"192.0.2.1\"]");
    let answer = answer.and_then(|value| match is_typed {
        true => value.list(|item| item.parsed(|text| record_data(of, text))),
        false => value.list(Value::text),
    });
    if let Some((rcode, answer)) = rcode.as_ref().zip(answer.as_ref())
        && let Some(problem) = never::of_dns(rcode, answer.span, &section.to_string())
    {
        section.reader().report(problem);
    }
    section.close();
    Some(DnsProbe {
        port: port.map_or(53, |at| at.value),
        name: name?.value,
        rtype: of,
        expect_rcode: rcode.map_or(0, |at| at.value),
        expect_answer: answer
            .map_or_else(Vec::new, |at| at.value.into_iter().map(|item| item.value).collect()),
    })
}

fn record_type(text: &str) -> Result<RecordType, Fault> {
    let found = text.parse::<RecordType>().ok().filter(|rtype| !rtype.is_meta());
    found.ok_or_else(|| {
        let fault = Fault::new(codes::RECORD_TYPE, "a record type such as \"A\" or \"SOA\"");
        fault.help("write its mnemonic, or `TYPE` and its number (RFC 3597)")
    })
}

/// Record data of a type, as in a zone or as `dig` prints them; strings of a TXT may be without
/// their quotes.
fn record_data(rtype: RecordType, text: &str) -> Result<String, Fault> {
    let read = |text: &str| zone::data_from_text(rtype, text, &Name::root());
    let has_strings = matches!(rtype, RecordType::TXT | RecordType::SPF);
    let bare = (has_strings && !text.contains('"')).then(|| format!("\"{text}\""));
    let Err(error) = read(text) else { return Ok(text.to_owned()) };
    if bare.is_some_and(|quoted| read(&quoted).is_ok()) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(codes::EXPECT_ANSWER, format!("data of a record of type {rtype}"));
    let fault = fault.found(format!("{text:?}: {}", error.message));
    Err(fault.help(error.help.unwrap_or_else(|| "write the data as `dig` prints them".to_owned())))
}

fn rcode(value: &Value<'_>) -> Option<At<u16>> {
    if value.is_integer() {
        return value.integer(0..=limits::RCODE);
    }
    value.parsed(|text| {
        let found = Rcode::NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, code)| code.0).ok_or_else(|| {
            let names = Rcode::NAMED.map(|(name, _)| name);
            let expected = format!("one of {}, or a number", suggest::choice(names));
            let help = suggest::help(text, names, "the codes are");
            Fault::new(codes::RCODE, expected).help(help)
        })
    })
}

/// `grpc = { port = 50051, service = "shop.Cart" }`.
pub(super) fn grpc(mut section: Section<'_>) -> GrpcProbe {
    let port = section.value("port", "50051").and_then(|value| value.integer(1..=u16::MAX));
    let service = section.value("service", "\"shop.Cart\"").and_then(|value| value.text());
    let host = section.value("host", "\"www.example.com\"");
    let host = host.and_then(|value| value.parsed(http::host));
    let tls = section.value("tls", "true").and_then(|value| {
        let Some(mut section) = value.as_section() else {
            let wanted = value.boolean()?.value;
            return wanted.then(tls::defaults);
        };
        let options = tls::options(&mut section);
        section.close();
        Some(options)
    });
    section.close();
    GrpcProbe {
        port: port.map_or(50051, |at| at.value),
        service: service.map(|at| at.value).unwrap_or_default(),
        host: host.map(|at| at.value),
        tls,
    }
}

/// `exec = { command = ["/usr/local/bin/probe", "--fast"] }`.
pub(super) fn exec(mut section: Section<'_>) -> Option<ExecProbe> {
    let command = section.required("command", "[\"/usr/local/bin/probe\"]");
    let words = command.as_ref().and_then(|value| value.list(Value::text));
    let (command, words) = command.zip(words)?;
    let mut words = words.value.into_iter();
    let program = words.next()?;
    if program.value.starts_with('/') {
        section.reader().depend(Path::new(&program.value));
    }
    let is_kept = section.reader().inputs.is_kept();
    section.close();
    // Where copies are read it was there when they were made, and is tried when it is run.
    if let (false, Err(fault)) = (is_kept, runnable(&program.value)) {
        return command.fault(fault);
    }
    let arguments = words.map(|at| at.value).collect();
    Some(ExecProbe { program: PathBuf::from(program.value), arguments })
}

/// Whether a program can be run, as far as can be told without running it.
fn runnable(path: &str) -> Result<(), Fault> {
    let fault =
        Fault::new(codes::EXEC_PROGRAM, "the absolute path of a program, then its arguments");
    if !path.starts_with('/') {
        let found = fault.found(format!("{path:?}"));
        return Err(found.help("write the whole path: there is no shell and no search path"));
    }
    match fs::metadata(path) {
        Err(error) => Err(fault
            .found(format!("{path:?}: {error}"))
            .help("create the program, or correct the path")),
        Ok(found) if !found.is_file() => {
            Err(fault.found(format!("{path:?}, which is no file")).help("name the program itself"))
        }
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Err(fault
            .found(format!("{path:?}, which is not executable"))
            .help(format!("run `chmod +x {path}`"))),
        Ok(_) => Ok(()),
    }
}
