//! A connection, and optionally a short conversation.

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::model::ProbeHost;
use crate::model::TcpProbe;
use crate::model::limits;
use crate::prober::connect;
use crate::prober::connect::Stage;
use crate::prober::expect;
use crate::prober::failure::Fault;

/// Connects, sends, and reads until what is expected came.
pub(super) async fn probe(
    probe: &TcpProbe,
    host: &ProbeHost,
    port: u16,
    stage: &Stage,
) -> Result<(), Fault> {
    let mut stream = connect::connect(host, port, stage).await?;
    if let Some(text) = &probe.send {
        stage.begin("sending");
        let sent = stream.write_all(text.as_bytes()).await;
        sent.map_err(|error| Fault::of_socket("sending", &error))?;
    }
    let Some(expected) = &probe.expect else { return Ok(()) };
    stage.begin("reading the answer");
    let mut found = Vec::new();
    while found.len() < limits::PROBE_BODY {
        let left = limits::PROBE_BODY - found.len();
        let n = (&mut stream).take(left as u64).read_buf(&mut found).await;
        let n = n.map_err(|error| Fault::of_socket("reading the answer", &error))?;
        if expect::contains(&found, expected.as_bytes()) {
            return Ok(());
        }
        if n == 0 {
            break;
        }
    }
    Err(Fault::target(format!("{}, expected {expected:?}", expect::shown(&found))))
}
