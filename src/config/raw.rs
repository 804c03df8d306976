//! What the files say, before anything is resolved.
//!
//! One [`Raw`] collects all files: they share one namespace. It holds values
//! that are right by themselves; whether they fit together is for `check`.

use std::path::PathBuf;

use crate::config::cluster;
use crate::config::codes;
use crate::config::control;
use crate::config::geography;
use crate::config::geography::Nets;
use crate::config::hook;
use crate::config::hook::Hook;
use crate::config::latency;
use crate::config::latency::Latency;
use crate::config::maintenance;
use crate::config::measure;
use crate::config::monitor;
use crate::config::monitor::Votes;
use crate::config::notation;
use crate::config::policy;
use crate::config::reader::At;
use crate::config::region;
use crate::config::section::Section;
use crate::config::server;
use crate::config::server::Server;
use crate::config::service;
use crate::config::state;
use crate::config::value::Value;
use crate::config::vantage;
use crate::model::Diagnostic;
use crate::model::Monitor;
use crate::model::Name;

/// A zone as written.
pub(super) struct Zone {
    /// Its apex.
    pub(super) apex: At<Name>,
    /// Its master file; `None` if that was wrong.
    pub(super) file: Option<At<PathBuf>>,
}

/// All files, in the order in which they were read.
#[derive(Default)]
pub(super) struct Raw {
    pub(super) server: Option<At<Server>>,
    pub(super) control: Option<At<control::Written>>,
    pub(super) hooks: Vec<At<Hook>>,
    pub(super) geoip: Option<At<Vec<At<PathBuf>>>>,
    pub(super) nets: Nets,
    pub(super) zones: Vec<Zone>,
    pub(super) regions: Vec<region::Written>,
    pub(super) monitors: Vec<At<Monitor>>,
    /// What monitors say of votes.
    pub(super) votes: Vec<Votes>,
    pub(super) cluster: Option<At<cluster::Written>>,
    pub(super) vantages: Vec<vantage::Written>,
    /// The files that monitors and the cluster name: certificates, keys, programs; also those
    /// that are not there, since what names them becomes right once they are.
    pub(super) named: Vec<PathBuf>,
    pub(super) policies: Vec<policy::Written>,
    pub(super) services: Vec<service::Written>,
    pub(super) maintenance: Vec<maintenance::Written>,
    pub(super) latency: Option<At<Latency>>,
    pub(super) measure: Option<At<measure::Written>>,
    pub(super) state: Option<At<Option<PathBuf>>>,
    /// Patterns of files to include, in the main file only.
    pub(super) include: Vec<At<PathBuf>>,
}

impl Raw {
    /// The zones, databases, lists of networks, tokens and further files that are named.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let zones = self.zones.iter().filter_map(|zone| zone.file.as_ref());
        let databases = self.geoip.iter().flat_map(|geoip| &geoip.value);
        let tokens = self.control.iter().flat_map(|control| control.value.files());
        let named = zones.chain(databases).chain(&self.nets.files).chain(tokens);
        named.map(|at| &at.value).chain(&self.named)
    }

    /// Adds a file. Only the main file may include others.
    pub(super) fn add(&mut self, mut root: Section<'_>, is_main: bool) {
        self.add_include(&mut root, is_main);
        if let Some(section) = root.section("server") {
            let span = section.name.span;
            once(&root, &mut self.server, At { value: server::read(section), span }, "server");
        }
        if let Some(section) = root.section("control") {
            let span = section.name.span;
            let control = At { value: control::read(section), span };
            once(&root, &mut self.control, control, "control");
        }
        if let Some(section) = root.section("geoip") {
            let span = section.name.span;
            let geoip = At { value: geography::read_geoip(section), span };
            once(&root, &mut self.geoip, geoip, "geoip");
        }
        if let Some(section) = root.section("nets") {
            let nets = geography::read_nets(&section);
            self.nets.tagged.extend(nets.tagged);
            self.nets.files.extend(nets.files);
        }
        if let Some(section) = root.section("state") {
            let span = section.name.span;
            once(&root, &mut self.state, At { value: state::read(section), span }, "state");
        }
        if let Some(section) = root.section("latency") {
            let span = section.name.span;
            once(&root, &mut self.latency, At { value: latency::read(section), span }, "latency");
        }
        if let Some(section) = root.section("measure") {
            let span = section.name.span;
            let measure = At { value: measure::read(section), span };
            once(&root, &mut self.measure, measure, "measure");
        }
        if let Some(section) = root.section("cluster") {
            let span = section.name.span;
            let cluster = At { value: cluster::read(section), span };
            once(&root, &mut self.cluster, cluster, "cluster");
        }
        self.vantages.extend(root.named("vantage").into_iter().map(vantage::read));
        self.zones.extend(root.named("zone").into_iter().filter_map(zone));
        self.regions.extend(root.named("region").into_iter().map(region::read));
        for (monitor, votes) in root.named("monitor").into_iter().map(monitor::read) {
            self.monitors.push(monitor);
            self.votes.push(votes);
        }
        self.policies.extend(root.named("policy").into_iter().map(policy::read));
        self.hooks.extend(root.named("hook").into_iter().map(hook::read));
        self.services.extend(root.named("service").into_iter().map(service::read));
        self.maintenance.extend(root.elements("maintenance").into_iter().map(maintenance::read));
        root.close();
    }

    fn add_include(&mut self, root: &mut Section<'_>, is_main: bool) {
        let Some(value) = root.value("include", "[\"services/*.toml\"]") else { return };
        if is_main {
            let patterns = value.list(Value::path);
            self.include.extend(patterns.map(|at| at.value).unwrap_or_default());
            return;
        }
        let message = "an included file can't include others, found `include`";
        root.reader().report(
            Diagnostic::error(codes::INCLUDE_NESTED, value.span, message)
                .label(value.span, "only the main file includes")
                .help("move these patterns to the `include` of the main file"),
        );
    }
}

/// Keeps the first of two tables of which there may be one, and reports the second.
fn once<T>(root: &Section<'_>, slot: &mut Option<At<T>>, found: At<T>, name: &str) {
    let Some(first) = slot else {
        *slot = Some(found);
        return;
    };
    root.reader().report(
        Diagnostic::error(
            codes::DUPLICATE_NAME,
            found.span,
            format!("`[{name}]` is in two files, expected one"),
        )
        .label(found.span, "second time")
        .label(first.span, "first time")
        .help("put all its keys into one of the files"),
    );
}

/// Reads `[zone."APEX"]`.
fn zone(mut section: Section<'_>) -> Option<Zone> {
    let At { value: text, span } = section.name.clone();
    // A name of RFC 2317 has a slash, which no file name has.
    let example = format!("\"zones/{}.zone\"", text.trim_end_matches('.').replace('/', "-"));
    let file = section.required("file", &example).and_then(|value| value.path());
    let apex = match notation::domain(&text) {
        Ok(apex) => Some(At { value: apex, span }),
        Err(fault) => {
            section.reader().report(geography::problem(span, &text, fault));
            None
        }
    };
    section.close();
    apex.map(|apex| Zone { apex, file })
}
