//! What several benches stand on: regions, a City database, the memory of this process.

use std::path::PathBuf;

/// The eleven regions of the wire bench.
pub(crate) const ELEVEN: [(f64, f64); 11] = [
    (39.04, -77.49),
    (37.34, -121.89),
    (41.26, -95.86),
    (-23.55, -46.63),
    (53.34, -6.27),
    (50.11, 8.68),
    (59.33, 18.07),
    (24.45, 54.38),
    (19.08, 72.88),
    (1.35, 103.82),
    (35.68, 139.69),
];

/// The City database that `MERIDIAN_CITY_MMDB` names, or that `benches/wire/run.py` fetched.
pub(crate) fn city() -> Option<PathBuf> {
    let named = std::env::var_os("MERIDIAN_CITY_MMDB").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let kept = home.map(|home| home.join(".cache/meridian/GeoLite2-City.mmdb"));
    named.or(kept).filter(|path| path.exists())
}

/// Octets of memory that this process has.
pub(crate) fn resident_octets() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
