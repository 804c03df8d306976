//! Consumers of a bucket: one that follows it, and one that reads all there is.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::Consumer;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::FromConsumer;
use async_nats::jetstream::consumer::IntoConsumerConfig;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::ConsumerError;
use async_nats::jetstream::stream::ConsumerErrorKind;
use futures_util::StreamExt;
use futures_util::stream;
use futures_util::stream::BoxStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cluster::bucket::Entry;
use crate::cluster::fault::Fault;
use crate::cluster::gathered::Gathered;
use crate::cluster::nats::contact::Contact;
use crate::cluster::nats::contact::Place;
use crate::cluster::nats::dial;
use crate::cluster::nats::sieve::Sieve;
use crate::model::limits;

/// Messages of before with which a watch begins: a reading may come from a server that is as far
/// behind, and what it lacks would come by no watch that began after it.
const OVERLAP: u64 = 100;

/// How often the server says that a consumer is there; after twice as long it is given up. A
/// consumer is on one server only, and ends with it.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long each try to make a consumer may take. The servers put it on one of those that have
/// the bucket, by lot, and may choose one that has just ended: no answer comes then, and the next
/// lot is another.
const MADE_WITHIN: [Duration; 5] = [
    Duration::from_millis(700),
    Duration::from_millis(700),
    Duration::from_millis(700),
    Duration::from_millis(1_000),
    Duration::from_millis(2_000),
];

/// How long a server keeps a consumer that nobody listens to.
const UNUSED: Duration = Duration::from_secs(30);

/// How long a part of a reading may take.
const PART_WITHIN: Duration = Duration::from_secs(5);

/// Messages in one part of a reading.
const PART: u64 = 1000;

/// How long the server may wait for something to send before it is asked again.
const ASKED_FOR: Duration = Duration::from_secs(30);

/// A watch of one bucket: what it needs to go on.
struct Tail {
    messages: pull::Stream,
    place: Place,
    prefix: String,
    sieve: Arc<Sieve>,
    gone: CancellationToken,
    /// The consumer's count of the last message.
    last: u64,
    ended: bool,
}

/// What a bucket takes from now on, and a little of before. It ends with the first fault.
pub(super) async fn watch(
    contact: &Contact,
    place: &Place,
    sieve: Arc<Sieve>,
) -> Result<BoxStream<'static, Result<Entry, Fault>>, Fault> {
    let last = place.stream.cached_info().state.last_sequence;
    let from = last.saturating_sub(OVERLAP) + 1;
    let config = || pull::Config {
        description: Some("a watch of Meridian".to_owned()),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
        ack_policy: AckPolicy::None,
        max_deliver: 1,
        inactive_threshold: UNUSED,
        num_replicas: 1,
        memory_storage: true,
        ..pull::Config::default()
    };
    let (asked, consumer) = (asked(place), make(contact, place, config).await?);
    // Asked for, not sent as it comes: however fast others put, no more waits here than this.
    let messages = consumer
        .stream()
        .max_bytes_per_batch(limits::NEWS_AHEAD)
        .max_messages_per_batch(limits::NEWS)
        .heartbeat(HEARTBEAT)
        .expires(ASKED_FOR)
        .messages();
    let messages = contact.ask(&asked, messages).await?;
    let messages = messages.map_err(|error| Fault::lost(dial::chain(&error)))?;
    let tail = Tail {
        messages,
        place: place.clone(),
        prefix: prefix(place),
        sieve,
        gone: contact.connection.gone.clone(),
        last: 0,
        ended: false,
    };
    Ok(stream::unfold(tail, step).boxed())
}

/// The next entry of a watch.
async fn step(mut tail: Tail) -> Option<(Result<Entry, Fault>, Tail)> {
    while !tail.ended {
        let message = tokio::select! {
            message = tail.messages.next() => message,
            () = tail.gone.cancelled() => {
                tail.ended = true;
                return Some((Err(Fault::lost("by the server or the network")), tail));
            }
        };
        let fault = match message {
            Some(Ok(message)) => match message.info() {
                Ok(info) if info.consumer_sequence == tail.last + 1 => {
                    tail.last = info.consumer_sequence;
                    match tail.sieve.entry(&message, &tail.prefix) {
                        Some(entry) => return Some((Ok(entry), tail)),
                        None => continue,
                    }
                }
                Ok(_) | Err(_) => {
                    Fault::Behind { of: format!("the watch of `{}`", tail.place.bucket) }
                }
            },
            Some(Err(_)) => {
                Fault::timeout(format!("the watch of `{}`: no heartbeat", tail.place.bucket))
            }
            None => Fault::lost("the watch ended"),
        };
        tail.ended = true;
        return Some((Err(fault), tail));
    }
    None
}

/// Adds all that a bucket has.
pub(super) async fn read(
    contact: &Contact,
    place: &Place,
    sieve: &Sieve,
    gathered: &mut Gathered,
) -> Result<(), Fault> {
    let config = || pull::Config {
        description: Some("a reading of Meridian".to_owned()),
        deliver_policy: DeliverPolicy::LastPerSubject,
        ack_policy: AckPolicy::None,
        inactive_threshold: UNUSED,
        num_replicas: 1,
        memory_storage: true,
        filter_subject: format!("{}>", prefix(place)),
        ..pull::Config::default()
    };
    let (asked, mut consumer) = (asked(place), make(contact, place, config).await?);
    let prefix = prefix(place);
    let last = last(contact, place).await?;
    let mut left = consumer.cached_info().num_pending;
    while left > 0 {
        let count = usize::try_from(left.min(PART)).unwrap_or(usize::MAX);
        // Some may be as large as may be, whatever the others are.
        let batch = consumer.batch().max_messages(count).max_bytes(limits::NEWS_AHEAD);
        let batch = batch.expires(PART_WITHIN).messages();
        let batch = contact.ask(&asked, batch).await?;
        let mut batch = batch.map_err(|error| Fault::lost(dial::chain(&error)))?;
        let mut came = false;
        while let Some(Ok(message)) = contact.ask(&asked, batch.next()).await? {
            came = true;
            let Ok(info) = message.info() else { continue };
            // The server's count of what is left may stay above zero, as it did with three
            // servers of 2.9.10: by that alone a bucket that is always written to has no end.
            // What came after the reading began comes by the watch.
            left = if info.stream_sequence >= last { 0 } else { info.pending };
            gathered.extend(sieve.entry(&message, &prefix));
            if left == 0 {
                break;
            }
        }
        if !came {
            // What was left may have been removed, or gone by its age.
            let info = contact.ask(&asked, consumer.info()).await?;
            left = info.map_or(left, |info| info.num_pending);
            if left > 0 {
                return Err(Fault::timeout(format!("the reading of `{}`", place.bucket)));
            }
        }
    }
    // It would go by itself, later.
    let name = consumer.cached_info().name.clone();
    drop(contact.ask(&asked, place.stream.delete_consumer(&name)).await);
    Ok(())
}

/// Makes a consumer of a bucket.
async fn make<C: IntoConsumerConfig + FromConsumer>(
    contact: &Contact,
    place: &Place,
    config: impl Fn() -> C,
) -> Result<Consumer<C>, Fault> {
    let asked = asked(place);
    for within in MADE_WITHIN {
        let make = contact.ask(&asked, place.stream.create_consumer(config()));
        if let Ok(made) = timeout(within, make).await {
            return made?.map_err(|error| no_consumer(&error, place));
        }
    }
    Err(Fault::timeout(format!("a consumer of `{}`", place.bucket)))
}

/// The number of the last message of a bucket.
async fn last(contact: &Contact, place: &Place) -> Result<u64, Fault> {
    let api = format!("$JS.API.STREAM.INFO.KV_{}", place.bucket);
    let info = contact.ask(&api, place.stream.get_info()).await?;
    info.map(|info| info.state.last_sequence).map_err(|_| Fault::Unavailable {
        asked: format!("`{api}`"),
        found: "the stream has no state".to_owned(),
    })
}

fn prefix(place: &Place) -> String {
    format!("$KV.{}.", place.bucket)
}

/// The beginning of the subjects by which consumers are made and asked.
fn asked(place: &Place) -> String {
    format!("KV_{}", place.bucket)
}

fn no_consumer(error: &ConsumerError, place: &Place) -> Fault {
    let asked = format!("a consumer of `{}`", place.bucket);
    match error.kind() {
        ConsumerErrorKind::TimedOut => Fault::Timeout { asked },
        ConsumerErrorKind::InvalidConsumerType
        | ConsumerErrorKind::InvalidName
        | ConsumerErrorKind::JetStream(_)
        | ConsumerErrorKind::Other
        | ConsumerErrorKind::Request => Fault::Unavailable { asked, found: dial::chain(error) },
    }
}
