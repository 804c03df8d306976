//! What an operator or a service manager tells a node.
//!
//! A thread of its own sees to it that who is told to stop has stopped a while later, whatever
//! keeps the others.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::cli::log;

/// How long after it was told to stop a process has ended, whatever keeps it: what ends in order
/// takes half of it at the most.
const END: Duration = Duration::from_secs(10);

/// The same after it was told again: what does not wait for anything has ended long before.
const END_AT_ONCE: Duration = Duration::from_secs(1);

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
        let hangup = signal(SignalKind::hangup())?;
        let stop = stop()?;
        // Where there is no such thread, what ends in order still does.
        drop(std::thread::Builder::new().name("end".to_owned()).spawn(end_late));
        Ok(Self { hangup, stop })
    }

    /// Waits until the node is told to stop.
    pub(in crate::cli) async fn told_to_stop(&mut self) {
        told_to(&mut self.stop).await;
    }
}

fn stop() -> std::io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
}

/// Ends the process a while after it was told to stop, sooner if it is told again. It has a runtime
/// of its own, since the others may be what is stuck: at a disk that does not answer, for instance.
#[expect(clippy::exit, reason = "what ends in order did not end")]
fn end_late() {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
    let told = runtime.block_on(async {
        let mut stop = stop()?;
        told_to(&mut stop).await;
        if timeout(END, told_to(&mut stop)).await.is_ok() {
            sleep(END_AT_ONCE).await;
        }
        std::io::Result::Ok(())
    });
    if told.is_ok() {
        log::take(
            "meridian: told to stop, and did not in time: ended without waiting any longer\n",
        );
        log::end();
        std::process::exit(1);
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
