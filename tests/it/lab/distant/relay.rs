//! A relay of packets between two namespaces, which takes its time.

use std::process::Command;

use crate::lab::Namespace;
use crate::lab::Process;

/// An end of a way: a namespace, and the name of the TUN device in it.
pub(super) type End<'a> = (&'a Namespace, &'a str);

/// Whether TUN devices can be had; if so, this one is there from now on.
pub(super) fn can_be_made((namespace, device): End<'_>) -> bool {
    namespace.can(&["tuntap", "add", device, "mode", "tun"])
}

/// Starts a relay between two TUN devices, which must be there; there and back takes so long.
pub(super) fn start(near: End<'_>, far: End<'_>, rtt_ms: u32) -> Process {
    let mut relay = Command::new("python3");
    relay.args(["-B", "-c", RELAY]);
    for (namespace, device) in [near, far] {
        namespace.ip(&["link", "set", device, "up"]);
        relay.args([namespace.name(), device]);
    }
    relay.arg(rtt_ms.to_string());
    Process::start(relay)
}

/// Each way takes half of the time.
const RELAY: &str = r#"
import collections, ctypes, fcntl, os, select, struct, sys, time
NEWNET, TUNSETIFF, TUN_WITHOUT_HEADER = 0x40000000, 0x400454CA, 0x1001
libc = ctypes.CDLL(None, use_errno=True)
def tun(namespace, name):
    with open("/run/netns/" + namespace) as door:
        if libc.setns(door.fileno(), NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN_WITHOUT_HEADER))
    return device
# A packet that waits for a processor too comes late.
try:
    os.nice(-15)
except OSError:
    pass
near, far = tun(sys.argv[1], sys.argv[2]), tun(sys.argv[3], sys.argv[4])
delay = float(sys.argv[5]) / 2000
other = {near: far, far: near}
# Those of both ways, in the order in which they came, which is that in which they are due.
waiting = collections.deque()
while True:
    rest = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    for device in select.select([near, far], [], [], rest)[0]:
        try:
            packet = os.read(device, 65536)
        except BlockingIOError:
            continue
        # Who is too slow loses packets, as routers do.
        if len(waiting) < 10000:
            waiting.append((time.monotonic() + delay, other[device], packet))
    while waiting and waiting[0][0] <= time.monotonic():
        _, device, packet = waiting.popleft()
        try:
            os.write(device, packet)
        except OSError:
            pass
"#;
