//! `[region.NAME]`: places where endpoints live.

use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::monitor;
use crate::config::monitor::Place;
use crate::config::monitors::monitor_id;
use crate::config::reader::At;
use crate::config::section::Section;
use crate::config::value::quoted;
use crate::model::Coordinates;
use crate::model::Diagnostic;
use crate::model::Monitor;
use crate::model::Probe;
use crate::model::ProbeAt;
use crate::model::ProbeHost;
use crate::model::Region;
use crate::model::RegionMonitor;

/// A region as written.
pub(super) struct Written {
    /// The region, and where its name stands.
    pub(super) region: At<Region>,
    /// The monitor of its own.
    monitor: Option<At<String>>,
    /// Where it probes.
    probe: Option<At<Place>>,
}

/// Reads `[region.NAME]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let name = section.identifier();
    let location = location(&mut section);
    let bias = section.value("bias", "10").and_then(|value| value.integer(-99..=99_i8));
    let monitor = section.value("monitor", "\"web\"").and_then(|value| value.text());
    let probe = section.value("probe", "\"10.0.0.1:8080\"");
    let probe = probe.and_then(|value| value.parsed(monitor::place));
    let min_pools = section.value("min-pools", "\"50%\"").and_then(|value| value.percent());
    section.close();
    let min_pools = min_pools.map_or(0, |at| at.value);
    let bias = bias.map_or(0, |at| at.value);
    let region =
        Region { name: name.value, location, bias, monitor: None, min_pools, capacity: None };
    Written { region: At { value: region, span: name.span }, monitor, probe }
}

/// Reads `location`.
pub(super) fn location(section: &mut Section<'_>) -> Option<Coordinates> {
    let value = section.value("location", "{ lat = 53.34, lon = -6.27 }")?;
    let mut section = value.section()?;
    let lat = section.required("lat", "53.34").and_then(|value| value.degrees(-90.0..=90.0, 53.34));
    let lon =
        section.required("lon", "-6.27").and_then(|value| value.degrees(-180.0..=180.0, -6.27));
    section.close();
    Coordinates::new(lat?.value, lon?.value)
}

/// Finds the monitor of a region, and where it probes.
pub(super) fn monitor_of(
    written: &Written,
    monitors: &[At<Monitor>],
    names: &mut Directory,
    problems: &mut Vec<Diagnostic>,
) -> Option<RegionMonitor> {
    let name = &written.region.value.name;
    let Some(wanted) = &written.monitor else {
        problems.extend(written.probe.as_ref().map(|probe| {
            let message = format!("region `{name}` says where to probe, but has no monitor");
            Diagnostic::error(codes::PROBE_WITHOUT_MONITOR, probe.span, message)
                .label(probe.span, "nothing is probed")
                .help("add `monitor = \"…\"` with the name of a monitor, or remove `probe`")
        }));
        return None;
    };
    let position = names.find(wanted, problems)?;
    names.mark(position);
    let monitor = &monitors.get(position)?.value;
    if let Some(place) = &written.probe
        && let Some(fault) = place.value.fault_of_all(&[monitor])
    {
        problems.push(fault.at("probe", place.span));
        return None;
    }
    let own = written.probe.as_ref().map(|at| at.value.at.clone());
    let nowhere = matches!(monitor.probe, Probe::Exec(_) | Probe::Push);
    let itself = || {
        let host = ProbeHost::Name(name.clone());
        nowhere.then_some(ProbeAt { host, port: None, path: None })
    };
    let Some(at) = own.or_else(|| monitor.at.clone()).or_else(itself) else {
        let message = format!(
            "region `{name}` has monitor `{}`, but nothing says where to probe",
            wanted.value
        );
        problems.push(
            Diagnostic::error(codes::REGION_MONITOR_WITHOUT_TARGET, wanted.span, message)
                .label(wanted.span, "a region has no address of its own")
                .help("add `probe = \"10.0.0.1:8080\"` to the region, or `at` to the monitor"),
        );
        return None;
    };
    Some(RegionMonitor { monitor: monitor_id(position), at })
}

/// Warns of each region where no service has a pool.
pub(super) fn unused(region: &At<Region>) -> Diagnostic {
    let name = &region.value.name;
    Diagnostic::warning(
        codes::UNUSED_REGION,
        region.span,
        format!("no service has a pool in region `{name}`"),
    )
    .label(region.span, "without a pool")
    .help(format!("add `[service.NAME.pool.{}]`, or remove the region", quoted(name)))
}
