"""The servers that are compared: their configuration, their process, what it costs.

Each runs alone on one core of loopback, with one UDP thread, from a scratch folder that goes away with
it. A server is a context: it runs, and answers, inside the `with`.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time

import pinning
import queries
import regions

ORIGIN = "gslb.example.com"
TTL = 30
# Loading a City database takes the slowest of them a few seconds.
START_TIMEOUT = 120.0
STOP_TIMEOUT = 10.0
TICKS = os.sysconf("SC_CLK_TCK")

ZONE_APEX = f"""\
$TTL 3600
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
ns1 A 192.0.2.1
"""


class NotRunning(Exception):
    """A server ended at its start, or gives no answer."""


class Server:
    """A server that is not running yet; subclasses say how to configure and start it."""

    name = ""
    port = 0
    # True if it gives the query back instead of an answer.
    echoes = False
    note = ""

    def __init__(self, core, program=None, database=None, cache=None):
        self.core, self.program, self.database, self.cache = core, program, database, cache
        self.folder = self.process = self.log = None

    def configure(self):
        """Writes the configuration into `self.folder` and returns the command line."""
        raise NotImplementedError

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix=f"wire-{self.name}-")
        command = self.configure()
        self.log = open(os.path.join(self.folder, "log"), "wb")
        began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            preexec_fn=pinning.on_core(self.core),
        )
        try:
            self._await_answer()
        except BaseException:
            self.__exit__()
            raise
        self.start_seconds = time.monotonic() - began
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu_seconds(self):
        """(user, system) time of the process so far, all threads."""
        return cpu_seconds(self.process.pid)

    def resident(self):
        """(resident, highest resident so far) memory in bytes."""
        with open(f"/proc/{self.process.pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return tuple(int(fields[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))

    def log_text(self):
        """What the server wrote to standard output and error so far."""
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return file.read()

    def write(self, name, text):
        """Writes a file of the scratch folder and returns its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def _await_answer(self):
        datagram = queries.query(queries.NAME, queries.TYPE_A, 4, 0x08080800, 24)
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NotRunning(f"{self.name} ended at its start:\n{self.log_text()}")
            response = queries.ask(self.port, datagram, timeout=0.2)
            if response and (self.echoes or queries.parse(response)[2]):
                return
            time.sleep(0.02)
        raise NotRunning(f"{self.name} gives no answer:\n{self.log_text()}")


class Echo(Server):
    """`wire echo`: what the kernel allows."""

    name, port, echoes = "echo", 5310, True
    note = "bare recvmmsg/sendmmsg, no DNS"

    def configure(self):
        return [self.program, "echo", f"127.0.0.1:{self.port}"]


class Gdnsd(Server):
    """gdnsd with its geoip plugin, city-auto-mode: the same decision as Meridian's `nearest`."""

    name, port = "gdnsd", 5311
    note = "geoip plugin, auto_dc_coords (nearest, first 3 of 11)"

    def configure(self):
        names = ", ".join(regions.REGIONS)
        coordinates = "\n".join(f"{n} => [{a}, {o}]" for n, (a, o) in regions.REGIONS.items())
        pools = "\n".join(
            f"{n} => {{ addrs_v4 => [{regions.ADDRESS[n]}], addrs_v6 => [{regions.ADDRESS6[n]}] }}"
            for n in regions.REGIONS
        )
        self.write(
            "config",
            f"""
options => {{
  listen => [ 127.0.0.1:{self.port} ]
  udp_threads => 1
  tcp_threads => 1
  run_dir => {self.folder}/run
  state_dir => {self.folder}/state
}}
plugins => {{ geoip => {{
  maps => {{ city => {{
    geoip2_db => {self.database}
    datacenters => [{names}]
    auto_dc_coords => {{ {coordinates} }}
  }} }}
  resources => {{ www => {{ map => city, service_types => up, dcmap => {{ {pools} }} }} }}
}} }}
""",
        )
        self.write(f"zones/{ORIGIN}", ZONE_APEX + f"www {TTL} DYNA geoip!www\n")
        return [_find("gdnsd"), "-c", self.folder, "start"]


class Knot(Server):
    """Knot with its geoip module. It looks records up in the database per query, but can't rank by
    distance: a country gets the region nearest to the mean of its networks."""

    name, port = "knot", 5312
    note = "geoip module, geodb mode by country (it has no nearest)"

    def configure(self):
        entries = [f"{queries.NAME}:"]
        for country, region in regions.region_by_country(self.cache, self.database).items():
            entries.append(f'  - geo: "{country}"')
            entries.append(f"    A: {regions.ADDRESS[region]}")
            entries.append(f"    AAAA: {regions.ADDRESS6[region]}")
        self.write("geo.conf", "\n".join(entries) + "\n")
        first = next(iter(regions.REGIONS))
        fallback = f"www {TTL} A {regions.ADDRESS[first]}\nwww {TTL} AAAA {regions.ADDRESS6[first]}\n"
        self.write(f"{ORIGIN}.zone", ZONE_APEX + fallback)
        path = self.write(
            "knot.conf",
            f"""
server:
    listen: 127.0.0.1@{self.port}
    rundir: {self.folder}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    edns-client-subnet: on
log:
  - target: stderr
    any: warning
database:
    storage: {self.folder}
mod-geoip:
  - id: city
    config-file: {self.folder}/geo.conf
    ttl: {TTL}
    mode: geodb
    geodb-file: {self.database}
    geodb-key: country/iso_code
zone:
  - domain: {ORIGIN}
    storage: {self.folder}
    file: {ORIGIN}.zone
    module: mod-geoip/city
""",
        )
        return [_find("knotd"), "-c", path]


class Meridian(Server):
    """Meridian, `rank = ["nearest"]`."""

    name, port = "meridian", 5313
    note = 'rank = ["nearest"], depth 3 of 11'

    def configure(self):
        text = f"""
[server]
listen = ["127.0.0.1:{self.port}"]
workers = 1

[geoip]
databases = ["{self.database}"]

[zone."{ORIGIN}"]
file = "{self.folder}/{ORIGIN}.zone"

[policy.global]
rank = ["nearest"]

[service.www]
name = "{queries.NAME}"
policy = "global"
ttl = "{TTL}s"
"""
        for name, (latitude, longitude) in regions.REGIONS.items():
            text += f"\n[region.{name}]\nlocation = {{ lat = {latitude}, lon = {longitude} }}\n"
            endpoints = f'"{regions.ADDRESS[name]}", "{regions.ADDRESS6[name]}"'
            text += f"[service.www.pool.{name}]\nendpoints = [{endpoints}]\n"
        self.write(f"{ORIGIN}.zone", f"$ORIGIN {ORIGIN}.\n" + ZONE_APEX)
        return [self.program, "serve", "-c", self.write("meridian.toml", text)]


def cpu_seconds(pid):
    """(user, system) time in seconds of a process so far, all its threads."""
    with open(f"/proc/{pid}/stat") as file:
        # The command's name, which comes second, may hold spaces and parentheses.
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def _find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin") or program
