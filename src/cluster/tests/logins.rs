//! Who a node is to a server, and what it says if it is nobody.

use std::path::PathBuf;
use std::time::Duration;

use rcgen::CertificateParams;
use rcgen::KeyPair;
use tempfile::TempDir;

use crate::cluster::tests::Listener;
use crate::cluster::tests::at;
use crate::cluster::tests::nats_server::NatsServer;
use crate::cluster::tests::nkey::Nkey;
use crate::cluster::tests::nkey::Operator;
use crate::cluster::tests::node;
use crate::cluster::tests::pair;
use crate::config::Cluster;
use crate::config::Login;

/// A link with these settings joins, and takes a value.
async fn joins(cluster: &Cluster) {
    let mut listener = Listener::start(cluster);
    listener.joined().await;
    listener.link.put(node("a"), b"1".to_vec());
    assert_eq!(listener.entry().await, pair("servers.a", "1"));
}

/// Why a link with these settings does not join.
async fn fails(cluster: &Cluster) -> String {
    Listener::start(cluster).lost().await
}

fn with(server: &NatsServer, login: Login) -> Cluster {
    Cluster { login, ..at(server) }
}

#[tokio::test]
async fn a_user_with_a_password() {
    let server = NatsServer::start("authorization { user: meridian, password: right }");
    let login = |text: &str| {
        let path = server.write("password", text);
        with(&server, Login::User("meridian".to_owned(), path))
    };
    joins(&login("right\n")).await;
    let why = fails(&login("wrong")).await;
    let expected = format!(
        "NATS at {} refused the login: authorization violation; correct the credentials in \
         `[cluster]`",
        server.url().trim_start_matches("nats://")
    );
    assert_eq!(why, expected);
    assert!(fails(&at(&server)).await.contains("refused the login"));
    assert!(fails(&login("\n")).await.contains("password` can't be used: it is empty"));
}

/// A password that is corrected in its file is one without a restart.
#[tokio::test]
async fn files_are_read_again() {
    let server = NatsServer::start("authorization { user: meridian, password: right }");
    let path = server.file("password");
    let mut listener =
        Listener::start(&with(&server, Login::User("meridian".to_owned(), path.clone())));
    let why = listener.lost().await;
    assert!(why.starts_with(&format!("the password file `{}` can't be used", path.display())));
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.write("password", "right");
    listener.joined().await;
}

#[tokio::test]
async fn a_token() {
    let server = NatsServer::start("authorization { token: right }");
    joins(&with(&server, Login::Token(server.write("token", "right\n")))).await;
    let why = fails(&with(&server, Login::Token(server.write("token", "wrong")))).await;
    assert!(why.contains("refused the login"), "{why}");
}

#[tokio::test]
async fn an_nkey() {
    let key = Nkey::user(5);
    let server =
        NatsServer::start(&format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public()));
    joins(&with(&server, Login::Nkey(server.write("seed", &key.seed())))).await;
    let other = server.write("seed", &Nkey::user(6).seed());
    let why = fails(&with(&server, Login::Nkey(other))).await;
    assert!(why.contains("refused the login"), "{why}");
    let none = server.write("seed", "SUNONE");
    let why = fails(&with(&server, Login::Nkey(none))).await;
    assert!(why.contains("refused the login: the nkey seed"), "{why}");
}

#[tokio::test]
async fn credentials() {
    let operator = Operator::new();
    let server = NatsServer::start(&operator.configuration);
    let path = server.write("user.creds", &operator.credentials);
    joins(&with(&server, Login::Credentials(path))).await;
    let none = server.write("none.creds", "nothing");
    let why = fails(&with(&server, Login::Credentials(none))).await;
    assert!(why.contains("none.creds` can't be used"), "{why}");
}

/// A certificate that signs itself, and its key, in files.
struct Own {
    folder: TempDir,
}

impl Own {
    fn new(name: &str) -> Self {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("own.key"), key.serialize_pem()).unwrap();
        Self { folder }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("own.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("own.key")
    }

    /// A server's settings for it.
    fn tls(&self, more: &str) -> String {
        let (certificate, key) = (self.certificate(), self.key());
        format!("tls {{ cert_file: {certificate:?}, key_file: {key:?}, {more} }}")
    }
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let (own, other) = (Own::new("127.0.0.1"), Own::new("127.0.0.1"));
    let server = NatsServer::start(&own.tls(""));
    let trusting =
        |authority: &Own| Cluster { authorities: Some(authority.certificate()), ..at(&server) };
    joins(&trusting(&own)).await;
    let why = fails(&trusting(&other)).await;
    assert!(why.starts_with("TLS with NATS at 127.0.0.1:") && why.contains("certificate"), "{why}");
    let missing = Cluster { authorities: Some("/none.pem".into()), ..at(&server) };
    let why = fails(&missing).await;
    assert!(why.starts_with("TLS with NATS at") && why.contains("No such file"), "{why}");
    let plain = NatsServer::start("");
    let why = fails(&Cluster { authorities: Some(own.certificate()), ..at(&plain) }).await;
    assert!(why.starts_with("TLS with NATS at"), "nobody is believed to have no TLS: {why}");
}

#[tokio::test]
async fn tls_with_a_certificate_of_the_node() {
    let (own, client, other) = (Own::new("127.0.0.1"), Own::new("node"), Own::new("node"));
    let verify = format!("verify: true, ca_file: {:?}", client.certificate());
    let server = NatsServer::start(&own.tls(&verify));
    let showing = |client: &Own| Cluster {
        servers: vec![server.url().replace("nats:", "tls:")],
        authorities: Some(own.certificate()),
        identity: Some((client.certificate(), client.key())),
        ..Cluster::default()
    };
    joins(&showing(&client)).await;
    let why = fails(&showing(&other)).await;
    assert!(why.starts_with("TLS with NATS at"), "{why}");
    let why = fails(&Cluster { identity: None, ..showing(&client) }).await;
    assert!(why.starts_with("TLS with NATS at"), "{why}");
}
