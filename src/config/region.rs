//! `[region.NAME]`: places where endpoints live.

use crate::config::codes;
use crate::config::reader::At;
use crate::config::section::Section;
use crate::config::value::quoted;
use crate::model::Coordinates;
use crate::model::Diagnostic;
use crate::model::Region;

/// A region as written.
pub(super) struct Written {
    /// The region, and where its name stands.
    pub(super) region: At<Region>,
    /// The monitor of its own.
    pub(super) monitor: Option<At<String>>,
}

/// Reads `[region.NAME]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let name = section.identifier();
    let location = section.value("location", "{ lat = 53.34, lon = -6.27 }");
    let location = location.and_then(|value| value.section()).and_then(location_in);
    let bias = section.value("bias", "10").and_then(|value| value.integer(-99..=99_i8));
    let monitor = section.value("monitor", "\"web\"").and_then(|value| value.text());
    section.close();
    let bias = bias.map_or(0, |at| at.value);
    let region = Region { name: name.value, location, bias, monitor: None, min_pools: 0 };
    Written { region: At { value: region, span: name.span }, monitor }
}

fn location_in(mut section: Section<'_>) -> Option<Coordinates> {
    let lat = section.required("lat", "53.34").and_then(|value| value.degrees(-90.0..=90.0, 53.34));
    let lon =
        section.required("lon", "-6.27").and_then(|value| value.degrees(-180.0..=180.0, -6.27));
    section.close();
    Coordinates::new(lat?.value, lon?.value)
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
