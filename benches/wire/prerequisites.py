"""What the wire bench needs: peers, a City database, our own programs. Gets what it may, says what it may not."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv

CACHE = os.path.expanduser("~/.cache/meridian")
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATABASE_PACKAGE = "maxminddb-geolite2"
PEERS = {
    "gdnsd": ("gdnsd", ["gdnsd"]),
    "knot": ("knotd", ["knot", "knot-module-geoip"]),
    "dnsperf": ("dnsperf", ["dnsperf"]),
}
KNOT_GEOIP = "knot-module-geoip"


def peers(wanted):
    """Those of `wanted` that are installed, after trying to install the others."""
    missing = [name for name in wanted if not _installed(name)]
    if missing:
        packages = [package for name in missing for package in PEERS[name][1]]
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
        if shutil.which("apt-get") and os.geteuid() == 0:
            say("installing " + ", ".join(packages))
            # RUNLEVEL=1 keeps the packages from starting servers of their own.
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
            for step in (["apt-get", "update"], command):
                subprocess.run(step, env=environment, stdout=subprocess.DEVNULL, timeout=600, check=False)
        for name in missing:
            if not _installed(name):
                say(f"{name} is missing and left out; on Debian: sudo {' '.join(command)}")
    return [name for name in wanted if _installed(name)]


def database(path=None):
    """The path of a City database: `path`, or one fetched into the cache."""
    if path:
        return os.path.abspath(path)
    cached = os.path.join(CACHE, "GeoLite2-City.mmdb")
    if os.path.exists(cached):
        return cached
    downloads = os.path.join(CACHE, "downloads")
    os.makedirs(downloads, exist_ok=True)
    say(f"fetching the City database of the PyPI package {DATABASE_PACKAGE}")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", downloads]
    if subprocess.run([*pip, DATABASE_PACKAGE], timeout=600, check=False).returncode:
        sys.exit(f"no City database: give one with --database, or put it at {cached}")
    for name in os.listdir(downloads):
        if name.startswith(DATABASE_PACKAGE) and name.endswith(".tar.gz"):
            with tarfile.open(os.path.join(downloads, name)) as archive:
                member = next(one for one in archive if one.name.endswith("City.mmdb"))
                with archive.extractfile(member) as source, open(cached + ".new", "wb") as target:
                    shutil.copyfileobj(source, target)
            os.rename(cached + ".new", cached)
            return cached
    sys.exit(f"the package {DATABASE_PACKAGE} holds no City database")


def wire_program():
    """The path of our echo and load generator, built."""
    command = ["cargo", "bench", "--quiet", "--bench", "wire", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, timeout=1800, check=False)
    if built.returncode:
        sys.exit("the wire bench does not build: run `cargo bench --bench wire --no-run`")
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "wire":
            return message["executable"]
    sys.exit("cargo names no executable of the wire bench")


def meridian_program(path=None):
    """The path of Meridian: `path`, or the release build, built; None if this can't be."""
    if path:
        return os.path.abspath(path)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(REPOSITORY, "target"))
    built = os.path.join(target, "release", "meridian")
    command = ["cargo", "build", "--quiet", "--release", "--bin", "meridian"]
    if subprocess.run(command, cwd=REPOSITORY, timeout=1800, check=False).returncode:
        say("Meridian does not build and is left out")
        return None
    return built


def with_maxminddb():
    """Makes the package `maxminddb` importable: goes on in a virtual environment that has it."""
    try:
        import maxminddb  # noqa: F401  (only asked whether it is there)

        return
    except ImportError:
        pass
    folder = os.path.join(CACHE, "venv")
    python = os.path.join(folder, "bin", "python3")
    if os.path.realpath(sys.prefix) == os.path.realpath(folder):
        sys.exit("the package maxminddb can't be imported even in its own environment")
    if not os.path.exists(python):
        say("making a virtual environment with the package maxminddb")
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "maxminddb"], timeout=600, check=True)
    os.execv(python, [python, *sys.argv])


def say(text):
    """A remark; results go to standard output."""
    print(text, file=sys.stderr, flush=True)


def _installed(name):
    # Debian installs servers where only root's PATH looks.
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    if shutil.which(PEERS[name][0], path=path) is None:
        return False
    if name != "knot" or shutil.which("dpkg-query") is None:
        return True
    status = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", KNOT_GEOIP]
    shown = subprocess.run(status, capture_output=True, text=True, check=False)
    return shown.stdout == "installed"
