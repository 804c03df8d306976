//! Clusters, vantages, and how monitors vote.

use crate::config::Config;
use crate::config::Loaded;
use crate::config::Login;
use crate::config::load_str;
use crate::config::tests::cases;
use crate::config::tests::codes;
use crate::config::tests::folder::Folder;
use crate::model::Quorum;
use crate::model::Severity;
use crate::model::Voting;
use crate::model::VotingScope;
use crate::model::limits;

/// As the other cases: code, what is replaced, by what.
pub(super) const CASES: &[(&str, &str, &str)] = &[
    (
        "cluster-login",
        "",
        "[cluster]\nnats = \"nats://10.0.0.1\"\ntoken-file = \"nats.token\"\nuser = \"meridian\"\n",
    ),
    ("cluster-secret", "", "[cluster]\nnats = \"nats://10.0.0.1\"\ncredentials = \"nats.token\"\n"),
    (
        "cluster-url",
        "",
        "[cluster]\nnats = [\"10.0.0.1\", \"https://nats.example.net\", \"nats://me:secret@a.example\"]\n",
    ),
    (
        "cluster-without-vantages",
        "",
        "[cluster]\nnats = \"nats://10.0.0.1\"\n[monitor.web]\nhttp = {}\n",
    ),
    (
        "nobody-probes",
        "",
        "[cluster]\nnats = \"nats://10.0.0.1\"\nprobe = false\n[monitor.web]\nhttp = {}\n",
    ),
    (
        "node-name",
        "",
        "[cluster]\nnode = \"ns1.example.com\"\n[vantage.\"fra 1\"]\ngroup = \"Île\"\n",
    ),
    ("push-votes", "", "[monitor.own]\npush = {}\nquorum = \"majority\"\nmin-vantages = 2\n"),
    ("quorum", "", "[monitor.web]\nhttp = {}\nquorum = \"150%\"\ngroup-quorum = \"2\"\n"),
    (
        "scope-without-location",
        "",
        "[cluster]\nnats = \"nats://10.0.0.1\"\n[vantage.fra]\n[monitor.web]\nhttp = {}\nscope = \"vantage\"\n",
    ),
    ("scope-without-vantages", "", "[monitor.web]\nhttp = {}\nscope = \"vantage\"\n"),
    (
        "too-few-vantages",
        "",
        "[cluster]\nnats = \"nats://10.0.0.1\"\n[vantage.fra]\n[vantage.ams]\n\
         [monitor.web]\nhttp = {}\nquorum = 3\nmin-vantages = 4\n",
    ),
    ("vantages-without-cluster", "", "[vantage.fra]\n[vantage.ams]\n"),
    ("voting-scope", "", "[monitor.web]\nhttp = {}\nscope = \"vantages\"\n"),
];

/// A cluster of three vantages in two groups.
const CLUSTER: &str = "[geoip]\ndatabases = [\"geoip/dbip-country-lite.mmdb\"]\n\
    [cluster]\nnats = [\"nats://10.0.0.1\", \"tls://nats.example.net:5222\"]\n\
    [vantage.fra]\ngroup = \"europe\"\nlocation = { lat = 50.11, lon = 8.68 }\n\
    [vantage.nyc]\n\
    [vantage.ams]\ngroup = \"europe\"\n";

fn loaded(text: &str) -> Loaded {
    load_str(&format!("{text}{}", cases::BASE), Folder::new().path())
}

fn config(text: &str) -> Config {
    let loaded = loaded(text);
    let all = codes(&loaded);
    assert!(all.iter().all(|code| *code == "unused-monitor"), "{all:?}");
    loaded.config.unwrap()
}

/// What is said of a monitor with these keys, beside that nothing uses it.
fn problems(text: &str, monitor: &str) -> Vec<&'static str> {
    let all = codes(&loaded(&format!("{text}[monitor.it]\n{monitor}\n")));
    all.into_iter().filter(|code| *code != "unused-monitor").collect()
}

#[test]
fn a_node_is_alone_unless_the_file_says_otherwise() {
    let found = config("[monitor.it]\nhttp = {}\n");
    assert_eq!(found.cluster, None);
    assert!(found.vantages.all.is_empty() && found.vantages.groups.is_empty());
    assert_eq!(found.monitors[0].voting, Voting::default());
}

#[test]
fn what_is_left_out_of_a_cluster_has_defaults() {
    let cluster = config(CLUSTER).cluster.unwrap();
    assert_eq!(cluster.servers, ["nats://10.0.0.1:4222", "tls://nats.example.net:5222"]);
    assert_eq!((cluster.bucket.as_str(), cluster.replicas, cluster.probe), ("meridian", 1, true));
    assert_eq!((cluster.node, cluster.login), (None, Login::Anyone));
    assert_eq!((cluster.authorities, cluster.identity), (None, None));
    let more = "[cluster]\nnode = \"ns1\"\nbucket = \"m_2\"\nreplicas = 5\nprobe = false\n\
                nats = \"nats://10.0.0.1\"\n";
    let cluster = config(&CLUSTER.replace("[cluster]\n", more).replacen(
        "nats = [\"nats://10.0.0.1\", \"tls://nats.example.net:5222\"]\n",
        "",
        1,
    ));
    let cluster = cluster.cluster.unwrap();
    assert_eq!((cluster.bucket.as_str(), cluster.replicas, cluster.probe), ("m_2", 5, false));
    assert_eq!(cluster.node.as_deref(), Some("ns1"));
}

#[test]
fn there_is_one_way_to_say_who_a_node_is() {
    let folder = Folder::new();
    let jwt = "-----BEGIN NATS USER JWT-----\n…\n-----BEGIN USER NKEY SEED-----\n…\n";
    folder.write("me.creds", jwt.as_bytes());
    folder.write("me.nk", format!("SU{}\n", "A".repeat(56)).as_bytes());
    folder.write("empty", b"\n");
    let load = |keys: &str| {
        let text = CLUSTER.replace("[cluster]\n", &format!("[cluster]\n{keys}\n"));
        load_str(&format!("{text}{}", cases::BASE), folder.path())
    };
    let path = |name: &str| folder.path().join(name);
    for (keys, expected) in [
        ("credentials = \"me.creds\"", Login::Credentials(path("me.creds"))),
        ("nkey = \"me.nk\"", Login::Nkey(path("me.nk"))),
        ("token-file = \"nats.token\"", Login::Token(path("nats.token"))),
        (
            "user = \"me\"\npassword-file = \"nats.pass\"",
            Login::User("me".to_owned(), path("nats.pass")),
        ),
    ] {
        let loaded = load(keys);
        let found = loaded.config.and_then(|config| config.cluster).map(|cluster| cluster.login);
        assert_eq!(found, Some(expected), "{keys}: {:?}", loaded.diagnostics);
    }
    for (keys, expected) in [
        ("user = \"me\"", &["cluster-login"][..]),
        ("password-file = \"nats.pass\"", &["cluster-login"]),
        ("nkey = \"me.nk\"\ncredentials = \"me.creds\"", &["cluster-login"]),
        (
            "nkey = \"me.creds\"\nuser = \"me\"\npassword-file = \"empty\"",
            &["cluster-login", "cluster-secret", "cluster-secret"],
        ),
        ("token-file = \"empty\"", &["cluster-secret"]),
        ("credentials = \"none.creds\"", &["file-missing"]),
        ("certificate = \"me.nk\"", &["tls-file"]),
        ("key = \"me.nk\"", &["tls-file"]),
        ("authorities = \"me.nk\"", &["tls-file"]),
        ("replicas = 6", &["out-of-range"]),
        ("bucket = \"a.b\"", &["node-name"]),
    ] {
        assert_eq!(codes(&load(keys)), expected, "{keys}");
    }
    assert!(load("credentials = \"none.creds\"").files.contains(&path("none.creds")));
}

#[test]
fn a_vantage_is_a_group_of_its_own_name_unless_it_says_another() {
    let vantages = config(CLUSTER).vantages;
    assert_eq!(vantages.groups, ["europe", "nyc"]);
    let groups: Vec<_> = vantages.all.iter().map(|one| (&*one.name, one.group.0)).collect();
    assert_eq!(groups, [("fra", 0), ("nyc", 1), ("ams", 0)]);
    assert!(vantages.all[0].location.is_some() && vantages.all[1].location.is_none());
    // Nobody hears them where there is no cluster.
    let alone = loaded("[vantage.fra]\n[vantage.ams]\n").config.unwrap();
    assert!(alone.vantages.all.is_empty());
}

#[test]
fn monitors_say_how_vantages_vote() {
    let voting =
        |keys: &str| config(&format!("{CLUSTER}[monitor.it]\n{keys}\n")).monitors.remove(0).voting;
    let usual = Voting::default();
    for (keys, expected) in [
        ("", usual),
        ("quorum = \"majority\"\nscope = \"everyone\"", usual),
        ("quorum = \"18%\"", Voting { quorum: Quorum::Share(18), ..usual }),
        ("quorum = 3", Voting { quorum: Quorum::Count(3), ..usual }),
        ("group-quorum = 2", Voting { of_groups: Some(Quorum::Count(2)), ..usual }),
        (
            "quorum = 2\ngroup-quorum = \"majority\"",
            Voting { quorum: Quorum::Count(2), of_groups: Some(Quorum::Majority), ..usual },
        ),
        ("min-vantages = 3", Voting { min_vantages: Some(3), ..usual }),
        ("scope = \"vantage\"", Voting { scope: VotingScope::Vantage, ..usual }),
    ] {
        assert_eq!(voting(&format!("http = {{}}\n{keys}")), expected, "{keys}");
    }
    let push = Voting { quorum: Quorum::Count(1), min_vantages: Some(1), ..usual };
    assert_eq!(voting("push = {}"), push);
}

#[test]
fn votes_fit_the_vantages_there_are() {
    let alone = "";
    let nowhere = &*CLUSTER.replace("location", "# location");
    let no_database = &*CLUSTER.replace("[geoip]\ndatabases", "#");
    for (text, keys, expected) in [
        (alone, "quorum = 1\ngroup-quorum = 1\nmin-vantages = 1", &[][..]),
        (alone, "quorum = 2", &["too-few-vantages"]),
        (alone, "group-quorum = 2", &["too-few-vantages"]),
        (alone, "min-vantages = 2", &["too-few-vantages"]),
        (alone, "scope = \"vantage\"", &["scope-without-vantages"]),
        (CLUSTER, "quorum = 4", &["too-few-vantages"]),
        // Within groups it counts how large those are.
        (CLUSTER, "quorum = 3\ngroup-quorum = \"majority\"", &["too-few-vantages"]),
        (CLUSTER, "group-quorum = 3", &["too-few-vantages"]),
        (CLUSTER, "min-vantages = 4", &["too-few-vantages"]),
        (CLUSTER, "quorum = 0", &["out-of-range"]),
        (CLUSTER, "min-vantages = 0", &["out-of-range"]),
        (CLUSTER, "min-vantages = 1025", &["out-of-range"]),
        (CLUSTER, "quorum = 1.5", &["wrong-type"]),
        (nowhere, "scope = \"vantage\"", &["scope-without-location"]),
        (nowhere, "scope = \"everyone\"", &[]),
        (no_database, "scope = \"vantage\"", &["no-database"]),
    ] {
        assert_eq!(problems(text, &format!("http = {{}}\n{keys}")), expected, "{keys}");
    }
}

#[test]
fn somebody_probes_and_is_heard() {
    let http = "http = {}";
    let nats = "nats = [\"nats://10.0.0.1\", \"tls://nats.example.net:5222\"]";
    let silent = &*CLUSTER.replace("[cluster]", "[cluster]\nprobe = false");
    let unheard = |text: &str| text.replace(nats, "");
    let empty = &format!("[cluster]\n{nats}\n");
    for (text, monitor, expected) in [
        (CLUSTER, http, &[][..]),
        (silent, http, &[]),
        (&unheard(silent), http, &["nobody-probes", "vantages-without-cluster"]),
        (&unheard(CLUSTER), http, &["vantages-without-cluster"]),
        ("[cluster]\nnode = \"a\"\n[vantage.a]\n", http, &[]),
        ("[cluster]\nprobe = false\n", http, &["nobody-probes"]),
        (empty, http, &["cluster-without-vantages"]),
        // Heartbeats need nobody who probes.
        (empty, "push = {}", &[]),
        ("[cluster]\nprobe = false\n", "push = {}", &[]),
    ] {
        assert_eq!(problems(text, monitor), expected, "{text}");
    }
}

#[test]
fn vantages_groups_and_servers_are_bounded() {
    let groups = |n: usize| (0..n).map(|n| format!("[vantage.v{n}]\n")).collect::<String>();
    let vantages = |n: usize| groups(n).replace("]\n", "]\ngroup = \"one\"\n");
    let servers = |n: usize| format!("[cluster]\nnats = {:?}\n", vec!["nats://10.0.0.1"; n]);
    for (fits, text) in [
        (true, servers(limits::CLUSTER_SERVERS)),
        (false, servers(limits::CLUSTER_SERVERS + 1)),
        (true, format!("{}{}", servers(1), groups(limits::VANTAGE_GROUPS))),
        (false, format!("{}{}", servers(1), groups(limits::VANTAGE_GROUPS + 1))),
        (true, format!("{}{}", servers(1), vantages(limits::VANTAGES))),
        (false, format!("{}{}", servers(1), vantages(limits::VANTAGES + 1))),
    ] {
        let loaded = loaded(&text);
        assert_eq!(codes(&loaded), if fits { &[][..] } else { &["too-many"] });
        let errors = loaded.diagnostics.iter().filter(|p| p.severity == Severity::Error);
        assert_eq!(errors.count() == 0, fits);
    }
}
