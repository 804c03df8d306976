//! `docker-compose.yml`, as far as it is used: a key that is not known here is an error.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;

use crate::deploy::image::Image;
use crate::sources;

/// The file. Keys with `x-` are where its parts are written once.
#[derive(Debug, Deserialize)]
pub(super) struct Compose {
    pub(super) services: BTreeMap<String, Service>,
    pub(super) networks: BTreeMap<String, Network>,
    pub(super) volumes: BTreeMap<String, Option<()>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    /// Where the image is built from; else it comes from a registry.
    pub(super) build: Option<String>,
    pub(super) image: String,
    #[serde(default)]
    pub(super) command: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) hostname: Option<String>,
    #[serde(default)]
    pub(super) cap_drop: Vec<String>,
    #[serde(default)]
    pub(super) cap_add: Vec<String>,
    #[serde(default)]
    pub(super) read_only: bool,
    pub(super) restart: String,
    #[serde(default)]
    pub(super) sysctls: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) ports: Vec<String>,
    #[serde(default)]
    pub(super) volumes: Vec<String>,
    #[serde(default)]
    pub(super) tmpfs: Vec<String>,
    #[serde(rename = "healthcheck")]
    pub(super) health: Option<Health>,
    networks: BTreeMap<String, Attachment>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Health {
    pub(super) test: Vec<String>,
    #[serde(rename = "interval")]
    _interval: String,
    #[serde(rename = "timeout")]
    _timeout: String,
    #[serde(rename = "start_period")]
    _start_period: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    ipv4_address: Ipv4Addr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    ipam: Ipam,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ipam {
    config: Vec<Subnet>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subnet {
    subnet: ipnet::Ipv4Net,
}

/// Something of the host, or of Docker, that a container sees at a path.
#[derive(Debug)]
pub(super) struct Mount<'a> {
    pub(super) source: &'a str,
    pub(super) target: &'a str,
    pub(super) is_read_only: bool,
}

impl Mount<'_> {
    /// The path in the repository; `None` for a volume that Docker keeps.
    pub(super) fn in_repository(&self) -> Option<&str> {
        self.source.strip_prefix("./")
    }
}

impl Compose {
    pub(super) fn read() -> Self {
        serde_saphyr::from_str(&sources::read("docker-compose.yml")).unwrap()
    }

    /// The network that all are in.
    pub(super) fn subnet(&self) -> ipnet::Ipv4Net {
        assert_eq!(self.networks.len(), 1);
        let network = self.networks.values().next().unwrap();
        assert_eq!(network.ipam.config.len(), 1);
        network.ipam.config[0].subnet
    }

    /// The services that run Meridian, in this way: `serve` or `probe`.
    pub(super) fn running(&self, command: &str) -> Vec<(&str, &Service)> {
        let runs = |service: &Service| {
            service.build.is_some() && service.command.first().is_some_and(|word| word == command)
        };
        let all = self.services.iter().map(|(name, service)| (name.as_str(), service));
        all.filter(|(_, service)| runs(service)).collect()
    }
}

impl Service {
    pub(super) fn address(&self) -> Ipv4Addr {
        assert_eq!(self.networks.len(), 1);
        self.networks.values().next().unwrap().ipv4_address
    }

    pub(super) fn mounts(&self) -> impl Iterator<Item = Mount<'_>> {
        self.volumes.iter().map(|text| {
            let (source, rest) = text.split_once(':').unwrap();
            let (target, mode) = rest.split_once(':').unwrap_or((rest, "rw"));
            assert!(["ro", "rw"].contains(&mode), "{text}");
            Mount { source, target, is_read_only: mode == "ro" }
        })
    }

    /// What runs in the container, the program first.
    pub(super) fn words(&self, image: &Image) -> Vec<String> {
        match self.build {
            Some(_) if self.command.is_empty() => image.words(),
            Some(_) => image.entrypoint.iter().chain(&self.command).cloned().collect(),
            None => self.command.clone(),
        }
    }
}
