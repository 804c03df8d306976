//! A connection with the two buckets on it.

use std::future::IntoFuture;
use std::pin::pin;

use async_nats::jetstream;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::cluster::fault::Fault;
use crate::cluster::key::Shelf;
use crate::cluster::nats::dial;
use crate::cluster::nats::dial::Connection;
use crate::cluster::nats::shape;
use crate::config::Cluster;

/// What is asked for through a server.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub(super) context: Context,
    pub(super) connection: Connection,
}

/// One bucket.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) shelf: Shelf,
    pub(super) bucket: String,
    pub(super) stream: Stream,
}

impl Contact {
    /// Reaches a server.
    pub(super) async fn make(cluster: &Cluster) -> Result<Self, Fault> {
        let connection = dial::dial(cluster).await?;
        Ok(Self { context: jetstream::new(connection.client.clone()), connection })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.connection.gone.is_cancelled()
    }

    /// Finds or makes the buckets.
    pub(super) async fn open(&self, cluster: &Cluster) -> Result<Vec<Place>, Fault> {
        let mut places = Vec::new();
        for shelf in Shelf::ALL {
            let bucket = shelf.bucket(&cluster.bucket);
            let stream = shape::open(self, shelf, &bucket, cluster.replicas).await?;
            places.push(Place { shelf, bucket, stream });
        }
        Ok(places)
    }

    /// Waits for an answer, for a denial of the subject, or for the end of the connection: a
    /// server answers what is not allowed beside the question, if at all.
    pub(super) async fn ask<T>(
        &self,
        subject: &str,
        question: impl IntoFuture<Output = T>,
    ) -> Result<T, Fault> {
        let denied = denied(self.connection.denials.subscribe(), subject);
        let mut question = pin!(question.into_future());
        tokio::select! {
            answer = &mut question => Ok(answer),
            found = denied => Err(Fault::NotAllowed { subject: subject.to_owned(), found }),
            () = self.connection.gone.cancelled() => Err(Fault::lost("by the server or the network")),
        }
    }
}

/// What the server says when the subject, or the way back, is not allowed.
async fn denied(mut denials: broadcast::Receiver<String>, subject: &str) -> String {
    loop {
        match denials.recv().await {
            Ok(found) => {
                let is_denial = found.to_lowercase().contains("permissions violation");
                if is_denial && (found.contains(subject) || found.contains("\"_INBOX.")) {
                    return found;
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
