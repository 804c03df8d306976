//! Ground to test on: a folder with a zone, a database and a configuration, and the snapshot
//! that comes of them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use meridian::config;
use meridian::config::Config;
use meridian::config::Format;
use meridian::config::Loaded;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;
use meridian::snapshot::World;
use meridian::steer::Admission;
use meridian::steer::ServiceStanding;
use tempfile::TempDir;

use crate::mmdb_writer::MmdbWriter;
use crate::mmdb_writer::Value;
use crate::sources;

/// Files in a folder of their own.
pub(crate) struct Ground(TempDir);

impl Ground {
    /// A folder with a small database, `geo.mmdb`, and these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        ground.write("geo.mmdb", small_database());
        for (name, text) in files {
            ground.write(name, text);
        }
        ground
    }

    /// The world that most tests share.
    pub(crate) fn usual() -> Self {
        Self::new(&[("meridian.toml", USUAL), ("test.zone", ZONE)])
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, by renaming as an operator should.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let beside = self.path(&format!("{name}.new"));
        fs::write(&beside, contents).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    /// The checked configuration of `meridian.toml`.
    pub(crate) fn config(&self) -> Config {
        let Loaded { config, diagnostics, sources, .. } = config::load(&self.path("meridian.toml"));
        let drawn = config::render(&diagnostics, &sources, Format::Full, false);
        config.unwrap_or_else(|| panic!("the ground has mistakes:\n{drawn}"))
    }

    /// Everything admitted.
    pub(crate) fn snapshot(&self) -> Snapshot {
        all_admitted(self.config())
    }
}

/// The world of a configuration, with everything admitted.
pub(crate) fn all_admitted(config: Config) -> Snapshot {
    let (world, _) = World::build(config).unwrap();
    Snapshot { standing: Arc::new(Standing::all_admitted(&world)), world: Arc::new(world) }
}

/// The same world with a standing of these services' regions, by position: (service, region).
pub(crate) fn with_standing(
    snapshot: &Snapshot,
    admission: impl Fn(&str, usize) -> Admission,
) -> Snapshot {
    let standing = snapshot.world.services().iter().map(|service| {
        ServiceStanding::new(service, |region| admission(&service.name, region.index()))
    });
    Snapshot { standing: Arc::new(Standing::new(standing)), world: Arc::clone(&snapshot.world) }
}

/// The country database that is shipped.
pub(crate) fn country_database() -> PathBuf {
    sources::top().join("geoip/dbip-country-lite.mmdb")
}

/// A City database, if the machine has one: `MERIDIAN_CITY_MMDB`, or where the benches keep it.
pub(crate) fn city_database() -> Option<PathBuf> {
    let named = std::env::var_os("MERIDIAN_CITY_MMDB").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let kept = home.map(|home| home.join(".cache/meridian/GeoLite2-City.mmdb"));
    named.or(kept).filter(|path| path.exists())
}

/// A place as the City schema has it.
pub(crate) fn place(country: &str, lat: f64, lon: f64) -> Value {
    Value::map([
        ("country", Value::map([("iso_code", Value::text(country))])),
        (
            "location",
            Value::map([("latitude", Value::Double(lat)), ("longitude", Value::Double(lon))]),
        ),
    ])
}

/// A few networks on three continents, with neighbours that differ.
pub(crate) fn small_database() -> Vec<u8> {
    let (virginia, dublin) = (place("US", 39.0, -77.5), place("IE", 53.3, -6.3));
    let (singapore, oregon) = (place("SG", 1.3, 103.8), place("US", 45.8, -119.7));
    MmdbWriter::new(28, 6)
        .insert("20.0.0.0/8", virginia.clone())
        .insert("20.16.0.0/12", oregon)
        .insert("30.0.0.0/7", dublin.clone())
        .insert("30.64.0.0/10", singapore.clone())
        .insert("30.64.3.0/24", virginia.clone())
        .insert("40.0.0.0/8", singapore.clone())
        .insert("2a00::/16", dublin)
        .insert("2a00:1234::/32", virginia.clone())
        .insert("2400::/12", singapore)
        .insert("2600::/12", virginia)
        .aliases()
        .write()
}

pub(crate) const ZONE: &str = r#"
$ORIGIN test.
$TTL 1h
@        IN SOA   ns1 hostmaster 1 2h 1h 2w 1m
@        IN NS    ns1
@        IN NS    ns2
@        IN TXT   "the apex"
ns1      IN A     192.0.2.1
ns1      IN AAAA  2001:db8::1
ns2      IN A     198.51.100.1
static   IN A     192.0.2.7
one      IN CNAME two
two      IN CNAME static
towww    IN CNAME www
out      IN CNAME www.example.org.
old      IN DNAME new
a.new    IN A     192.0.2.9
sub      IN NS    ns.sub
ns.sub   IN A     192.0.2.53
*.wild   IN TXT   "wild"
long     IN TXT   "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
long     IN TXT   "1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
long     IN TXT   "2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
long     IN TXT   "3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
long     IN TXT   "4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
long     IN TXT   "5123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
"#;

/// Services of every kind, over [`small_database`] and [`ZONE`].
pub(crate) const USUAL: &str = r#"
[server]
nsid = "proof"

[geoip]
databases = ["geo.mmdb"]

[zone.test]
file = "test.zone"

[nets]
"20.5.5.0/24" = "office"

[region.us]
location = { lat = 39.04, lon = -77.49 }
[region.eu]
location = { lat = 53.34, lon = -6.27 }
[region.ap]
location = { lat = 1.35, lon = 103.82 }

[policy.near]
rank = ["rules", "nearest"]
[[policy.near.rule]]
match   = { tag = ["office"] }
regions = ["ap"]

[policy.even]
rank = ["equal"]

[policy.order]
rank = ["priority"]

[service.www]
name   = "www.test"
policy = "near"
[service.www.pool.us]
endpoints = ["203.0.113.1", "2001:db8:1::1"]
[service.www.pool.eu]
endpoints = ["203.0.113.2", "2001:db8:1::2"]
[service.www.pool.ap]
endpoints = ["203.0.113.3", "2001:db8:1::3"]

[service.many]
name    = "many.test"
policy  = "near"
answers = 3
[service.many.pool.us]
endpoints = [
  { address = "203.0.113.11", weight = 1 }, { address = "203.0.113.12", weight = 2 },
  { address = "203.0.113.13", weight = 5 }, { address = "203.0.113.14", weight = 0 },
]
[service.many.pool.eu]
endpoints = ["203.0.113.15", "203.0.113.16"]

[service.sticky]
name   = "sticky.test"
policy = "even"
sticky = true
[service.sticky.pool.us]
endpoints = ["203.0.113.21", "203.0.113.22", "2001:db8:1::21"]
[service.sticky.pool.eu]
endpoints = ["203.0.113.23", "2001:db8:1::23"]

[service.split]
name   = "split.test"
policy = "even"
[service.split.pool.us]
weight    = 3
endpoints = ["203.0.113.31"]
[service.split.pool.eu]
weight    = 1
endpoints = ["203.0.113.32"]
[service.split.pool.ap]
weight    = 0
endpoints = ["203.0.113.33"]

[service.alias]
name   = "alias.test"
policy = "near"
[service.alias.pool.us]
endpoints = ["static.test"]
[service.alias.pool.ap]
endpoints = ["lb.example.org"]

[service.closed]
name     = "closed.test"
policy   = "order"
all-down = "servfail"
[service.closed.pool.us]
endpoints = ["203.0.113.41"]

[service.spare]
name     = "spare.test"
policy   = "order"
all-down = { fallback = ["203.0.113.52"] }
[service.spare.pool.us]
endpoints = ["203.0.113.51"]
"#;
