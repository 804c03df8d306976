//! What of a bucket is ours: keys that we know, values that are not too large.

use async_nats::HeaderMap;
use async_nats::jetstream::message::Message;
use async_nats::jetstream::message::StreamMessage;
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
        let info = message.info().ok()?;
        let stored = info.published.unix_timestamp_nanos();
        let name = message.subject.strip_prefix(prefix).unwrap_or(&message.subject);
        if message.headers.as_ref().is_some_and(is_removal) {
            return None;
        }
        self.take(name, &message.payload, stored, info.stream_sequence)
    }

    /// The entry that a bucket was asked for, if it is one.
    pub(super) fn answer(&self, message: &StreamMessage, prefix: &str) -> Option<Entry> {
        let name = message.subject.strip_prefix(prefix).unwrap_or(&message.subject);
        if is_removal(&message.headers) {
            return None;
        }
        let stored = message.time.unix_timestamp_nanos();
        self.take(name, &message.payload, stored, message.sequence)
    }

    fn take(&self, name: &str, value: &[u8], stored: i128, revision: u64) -> Option<Entry> {
        let stored = Timestamp::from_nanosecond(stored).ok()?;
        let Some(key) = Key::parse(name) else {
            if self.refusals.note_foreign(stored) {
                complain(name, "it is no key of Meridian");
            }
            return None;
        };
        let (octets, most) = (value.len(), key.kind().room().value);
        if octets > most {
            if self.refusals.note(&key, Why::TooLarge, stored) {
                complain(name, &format!("it has {octets} octets, expected {most} at most"));
            }
            return None;
        }
        // A copy: the payload is a part of whatever else was read from the connection.
        Some(Entry { key, value: value.into(), stored, revision })
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

/// Whether headers say that there is no value any more.
fn is_removal(headers: &HeaderMap) -> bool {
    let operation = headers.get("KV-Operation").map(|operation| operation.as_str());
    // The latter is what newer servers say of values that they removed for their age.
    matches!(operation, Some("DEL" | "PURGE")) || headers.get("Nats-Marker-Reason").is_some()
}
