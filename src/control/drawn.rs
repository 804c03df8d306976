//! What is drawn of the node's status: JSON, metrics and the page. Of many services that takes long,
//! so it is done beside the answering, one at a time, and whoever asks meanwhile shares the next.

use std::collections::HashMap;
use std::sync::Arc;

use hyper::body::Bytes;
use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::control::payload;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::control::route::To;

/// What was drawn last for each that asks for all.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawn(Arc<Mutex<HashMap<To, Drawing>>>);

/// One drawing.
#[derive(Clone, Debug)]
struct Drawing {
    text: Bytes,
    /// When the status was asked for that it shows.
    asked: Instant,
}

/// The turn to draw, kept until it is done.
pub(super) struct Turn {
    drawings: OwnedMutexGuard<HashMap<To, Drawing>>,
    shared: Option<To>,
    asked: Instant,
}

impl Drawn {
    /// Waits for the turn to draw what is asked for now. What is shared may have been drawn for
    /// others meanwhile: that will do, since it shows what was so after now.
    pub(super) async fn turn(&self, shared: Option<To>, now: Instant) -> Result<Turn, Bytes> {
        let drawings = Arc::clone(&self.0).lock_owned().await;
        let drawing = shared.and_then(|to| drawings.get(&to));
        match drawing.filter(|drawing| drawing.asked >= now) {
            Some(drawing) => Err(drawing.text.clone()),
            None => Ok(Turn { drawings, shared, asked: Instant::now() }),
        }
    }
}

impl Turn {
    /// Draws, on another thread. It ends there even if nobody waits any longer.
    ///
    /// # Errors
    ///
    /// What there is to say instead of a drawing.
    pub(super) async fn draw<D>(self, draw: D) -> Result<Bytes, Problem>
    where
        D: FnOnce() -> Result<String, Problem> + Send + 'static,
    {
        let Self { mut drawings, shared, asked } = self;
        let drawn = spawn_blocking(move || {
            let text = payload::octets(draw()?);
            let drawing = Drawing { text: text.clone(), asked };
            shared.map(|to| drawings.insert(to, drawing));
            Ok(text)
        });
        let gone = |_| Problem::new(Kind::Node, "the node is being stopped");
        drawn.await.map_err(gone)?
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_asks_while_it_is_drawn_shares_the_next_and_no_earlier_one() {
        let drawn = Drawn::default();
        let begin = Instant::now();
        let turn = drawn.turn(Some(To::Status), begin).await.unwrap_or_else(|_| panic!("none yet"));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let mut first = Box::pin(turn.draw(move || {
            wait.recv().unwrap();
            Ok("first".to_owned())
        }));
        assert!(futures_util::poll!(&mut first).is_pending());
        // It was begun before they asked.
        let asked = Instant::now() + Duration::from_millis(1);
        let second = drawn.turn(Some(To::Status), asked);
        let mut second = Box::pin(second);
        assert!(futures_util::poll!(&mut second).is_pending(), "one at a time");
        drop(first);
        assert!(futures_util::poll!(&mut second).is_pending(), "nor if nobody waits for it");
        tokio::time::sleep_until(asked).await;
        go.send(()).unwrap();
        let turn = second.await.unwrap_or_else(|_| panic!("the first is of before"));
        assert_eq!(turn.draw(|| Ok("second".to_owned())).await.unwrap(), "second");
        let shared = drawn.turn(Some(To::Status), asked).await.err();
        assert_eq!(shared.as_deref(), Some(&b"second"[..]));
        assert!(drawn.turn(Some(To::Metrics), asked).await.is_ok(), "each route has its own");
        assert!(drawn.turn(None, asked).await.is_ok(), "and some share nothing");
    }
}
