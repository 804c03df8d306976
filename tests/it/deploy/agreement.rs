//! The files agree with the commands, and with one another.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use clap::ArgMatches;
use meridian::config;
use meridian::config::Config;
use meridian::model::RecordType;
use meridian::model::Target;

use crate::deploy::compose::Compose;
use crate::deploy::compose::Service;
use crate::deploy::image::Image;
use crate::needs;
use crate::program;
use crate::sources;

/// The folder of the repository that has the configuration.
const FOLDER: &str = "zones/compose";

/// Where what is in the containers at a path is in the repository.
fn in_repository(image: &Image, service: &Service, path: &Path) -> PathBuf {
    let mounts = service.mounts().filter_map(|mount| {
        let source = mount.in_repository()?;
        Some((PathBuf::from(source), path.strip_prefix(mount.target).ok()?.to_owned()))
    });
    let copies = image.copied();
    let copies = copies.iter().filter_map(|(source, target)| {
        Some((PathBuf::from(source), path.strip_prefix(target).ok()?.to_owned()))
    });
    // A mount hides what the image has there.
    let (source, rest) = mounts.chain(copies).next().unwrap_or_else(|| {
        panic!("{} is in no container", path.display());
    });
    sources::top().join(source).join(rest)
}

/// What the command line makes of the words: the subcommand and its options.
fn parse(words: &[String]) -> (String, ArgMatches) {
    let matches = meridian::cli::command().try_get_matches_from(words);
    let matches = matches.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let (name, options) = matches.subcommand().unwrap();
    (name.to_owned(), options.clone())
}

fn node(options: &ArgMatches) -> Option<&str> {
    options.get_one::<String>("node").map(String::as_str)
}

fn configuration() -> Config {
    let path = sources::top().join(FOLDER).join("meridian.toml");
    config::load(&path).config.expect("`meridian check` finds no mistake")
}

#[test]
fn commands_are_commands_and_name_files_that_are_there() {
    let (compose, image) = (Compose::read(), Image::read());
    let mut names = Vec::new();
    for (name, service) in compose.services.iter().filter(|(_, service)| service.build.is_some()) {
        let health = service.health.as_ref().map(|health| health.test.as_slice());
        let asked = health.map(|test| match test {
            [kind, words @ ..] if kind == "CMD" => words,
            _ => panic!("{name}: a shell is in no need of being there: {test:?}"),
        });
        for words in [Some(service.words(&image).as_slice()), asked].into_iter().flatten() {
            assert_eq!(words[0], "meridian", "{name}");
            let (_, options) = parse(words);
            let file = options.get_one::<PathBuf>("config").unwrap();
            let file = in_repository(&image, service, file);
            assert!(file.is_file(), "{name}: {}", file.display());
        }
        let (command, options) = parse(&service.words(&image));
        assert_eq!(node(&options), Some(name.as_str()), "a node is called like its container");
        names.push((command, name.as_str()));
        // Only who serves can be asked.
        assert_eq!(asked.is_some(), names.last().unwrap().0 == "serve", "{name}");
    }
    let of = |command: &str| -> BTreeSet<&str> {
        names.iter().filter(|(of, _)| of == command).map(|(_, name)| *name).collect()
    };
    let config = configuration();
    let vantages = config.vantages.all.iter().map(|vantage| vantage.name.as_str()).collect();
    assert_eq!(of("probe"), vantages, "who probes may vote, and the reverse");
    assert_eq!(of("serve"), BTreeSet::from(["ns1", "ns2"]));
    assert!(!config.cluster.unwrap().probe, "name servers leave it to them");
    assert!(config.vantages.groups.len() > 1, "{:?}", config.vantages.groups);

    // Without any word it serves the example.
    let (command, options) = parse(&image.words());
    assert_eq!(command, "serve");
    let file = options.get_one::<PathBuf>("config").unwrap();
    let (source, target) = image.copied()[0];
    let file = sources::top().join(source).join(file.strip_prefix(target).unwrap());
    assert_eq!(file, sources::top().join("zones/meridian.toml"));
}

#[test]
fn what_is_mounted_is_there_and_nothing_else_can_be_written() {
    let compose = Compose::read();
    let mut kept = BTreeSet::new();
    for (name, service) in &compose.services {
        for mount in service.mounts() {
            match mount.in_repository() {
                Some(path) => {
                    assert!(sources::top().join(path).exists(), "{name}: {path}");
                    assert!(mount.is_read_only, "{name}: {path}");
                }
                None => {
                    assert!(compose.volumes.contains_key(mount.source), "{name}: {mount:?}");
                    assert!(kept.insert(mount.source), "{name}: a folder has one owner");
                }
            }
        }
        assert!(service.read_only && service.cap_drop == ["ALL"], "{name}");
        assert_eq!(service.restart, "unless-stopped", "{name}");
        // A web server says this of itself.
        assert!(service.hostname.as_ref().is_none_or(|host| host == name), "{name}");
        // The same tomorrow as today; `latest` is not.
        let (_, version) = service.image.split_once(':').unwrap();
        let is_ours = service.build.is_some();
        assert_eq!(version.starts_with(|c: char| c.is_ascii_digit()), !is_ours, "{name}");
        if is_ours {
            // The kernel runs no program that has in its file what the container may not have.
            assert_eq!(service.cap_add, ["NET_BIND_SERVICE"], "{name}");
            assert_eq!(service.user, None, "{name}: the image says who");
        }
    }
    assert!(kept.iter().copied().eq(compose.volumes.keys()), "{kept:?}");
}

#[test]
fn ports_are_those_that_the_configuration_listens_at() {
    let (compose, image, config) = (Compose::read(), Image::read(), configuration());
    let mut listened = BTreeSet::new();
    for address in &config.server.listen {
        listened.extend(["udp", "tcp"].map(|kind| format!("{}/{kind}", address.port())));
    }
    listened.insert(format!("{}/tcp", config.control.listen.unwrap().port()));
    assert_eq!(image.exposed.iter().cloned().collect::<BTreeSet<_>>(), listened);
    let mut of_host = BTreeSet::new();
    for (name, service) in &compose.services {
        let split = |text: &String| {
            let (host, container) = text.rsplit_once(':').unwrap();
            (host.to_owned(), container.to_owned())
        };
        let ports: Vec<(String, String)> = service.ports.iter().map(split).collect();
        for (host, container) in &ports {
            let kind = container.split('/').nth(1).unwrap();
            assert!(of_host.insert(format!("{host}/{kind}")), "{name}: {host} is taken");
            // What is not DNS is for this machine only.
            assert_eq!(host.contains("127.0.0.1:"), !container.starts_with("53/"), "{host}");
        }
        let ports: BTreeSet<String> = ports.into_iter().map(|(_, container)| container).collect();
        let wanted = if compose.running("serve").iter().any(|(of, _)| of == name) {
            listened.clone()
        } else {
            BTreeSet::new()
        };
        assert_eq!(ports, wanted, "{name}");
    }
    assert!(of_host.contains("5301/udp") && of_host.contains("5302/tcp"), "{of_host:?}");

    // What asks NATS whether it lives asks at a port of it.
    let nats = &compose.services["nats"];
    let url = nats.health.as_ref().unwrap().test.last().unwrap();
    let words = &nats.command;
    let at = words.iter().position(|word| word == "--http_port").unwrap();
    assert!(url.starts_with(&format!("http://127.0.0.1:{}/", words[at + 1])), "{url}");
    // It keeps what it is given where there is a volume.
    let at = words.iter().position(|word| word == "--store_dir").unwrap();
    assert!(nats.mounts().any(|mount| mount.target == words[at + 1]), "{words:?}");
}

#[test]
fn addresses_are_those_that_the_containers_have() {
    let (compose, config) = (Compose::read(), configuration());
    let addresses: BTreeSet<Ipv4Addr> = compose.services.values().map(Service::address).collect();
    assert_eq!(addresses.len(), compose.services.len(), "each has its own");
    let inside = |address: &Ipv4Addr| compose.subnet().contains(address);
    assert!(addresses.iter().all(inside), "{addresses:?}");

    let of = |service: &str| compose.services[service].address();
    let servers = &config.cluster.as_ref().unwrap().servers;
    assert_eq!(*servers, [format!("nats://{}:4222", of("nats"))]);
    for pool in &config.services[0].pools {
        let region = &config.regions[pool.region.index()].name;
        let targets: Vec<&Target> = pool.endpoints.iter().map(|e| &e.target).collect();
        assert_eq!(targets, [&Target::Address(of(region).into())], "{region}");
    }
    assert_eq!(config.services[0].pools.len(), config.regions.len());

    // The delegation: a name server each, at its address.
    let (_, records) = &config.zones[0];
    let hosts = records.iter().filter(|record| record.rtype == RecordType::A);
    let hosts: BTreeSet<(String, Vec<u8>)> =
        hosts.map(|record| (record.owner.to_string(), record.rdata.to_vec())).collect();
    let wanted = compose.running("serve").into_iter().map(|(name, service)| {
        (format!("{name}.gslb.example.com."), service.address().octets().to_vec())
    });
    assert_eq!(hosts, wanted.collect());

    // A load balancer each, with its own two web servers.
    let mut kinds = BTreeSet::new();
    for region in config.regions.iter().map(|region| &region.name) {
        let balancer = &compose.services[region];
        let mount = balancer.mounts().next().unwrap();
        let text = sources::read(mount.in_repository().unwrap());
        let named: Vec<&str> = text.split([' ', ':', '\n']).collect();
        let named: BTreeSet<Ipv4Addr> = named.iter().filter_map(|w| w.parse().ok()).collect();
        let webs = ["a", "b"].map(|last| of(&format!("{region}-{last}")));
        assert_eq!(named, BTreeSet::from(webs), "{region}");
        kinds.insert(balancer.command[0].as_str());
    }
    assert_eq!(kinds, BTreeSet::from(["haproxy", "nginx"]));
}

#[test]
fn every_configuration_passes_the_check_of_who_reads_it() {
    for file in ["zones/meridian.toml", "zones/compose/meridian.toml"] {
        let run = program::run(sources::top(), &format!("check -c {file}"));
        assert_eq!((run.code, run.stdout.as_str()), (0, "no problems\n"), "{}", run.shown());
    }
    let scratch = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for entry in fs::read_dir(sources::top().join(FOLDER)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (program, words) = match name.rsplit_once('.') {
            Some((_, "cfg")) => ("haproxy", vec!["-c".to_owned(), "-f".to_owned()]),
            Some((_, "conf")) => {
                let prefix = scratch.path().to_str().unwrap().to_owned();
                let words = ["-t", "-p", &prefix, "-e", "stderr", "-c"];
                ("nginx", words.map(str::to_owned).to_vec())
            }
            _ => continue,
        };
        let mut command = Command::new(program);
        let Ok(output) = command.env("PATH", needs::search_path()).args(words).arg(&path).output()
        else {
            needs::left_out(&format!("`{program}` is missing (see tests/prerequisites.sh)"));
            continue;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        assert!(!said.to_lowercase().contains("[warn"), "{name}: {said}");
        checked += 1;
    }
    println!("{checked} files checked");
}
