#!/usr/bin/env python3
"""What connections cost that are there and do nothing good: memory of the server and of the kernel,
and how an honest client fares meanwhile.

    sudo benches/hold/run.py [--meridian PROGRAM] [--server meridian,gdnsd,nsd] [--way unread,...]
                             [--connections 4096] [--seconds 8]

It runs in a network namespace of its own (`unshare --net`), so that it meets nobody and nobody it. The
ways are in `WAYS`. Clients come from many addresses, as many a connection each as `--per-address` says.
"""

import argparse
import multiprocessing
import os
import select
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

PORT = 5353
ORIGIN = "gslb.example.com"
# A TXT RRset of some 60,000 octets: what a transfer would send in one message.
BIG = "\n".join(f'big TXT "{n:04}{"x" * 246}"' for n in range(235)) + "\n"
ZONE = f"""\
$ORIGIN {ORIGIN}.
$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
ns1 A 192.0.2.1
small A 192.0.2.2
"""


# ---- Servers ----------------------------------------------------------------


def meridian(folder, program):
    write(folder, "zone", ZONE + BIG)
    write(
        folder,
        "meridian.toml",
        f"""
[server]
listen = ["127.0.0.1:{PORT}"]
[control]
listen = "127.0.0.1:8053"
[zone."{ORIGIN}"]
file = "zone"
[region.r]
location = {{ lat = 50.0, lon = 8.0 }}
[policy.p]
rank = ["priority"]
[service.www]
name = "www.{ORIGIN}"
[service.www.pool.r]
endpoints = ["192.0.2.10"]
""",
    )
    return [program, "serve", "-c", f"{folder}/meridian.toml"]


def gdnsd(folder, _):
    # It refuses RRsets of more than 16,000 octets.
    lines = BIG.splitlines()[:60]
    write(folder, f"zones/{ORIGIN}", ZONE + "\n".join(lines) + "\n")
    options = f"listen => [ 127.0.0.1:{PORT} ]\nrun_dir => {folder}/run\nstate_dir => {folder}/state"
    options += "\ntcp_clients_per_thread => 8192\nmax_response => 64000"
    write(folder, "config", f"options => {{\n{options}\n}}\n")
    return ["gdnsd", "-c", folder, "start"]


def nsd(folder, _):
    write(folder, "zone", ZONE + BIG)
    write(
        folder,
        "nsd.conf",
        f"""
server:
  ip-address: 127.0.0.1@{PORT}
  zonesdir: "{folder}"
  pidfile: "{folder}/pid"
  zonelistfile: "{folder}/list"
  xfrdfile: "{folder}/xfrd"
  username: ""
  chroot: ""
  server-count: 1
  tcp-count: 8192
  tcp-timeout: 10
remote-control:
  control-enable: no
zone:
  name: "{ORIGIN}"
  zonefile: "zone"
""",
    )
    return ["nsd", "-d", "-c", f"{folder}/nsd.conf"]


SERVERS = {"meridian": meridian, "gdnsd": gdnsd, "nsd": nsd}


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def family(pid):
    """A process and all it started."""
    pids, children = [pid], {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry))
    for one in pids:
        pids.extend(children.get(one, []))
    return pids


def resident(pid):
    """Resident octets of a server, shared pages of its processes counted once each."""
    total = 0
    for one in family(pid):
        try:
            with open(f"/proc/{one}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass
    return total * 1024


def kernel():
    """Octets that the kernel keeps in buffers of TCP, of all namespaces."""
    with open("/proc/net/sockstat") as file:
        tcp = next(line for line in file if line.startswith("TCP:")).split()
    return int(tcp[tcp.index("mem") + 1]) * os.sysconf("SC_PAGESIZE")


# ---- Clients ----------------------------------------------------------------


def query(name, number=1):
    question = b"".join(bytes([len(p)]) + p.encode() for p in f"{name}.{ORIGIN}".split("."))
    kind = 16 if name == "big" else 1
    message = struct.pack("!6H", number & 0xFFFF, 0, 1, 0, 0, 0) + question + b"\0" + struct.pack("!2H", kind, 1)
    return struct.pack("!H", len(message)) + message


def address(n, per_address):
    n //= per_address
    return f"127.{1 + n // 65536}.{n // 256 % 256}.{n % 256}"


class Holder:
    """Holds connections its way; one that the server closes is opened again."""

    def __init__(self, way, connections, per_address):
        self.way, self.wanted, self.per_address = way, connections, per_address
        self.opened = self.closed = self.sent = self.refused = 0
        self.poll, self.open, self.halting = select.epoll(), {}, False
        self.thread = threading.Thread(target=self.run)

    def connect(self):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.way in ("half", "unread"):
            # As little as may be, so that what the kernel keeps is the server's.
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2304)
        s.setblocking(False)
        s.bind((address(self.opened % self.wanted, self.per_address), 0))
        try:
            s.connect(("127.0.0.1", PORT))
        except BlockingIOError:
            pass
        except OSError:
            self.refused += 1
            s.close()
            return
        self.opened += 1
        self.open[s.fileno()] = [s, 0]
        # Only its end is waited for; what comes is left where it is.
        events = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP
        self.poll.register(s, events | select.EPOLLET)

    def write(self, entry):
        s, octets = entry[0], WAYS[self.way]
        try:
            if self.way != "unread":
                if entry[1] == 0:
                    entry[1] = s.send(octets)
                    self.sent += entry[1]
                return
            for _ in range(64):
                entry[1] += s.send(octets[entry[1] % len(octets) :])
        except OSError:
            pass

    def run(self):
        while not self.halting:
            for _ in range(min(256, self.wanted - len(self.open))):
                self.connect()
            for fd, events in self.poll.poll(0.05, 1024):
                entry = self.open[fd]
                s = entry[0]
                if events & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP):
                    del self.open[fd]
                    self.poll.unregister(fd)
                    s.close()
                    self.closed += 1
                elif events & select.EPOLLOUT:
                    self.write(entry)
        for s, _ in self.open.values():
            # Away with what is in flight, too.
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()


class Honest:
    """Asks by a connection of its own ten times a second, and reads what comes; in a process of its
    own, so that it competes with nobody but the server."""

    def __init__(self):
        self.ours, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.run, args=(theirs,))

    def run(self, pipe):
        times, failed = [], 0
        while not pipe.poll():
            began = time.monotonic()
            try:
                with socket.create_connection(("127.0.0.1", PORT), 2, ("127.0.0.9", 0)) as s:
                    s.settimeout(2)
                    s.sendall(query("small"))
                    assert len(s.recv(4096)) > 20
                times.append(time.monotonic() - began)
            except (OSError, AssertionError):
                failed += 1
            time.sleep(0.1)
        pipe.send((times, failed))

    def end(self):
        """How long answers took, and how many did not come."""
        self.ours.send(None)
        result = self.ours.recv()
        self.process.join()
        return result


# What each connection sends, at once or as fast as it is taken.
WAYS = {
    # Nothing more after one answer: what an idle resolver does.
    "idle": query("small"),
    # One octet of the length, and no other.
    "length": b"\0",
    # One large answer, of which nothing is read.
    "half": query("big"),
    # Queries for large answers, without an end, and nothing is read.
    "unread": b"".join(query("big", n) for n in range(64)),
}


def measure(name, way, options):
    folder = tempfile.mkdtemp(prefix="hold-")
    command = SERVERS[name](folder, options.meridian)
    with open(f"{folder}/log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", PORT), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    with open(f"{folder}/log") as log:
                        sys.exit(f"{name} does not start:\n{log.read()}")
                time.sleep(0.05)
        time.sleep(1)
        before, kernel_before = resident(process.pid), kernel()
        holder, honest = Holder(way, options.connections, options.per_address), Honest()
        peak = kernel_peak = held = 0
        honest.process.start()
        holder.thread.start()
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            time.sleep(0.25)
            peak, kernel_peak = max(peak, resident(process.pid)), max(kernel_peak, kernel())
            held = max(held, len(holder.open))
        holder.halting = True
        holder.thread.join()
        times, failed = honest.end()
        left = []
        for _ in range(10):
            time.sleep(1)
            left.append(resident(process.pid))
        mb = lambda n: f"{n / 1e6:6.1f}"
        times = times or [float("nan")]
        print(
            f"{name:9} {way:7} {held:5} held, {holder.opened:6} opened, {holder.closed:6} closed by it;"
            f" resident {mb(before)} +{mb(peak - before)} MB, after they left +{mb(left[-1] - before)};"
            f" kernel +{mb(kernel_peak - kernel_before)} MB; honest: {len(times)} answered, {failed} not,"
            f" median {statistics.median(times) * 1e3:.1f} ms, most {max(times) * 1e3:.0f} ms",
            flush=True,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            print(f"{name} does not end")
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meridian", default=os.path.join(here, "../../target/release/meridian"))
    parser.add_argument("--server", default="meridian,gdnsd,nsd")
    parser.add_argument("--way", default=",".join(WAYS))
    parser.add_argument("--connections", type=int, default=4096)
    parser.add_argument("--per-address", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    if os.environ.get("HOLD_ALONE") != "1":
        os.environ["HOLD_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for way in options.way.split(","):
        for name in options.server.split(","):
            measure(name, way, options)


if __name__ == "__main__":
    main()
