//! What an operator or a service manager tells a node.

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// The signals of a node.
pub(in crate::cli) struct Signals {
    pub(in crate::cli) hangup: Signal,
    /// SIGTERM and SIGINT.
    pub(in crate::cli) stop: [Signal; 2],
}

impl Signals {
    /// From here on none of them ends the process by itself. To be taken before anybody is
    /// told that the node is ready, and sends one. Must run inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// If signals can't be had.
    pub(in crate::cli) fn take() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            stop: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?],
        })
    }

    /// Waits until the node is told to stop.
    pub(in crate::cli) async fn told_to_stop(&mut self) {
        told_to(&mut self.stop).await;
    }
}

/// Waits for either of two.
pub(in crate::cli) async fn told_to([terminate, interrupt]: &mut [Signal; 2]) {
    tokio::select! {
        () = received(terminate) => {}
        () = received(interrupt) => {}
    }
}

/// Waits for one.
pub(in crate::cli) async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        // The stream ended, which it does not while the runtime lives.
        std::future::pending::<()>().await;
    }
}
