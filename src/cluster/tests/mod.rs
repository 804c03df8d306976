//! The room as a whole: one contract for both stores, the link over a store that does as it is
//! told, and over a real server.

mod contract;
mod keeping;
mod logins;
mod nkey;
mod roles;
mod script;
mod servers;
mod shapes;

use std::time::Duration;

use crate::cluster::Entry;
use crate::cluster::Key;
use crate::cluster::Link;
use crate::cluster::News;
use crate::cluster::NewsQueue;
use crate::config::Cluster;
use crate::tasks::Tasks;

#[path = "../../../tests/it/nats_server.rs"]
#[expect(dead_code, reason = "some of it is for `tests/it`")]
mod nats_server;

/// Nothing here takes so long on the slowest machine; of virtual time it takes nothing.
const DEADLINE: Duration = Duration::from_secs(60);

/// A link, and what it says.
struct Listener {
    link: Link,
    news: NewsQueue,
    tasks: Tasks,
}

impl Listener {
    fn start(cluster: &Cluster) -> Self {
        let tasks = Tasks::new();
        let (link, news) = Link::start(cluster, &tasks).unwrap();
        Self { link, news, tasks }
    }

    async fn next(&mut self) -> News {
        let next = tokio::time::timeout(DEADLINE, self.news.recv()).await;
        next.expect("news in time").expect("a link that runs")
    }

    /// The entries of the next reading, which has to be the next news, and whether it joined.
    async fn read(&mut self) -> (Vec<(String, Vec<u8>)>, bool) {
        match self.next().await {
            News::Read { entries, joined } => (entries.iter().map(shown).collect(), joined),
            other @ (News::Entry(_) | News::Lost { .. } | News::Refused { .. }) => {
                panic!("{other:?} instead of all")
            }
        }
    }

    /// Waits for contact with a store that has nothing.
    async fn joined(&mut self) {
        assert_eq!(self.read().await, (vec![], true));
    }

    /// The next entry, which has to be the next news.
    async fn entry(&mut self) -> (String, Vec<u8>) {
        match self.next().await {
            News::Entry(entry) => shown(&entry),
            other @ (News::Lost { .. } | News::Read { .. } | News::Refused { .. }) => {
                panic!("{other:?} instead of an entry")
            }
        }
    }

    /// Why the contact ended, which has to be the next news.
    async fn lost(&mut self) -> String {
        match self.next().await {
            News::Lost { why } => why,
            other @ (News::Entry(_) | News::Read { .. } | News::Refused { .. }) => {
                panic!("{other:?} instead of the end of the contact")
            }
        }
    }

    /// Why a value was refused, which has to be the next news.
    async fn refused(&mut self) -> (Key, String) {
        match self.next().await {
            News::Refused { key, why } => (key, why),
            other @ (News::Entry(_) | News::Lost { .. } | News::Read { .. }) => {
                panic!("{other:?} instead of a refusal")
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

fn shown(entry: &Entry) -> (String, Vec<u8>) {
    (entry.key.to_string(), entry.value.to_vec())
}

fn pair(key: &str, value: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    (key.to_owned(), value.as_ref().to_vec())
}

fn node(name: &str) -> Key {
    Key::Server(name.to_owned())
}

/// Settings for one server.
fn at(server: &nats_server::NatsServer) -> Cluster {
    Cluster { servers: vec![server.url()], ..Cluster::default() }
}
