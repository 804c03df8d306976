//! What of a bucket is ours: keys that we know, values that are not too large.

use async_nats::jetstream::message::Message;
use jiff::Timestamp;

use crate::cluster::bucket::Entry;
use crate::cluster::key::Key;
use crate::cluster::refusals::Refusals;
use crate::cluster::refusals::Why;

/// Characters that are shown of a name that somebody else chose.
const SHOWN: usize = 80;

/// Skips what is not ours; it is counted, and told of now and then.
#[derive(Debug)]
pub(super) struct Sieve {
    refusals: Refusals,
}

impl Sieve {
    pub(super) const fn new(refusals: Refusals) -> Self {
        Self { refusals }
    }

    /// The entry of a message, if it is one.
    pub(super) fn entry(&self, message: &Message, prefix: &str) -> Option<Entry> {
        let subject = message.subject.as_str();
        let name = subject.strip_prefix(prefix).unwrap_or(subject);
        let info = message.info().ok()?;
        let stored = Timestamp::from_nanosecond(info.published.unix_timestamp_nanos()).ok()?;
        if is_removal(message) {
            return None;
        }
        let Some(key) = Key::parse(name) else {
            if self.refusals.note_foreign(stored) {
                complain(name, "it is no key of Meridian");
            }
            return None;
        };
        let (octets, most) = (message.payload.len(), key.kind().room().value);
        if octets > most {
            if self.refusals.note(&key, Why::TooLarge, stored) {
                complain(name, &format!("it has {octets} octets, expected {most} at most"));
            }
            return None;
        }
        // A copy: the payload is a part of whatever else was read from the connection.
        let value = message.payload.as_ref().into();
        Some(Entry { key, value, stored, revision: info.stream_sequence })
    }
}

fn complain(name: &str, why: &str) {
    let name: String = name.chars().take(SHOWN).collect();
    tracing::warn!(
        name,
        why,
        "a value in the cluster's buckets is not used; more of this kind and sender within the \
         hour is only counted, in `meridian_cluster_refused`"
    );
}

/// Whether a message says that there is no value any more.
fn is_removal(message: &Message) -> bool {
    let Some(headers) = &message.headers else { return false };
    let operation = headers.get("KV-Operation").map(|operation| operation.as_str());
    // The latter is what newer servers say of values that they removed for their age.
    matches!(operation, Some("DEL" | "PURGE")) || headers.get("Nats-Marker-Reason").is_some()
}
