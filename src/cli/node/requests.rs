//! What the API asks of a node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::cli::chain;
use crate::cli::explain::explain_live;
use crate::cli::node::Node;
use crate::control;
use crate::control::Heartbeat;
use crate::control::NoSuchCheck;
use crate::control::Request;
use crate::engine::AdminChange;
use crate::engine::AdminDone;
use crate::engine::AdminRefusal;
use crate::server;

/// How long an order of an operator may take to be saved.
const SAVE_PATIENCE: Duration = Duration::from_secs(2);

impl Node {
    pub(super) fn answer(&mut self, request: Request) {
        // Whoever asked may have gone; then nobody is told.
        match request {
            Request::Admin(change, reply) => self.change(change, reply),
            Request::Status(reply) => drop(reply.send(self.helm.status())),
            Request::Reload(reply) => self.reload(Some(reply)),
            Request::Heartbeat(heartbeat, reply) => {
                let Heartbeat { monitor, target, failure } = heartbeat;
                let is_known = self.prober.heartbeat(&monitor, &target, failure);
                let done = if is_known { Ok(()) } else { Err(NoSuchCheck { monitor, target }) };
                drop(reply.send(done));
            }
            Request::Explain(question, reply) => self.explain(question, reply),
        }
    }

    /// Changes an admin state. It is confirmed once it is on disk, or after a while if it can't
    /// be put there, which the store warns of: answers have followed already.
    fn change(
        &mut self,
        change: AdminChange,
        reply: oneshot::Sender<Result<AdminDone, AdminRefusal>>,
    ) {
        let done = match self.helm.change(change) {
            Ok(done) => done,
            Err(refusal) => return drop(reply.send(Err(refusal))),
        };
        let store = self.helm.save();
        let confirm = move || {
            store.settle(SAVE_PATIENCE);
            drop(reply.send(Ok(done)));
        };
        if let Err(error) = server::in_background(&self.tasks, "save", confirm) {
            tracing::warn!("{}", chain(&error));
        }
    }

    /// Explains on a thread of its own: databases are read again.
    fn explain(
        &self,
        question: control::Explain,
        reply: oneshot::Sender<Result<serde_json::Value, String>>,
    ) {
        let (recipe, snapshot) = (Arc::clone(&self.recipe), self.helm.snapshot().clone());
        let loads = self.spill.status();
        let Ok(permit) = Arc::clone(&self.explaining).try_acquire_owned() else {
            return drop(reply.send(Err("too many explanations at once; ask again".to_owned())));
        };
        let explain = move || {
            drop(reply.send(explain_live(&question, &recipe, &snapshot, &loads)));
            drop(permit);
        };
        if let Err(error) = server::in_background(&self.tasks, "explain", explain) {
            // The API answers that the node did not.
            tracing::warn!("{}", chain(&error));
        }
    }
}
