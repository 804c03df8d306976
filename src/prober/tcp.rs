//! A connection, and optionally a short conversation.

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::model::TcpProbe;
use crate::model::limits;
use crate::prober::connect::Found;
use crate::prober::connect::Stage;
use crate::prober::expect;
use crate::prober::failure::Fault;

/// Connects, sends, and reads until what is expected came.
pub(super) async fn probe(
    probe: &TcpProbe,
    found: &Found,
    port: u16,
    stage: &Stage,
) -> Result<(), Fault> {
    let mut stream = found.connect(port, stage).await?;
    if let Some(text) = &probe.send {
        stage.begin("sending");
        let sent = stream.write_all(text.as_bytes()).await;
        sent.map_err(|error| Fault::of_socket("sending", &error))?;
    }
    let Some(expected) = &probe.expect else { return Ok(()) };
    stage.begin("reading the answer");
    let mut heard = Vec::new();
    while heard.len() < limits::PROBE_BODY {
        let left = limits::PROBE_BODY - heard.len();
        let n = (&mut stream).take(left as u64).read_buf(&mut heard).await;
        let n = n.map_err(|error| Fault::of_socket("reading the answer", &error))?;
        if expect::contains(&heard, expected.as_bytes()) {
            return Ok(());
        }
        if n == 0 {
            break;
        }
    }
    Err(Fault::target(format!("{}, expected {expected:?}", expect::shown(&heard))))
}
