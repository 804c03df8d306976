//! The two buckets: what they must be, and how they are made.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::CreateStreamError;
use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::context::GetStreamError;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream;
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::stream::DiscardPolicy;
use async_nats::jetstream::stream::StorageType;
use async_nats::jetstream::stream::Stream;

use crate::cluster::fault::Fault;
use crate::cluster::key::Shelf;
use crate::cluster::nats::contact::Contact;
use crate::cluster::nats::dial;
use crate::model::limits;

/// What a bucket's values may have at most: the server counts headers too.
const MOST: i32 = 1024 * 1024;

const _: () = assert!(MOST.cast_unsigned() as usize == limits::SHARED_VALUE);

/// Finds a bucket, or makes it, and checks that it is as it must be.
pub(super) async fn open(
    contact: &Contact,
    shelf: Shelf,
    bucket: &str,
    replicas: u8,
) -> Result<Stream, Fault> {
    let stream = format!("KV_{bucket}");
    if let Some(found) = find(contact, &stream).await? {
        return correct(contact, found, shelf, bucket).await;
    }
    let api = format!("$JS.API.STREAM.CREATE.{stream}");
    let create = contact.context.create_stream(config(shelf, bucket, replicas));
    match contact.ask(&api, create).await {
        Ok(Ok(made)) => check(made, shelf, bucket),
        Ok(Err(error)) if code(&error) == Some(ErrorCode::STREAM_NAME_EXIST) => {
            // Another node was faster, with other settings.
            let found = find(contact, &stream).await?;
            found.map_or_else(|| Err(Fault::timeout(&api)), |found| check(found, shelf, bucket))
        }
        Ok(Err(error)) if code(&error) == Some(ErrorCode::STREAM_SUBJECT_OVERLAP) => {
            // Another was faster by so little, or the server was still restoring what it has.
            let found = find(contact, &stream).await?;
            let not_made = || Err(not_made(&error, bucket, &api));
            found.map_or_else(not_made, |found| check(found, shelf, bucket))
        }
        Ok(Err(error)) => Err(not_made(&error, bucket, &api)),
        Err(Fault::NotAllowed { found, .. }) => Err(Fault::Missing {
            bucket: bucket.to_owned(),
            found,
            help: "create both buckets beforehand, or permit `$JS.API.STREAM.CREATE.>`",
        }),
        Err(fault) => Err(fault),
    }
}

async fn find(contact: &Contact, stream: &str) -> Result<Option<Stream>, Fault> {
    let api = format!("$JS.API.STREAM.INFO.{stream}");
    match contact.ask(&api, contact.context.get_stream(stream)).await? {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(of_server)
                if of_server.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            GetStreamErrorKind::EmptyName
            | GetStreamErrorKind::InvalidStreamName
            | GetStreamErrorKind::JetStream(_)
            | GetStreamErrorKind::Request => Err(not_found(&error, &api)),
        },
    }
}

fn not_found(error: &GetStreamError, api: &str) -> Fault {
    Fault::Unavailable { asked: format!("`{api}`"), found: dial::chain(error) }
}

fn not_made(error: &CreateStreamError, bucket: &str, api: &str) -> Fault {
    let found = dial::chain(error);
    let help = match code(error) {
        Some(ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | ErrorCode::CLUSTER_NO_PEERS) => {
            "set `replicas` in `[cluster]` to no more than there are servers with JetStream"
        }
        Some(
            ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
        ) => {
            "give JetStream 128 MiB of memory and 96 MiB of disk (`max_memory_store`, \
             `max_file_store`, limits of the account)"
        }
        // Whatever else a server says may be another thing in a moment.
        Some(_) | None => return Fault::Unavailable { asked: format!("`{api}`"), found },
    };
    Fault::Missing { bucket: bucket.to_owned(), found, help }
}

fn code(error: &CreateStreamError) -> Option<ErrorCode> {
    match error.kind() {
        CreateStreamErrorKind::JetStream(of_server) => Some(of_server.error_code()),
        CreateStreamErrorKind::DomainAndExternalSet
        | CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::JetStreamUnavailable
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::ResponseParse
        | CreateStreamErrorKind::TimedOut => None,
    }
}

/// What all key-value clients make of a bucket.
fn config(shelf: Shelf, bucket: &str, replicas: u8) -> Config {
    Config {
        name: format!("KV_{bucket}"),
        description: Some("what Meridian's nodes share".to_owned()),
        subjects: subjects(bucket).into(),
        max_messages_per_subject: 1,
        max_message_size: MOST,
        max_age: shelf.max_age(),
        max_bytes: octets(shelf),
        max_messages: -1,
        storage: storage(shelf),
        num_replicas: replicas.into(),
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..Config::default()
    }
}

/// What a bucket may hold, as NATS counts.
fn octets(shelf: Shelf) -> i64 {
    i64::try_from(shelf.octets()).unwrap_or(i64::MAX)
}

const fn storage(shelf: Shelf) -> StorageType {
    match shelf {
        Shelf::Kept => StorageType::File,
        Shelf::Live => StorageType::Memory,
    }
}

/// Corrects a bucket that was made with other limits, by hand or by an earlier version, where the
/// login may; whatever can't be corrected and matters is refused.
async fn correct(
    contact: &Contact,
    stream: Stream,
    shelf: Shelf,
    bucket: &str,
) -> Result<Stream, Fault> {
    let found = &stream.cached_info().config;
    if found.subjects != subjects(bucket) || found.storage != storage(shelf) {
        return check(stream, shelf, bucket);
    }
    let wanted = Config {
        max_messages_per_subject: 1,
        max_message_size: MOST,
        max_age: shelf.max_age(),
        max_bytes: octets(shelf),
        max_messages: -1,
        discard: DiscardPolicy::New,
        allow_direct: true,
        ..found.clone()
    };
    if wanted == *found {
        return Ok(stream);
    }
    let api = format!("$JS.API.STREAM.UPDATE.KV_{bucket}");
    let why = match contact.ask(&api, contact.context.update_stream(&wanted)).await {
        Ok(Ok(_)) => {
            tracing::info!(bucket, "the limits of a bucket were corrected");
            let corrected = find(contact, &format!("KV_{bucket}")).await?;
            return check(corrected.unwrap_or(stream), shelf, bucket);
        }
        Ok(Err(error)) => dial::chain(&error),
        Err(Fault::NotAllowed { found, .. }) => found,
        Err(fault) => return Err(fault),
    };
    let (is_bounded, most) = (found.max_bytes == octets(shelf), octets(shelf));
    let stream = check(stream, shelf, bucket)?;
    if !is_bounded {
        // It works, and a node bounds what it reads; but whoever may put can fill the server.
        tracing::warn!(
            bucket,
            why,
            "a bucket may hold more or less than it should, and can't be corrected: set it with \
             `nats stream edit KV_{bucket} --max-bytes={most} --discard=new`"
        );
    }
    Ok(stream)
}

fn subjects(bucket: &str) -> [String; 1] {
    [format!("$KV.{bucket}.>")]
}

/// Refuses a bucket that somebody made otherwise.
fn check(stream: Stream, shelf: Shelf, bucket: &str) -> Result<Stream, Fault> {
    let stream::Info { config: found, .. } = stream.cached_info();
    let (storage, max_age) = (storage(shelf), shelf.max_age());
    let subjects = subjects(bucket);
    let recreate = format!(
        "remove it, if it is from nobody else, with `nats kv del {bucket}`: it is created anew"
    );
    let (found, expected, help) = if found.subjects != subjects {
        let (found, expected) = (format!("{:?}", found.subjects), format!("{subjects:?}"));
        let help = "it is no key-value bucket: name another `bucket` in `[cluster]`".to_owned();
        (format!("the subjects {found}"), expected, help)
    } else if found.max_messages_per_subject != 1 {
        let history = found.max_messages_per_subject;
        (format!("a history of {history}"), "1".to_owned(), recreate)
    } else if (0..MOST).contains(&found.max_message_size) && found.max_message_size != 0 {
        let size = found.max_message_size;
        let help = format!("set it with `nats stream edit KV_{bucket} --max-msg-size={MOST}`");
        (format!("a largest value of {size} octets"), format!("{MOST} at least"), help)
    } else if found.storage != storage {
        (format!("the storage {:?}", found.storage), format!("{storage:?}"), recreate)
    } else if found.max_age != max_age {
        let (age, most) = (found.max_age.as_secs(), max_age.as_secs());
        let help = format!("set it with `nats stream edit KV_{bucket} --max-age={most}s`");
        (format!("an age limit of {age} s"), format!("{most} s, where 0 is none"), help)
    } else {
        return Ok(stream);
    };
    Err(Fault::Shape { bucket: bucket.to_owned(), found, expected, help })
}
