//! What of a bucket is ours: keys that we know, values that are not too large.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_nats::jetstream::message::Message;
use jiff::Timestamp;

use crate::cluster::bucket::Entry;
use crate::cluster::key::Key;
use crate::model::limits;

/// Names that are remembered, so that each is complained of once; past that others are skipped
/// in silence.
const MOST: usize = 100;

/// Characters that are shown of a name that somebody else chose.
const SHOWN: usize = 80;

/// Skips what is not ours, and says so once for each name.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    complained: Mutex<BTreeSet<String>>,
}

impl Sieve {
    /// The entry of a message, if it is one.
    pub(super) fn entry(&self, message: &Message, prefix: &str) -> Option<Entry> {
        let subject = message.subject.as_str();
        let name = subject.strip_prefix(prefix).unwrap_or(subject);
        let Some(key) = Key::parse(name) else {
            self.complain(name, "it is no key of Meridian");
            return None;
        };
        if is_removal(message) {
            return None;
        }
        let octets = message.payload.len();
        if octets > limits::SHARED_VALUE {
            self.complain(name, &format!("it has {octets} octets"));
            return None;
        }
        let info = message.info().ok()?;
        let stored = Timestamp::from_nanosecond(info.published.unix_timestamp_nanos()).ok()?;
        // A copy: the payload is a part of whatever else was read from the connection.
        let value = message.payload.as_ref().into();
        Some(Entry { key, value, stored, revision: info.stream_sequence })
    }

    fn complain(&self, name: &str, why: &str) {
        let name: String = name.chars().take(SHOWN).collect();
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.len() < MOST && complained.insert(name.clone()) {
            tracing::warn!(name, why, "something in the cluster's buckets is skipped");
        }
    }
}

/// Whether a message says that there is no value any more.
fn is_removal(message: &Message) -> bool {
    let Some(headers) = &message.headers else { return false };
    let operation = headers.get("KV-Operation").map(|operation| operation.as_str());
    // The latter is what newer servers say of values that they removed for their age.
    matches!(operation, Some("DEL" | "PURGE")) || headers.get("Nats-Marker-Reason").is_some()
}
