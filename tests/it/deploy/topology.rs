//! What `docker-compose.yml` describes, as processes: it answers, and moves clients away from a
//! region that died.

use std::net::Ipv4Addr;

use serde_json::Value;

use crate::deploy::container::Machine;
use crate::lab::until;
use crate::sources;

const SERVERS: [&str; 2] = ["ns1", "ns2"];

/// Clients, and the region that is nearest to them.
const CLIENTS: [(&str, &str); 3] =
    [("8.8.8.0/24", "us-east"), ("81.2.69.0/24", "eu-west"), ("2001:218::/48", "ap-southeast")];

impl Machine {
    /// The address that a name server answers a client.
    fn answer(&self, server: &str, client: &str) -> Option<Ipv4Addr> {
        let at = format!("@{}", self.compose.services[server].address());
        let mut command = self.on_host("dig");
        command.args([&at, "www.gslb.example.com", "A", &format!("+subnet={client}")]);
        let output = command.args(["+short", "+tries=1", "+timeout=1"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().find_map(|line| line.parse().ok())
    }

    /// Waits until both name servers answer these clients these regions.
    fn wait_for(&self, what: &str, wanted: [(&str, &str); 3]) {
        let took = until(what, || {
            wanted.iter().all(|(client, region)| {
                let address = self.compose.services[*region].address();
                SERVERS.iter().all(|server| self.answer(server, client) == Some(address))
            })
        });
        println!("{what}: after {took:.2?}");
    }

    /// What a name server says of what is probed.
    fn verdicts(&self, server: &str) -> Vec<String> {
        let health = self.compose.services[server].health.as_ref().unwrap();
        let asked = self.exec(server, &[&health.test[1..], &["--json".into()]].concat());
        let status: Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
        let checks = status["checks"].as_array().into_iter().flatten();
        checks.map(|check| check["verdict"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// One test, since a machine with little to spare has enough to do with one such deployment.
#[test]
fn both_name_servers_move_clients_away_from_a_region_that_died() {
    let Some(mut machine) = Machine::start() else { return };
    for server in SERVERS {
        // The program is not root's, and the kernel let it listen at port 53.
        let listens = || machine.log(server).contains("listening on udp and tcp");
        let took = until(&format!("{server} listens"), listens);
        println!("{server} listens after {took:.2?}");
    }
    for server in SERVERS {
        // They probe nothing themselves: it came from the probers, by NATS.
        let took = until("all is found up", || machine.verdicts(server) == ["up"; 3]);
        println!("{server}: all is found up after {took:.2?}");
        let health = machine.compose.services[server].health.as_ref().unwrap();
        let asked = machine.exec(server, &health.test[1..]);
        assert!(asked.status.success(), "{asked:?}\n{}", machine.log(server));
    }
    machine.wait_for("each is answered the nearest region", CLIENTS);
    asks_for_a_token(&machine);

    machine.kill("eu-west");
    let [america, (europe, _), asia] = CLIENTS;
    machine.wait_for("clients of eu-west are elsewhere", [america, (europe, "us-east"), asia]);
    machine.run("eu-west");
    machine.wait_for("clients of eu-west are back", CLIENTS);

    // Without what nodes share they answer from what they know.
    machine.kill("nats");
    machine.wait_for("all is as it was without NATS", CLIENTS);
}

/// Whoever is not in the container needs the token, and may look with it.
fn asks_for_a_token(machine: &Machine) {
    let url = format!("http://{}:8053", machine.compose.services["ns1"].address());
    let ask = |words: &[&str]| {
        let mut command = machine.on_host("meridian");
        command.current_dir(sources::top()).args(words).args(["--api", &url]);
        command.output().unwrap()
    };
    let token = ["--token-file", "zones/compose/read.token"];
    let shown = ask(&[&["status"], &token[..]].concat());
    assert!(shown.status.success(), "{shown:?}");
    for refused in [ask(&["status"]), ask(&[&["drain", "eu-west"], &token[..]].concat())] {
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    }
}
