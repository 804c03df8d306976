//! `meridian serve`.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::runtime::Runtime;

use crate::cli::Exit;
use crate::cli::arguments::Serve;
use crate::cli::identity::Identity;
use crate::cli::log;
use crate::cli::node::Learned;
use crate::cli::node::Node;
use crate::cli::node::listen;
use crate::cli::node::prepare;
use crate::cli::node::prepare_last_good;
use crate::cli::signals::Signals;
use crate::cli::watch::Look;
use crate::server;
use crate::tasks::Program;
use crate::tasks::Tasks;

/// How long programs that probes or hooks started may take to be found and ended.
const PROGRAMS_END: Duration = Duration::from_secs(2);

pub(super) fn run(options: &Serve) -> Exit {
    server::settle_heap();
    log::start();
    let path = &options.configured.path();
    let identity = Identity::new(options.node.clone());
    let prepared = match prepare(path, &Look::new(), &identity, Learned::OnDisk, true) {
        Ok(prepared) => prepared,
        Err(_) if options.strict => return Exit::Usage,
        Err(refused) => match prepare_last_good(path, refused, &identity) {
            Ok(prepared) => prepared,
            Err(why) => {
                tracing::error!("there is nothing to serve in place of these files: {why}");
                return Exit::Usage;
            }
        },
    };
    serve(async || {
        let listeners = listen(&prepared)?;
        Node::start(path, identity, prepared, listeners, Tasks::new()).await
    })
}

/// Starts a node inside a runtime and runs it to its end.
pub(super) fn serve(start: impl AsyncFnOnce() -> Result<Node, String>) -> Exit {
    let Some(runtime) = runtime() else { return Exit::Negative };
    let exit = runtime.block_on(async {
        let mut signals = match Signals::take() {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!("failed to listen to signals: {error}");
                return Exit::Negative;
            }
        };
        let started = tokio::select! {
            started = start() => started,
            () = signals.told_to_stop() => return Exit::Done,
        };
        let node = match started {
            Ok(node) => node,
            Err(problem) => {
                tracing::error!("{problem}");
                return Exit::Negative;
            }
        };
        node.run(signals).await;
        Exit::Done
    });
    // Dropping it would wait for a name that is looked up, or a disk that does not answer.
    runtime.shutdown_background();
    end_programs();
    exit
}

/// Ends what hooks and probes started, before the process is gone that knows of it.
pub(super) fn end_programs() {
    if !Program::all_ended(PROGRAMS_END) {
        tracing::warn!("programs that probes or hooks started may still run");
    }
}

/// One thread for the node's loop, timers and signals; what answers has threads of its own.
pub(super) fn runtime() -> Option<Runtime> {
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            tracing::error!("failed to start the runtime: {error}");
            None
        }
    }
}
