//! What the API asks of a node.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::cli::chain;
use crate::cli::explain::explain_live;
use crate::cli::node::Node;
use crate::control;
use crate::control::Heartbeat;
use crate::control::NoSuchCheck;
use crate::control::Ordered;
use crate::control::Request;
use crate::engine::AdminChange;
use crate::engine::AdminRefusal;
use crate::server;

impl Node {
    pub(super) fn answer(&mut self, request: Request) {
        // Whoever asked may have gone; then nobody is told.
        match request {
            Request::Admin(change, reply) => drop(reply.send(self.change(change))),
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

    /// Changes an admin state. Answers follow at once; it is confirmed when it is on disk.
    fn change(&mut self, change: AdminChange) -> Result<Ordered, AdminRefusal> {
        let done = self.helm.change(change)?;
        Ok(Ordered { done, saved: self.helm.saved() })
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
