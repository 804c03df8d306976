#!/usr/bin/env python3
"""Reloads a server in a loop under open-loop load at a share of its peak: is a query lost or late?

    benches/wire/reload.py                     Meridian, a minute, 100 reloads in all
    benches/wire/reload.py --server gdnsd --reloads 5      gdnsd, by touching its database

Meridian gets SIGHUP, each after the last one's log line with "reloaded".
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time

import load
import prerequisites
import queries
import servers

QUERIES = 200_000
PEAK_SECONDS = 3.0
RELOAD_TIMEOUT = 60.0
POLL_SECONDS = 0.005
RELOADED = "reloaded"
GDNSD_RELOADED = "runtime db updated"


def main():
    options = arguments()
    os.makedirs(prerequisites.CACHE, exist_ok=True)
    server, reloaded_once = prepare(options)
    wire = prerequisites.wire_program()
    query_file = queries.query_file(prerequisites.CACHE, server.database, QUERIES)
    generator = load.Load(wire, query_file, options.load_core)
    with server:
        report = run(server, reloaded_once, generator, options)
    print(json.dumps(report, indent=2) if options.json else table(report))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=["meridian", "gdnsd"], default="meridian")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--share", type=float, default=0.2, help="of the peak rate")
    parser.add_argument("--reloads", type=int, default=100, help="in all, some of them after the load")
    parser.add_argument("--meridian", help="the program; else the release build is built and run")
    parser.add_argument("--database", help="a City database; else one is fetched")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def prepare(options):
    """The server, stopped, and the function that reloads it once and returns when that is done."""
    database = prerequisites.database(options.database)
    if options.server == "gdnsd":
        if not prerequisites.peers(["gdnsd"]):
            sys.exit(1)
        # A copy, because it gets touched.
        copy = shutil.copy(database, os.path.join(prerequisites.CACHE, "touched.mmdb"))
        server = servers.Gdnsd(options.server_core, database=copy)
        return server, touch_database
    program = prerequisites.meridian_program(options.meridian) or sys.exit(1)
    server = servers.Meridian(options.server_core, program=program, database=database)
    return server, hang_up


def run(server, reload_once, generator, options):
    peak = sorted(generator.run(server, PEAK_SECONDS)["rate"] for _ in range(3))[1]
    rate = peak * options.share
    prerequisites.say(f"peak {peak:,.0f} queries/s; open loop at {rate:,.0f}")
    quiet = generator.run(server, options.seconds, rate)
    reload_once(server)
    after_one = server.resident()
    durations = []
    process = generator.start(server, options.seconds, rate)
    end = time.monotonic() + options.seconds
    try:
        while time.monotonic() < end and process.poll() is None:
            durations.append(timed(reload_once, server))
        reloading = generator.finish(process, options.seconds)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    during = len(durations)
    while 1 + len(durations) < options.reloads:
        durations.append(timed(reload_once, server))
    resident, highest = server.resident()
    return {
        "server": server.name,
        "start_seconds": server.start_seconds,
        "peak": peak,
        "rate": rate,
        "quiet": quiet,
        "reloading": reloading,
        "reloads_under_load": during,
        "reloads": 1 + len(durations),
        "reload_seconds": {"median": sorted(durations)[len(durations) // 2], "max": max(durations)},
        "resident_after_one": after_one[0],
        "resident_after_all": resident,
        "highest_resident": highest,
        "database_octets": os.path.getsize(server.database),
    }


def timed(reload_once, server):
    began = time.monotonic()
    reload_once(server)
    return time.monotonic() - began


def hang_up(server):
    """SIGHUP, then waits for the line that says it is done."""
    before = server.log_text().count(RELOADED)
    server.process.send_signal(signal.SIGHUP)
    await_log(server, RELOADED, before)


def touch_database(server):
    """gdnsd watches its database and waits twelve seconds in all for it to be quiet."""
    before = server.log_text().count(GDNSD_RELOADED)
    os.utime(server.database)
    await_log(server, GDNSD_RELOADED, before)


def await_log(server, text, before):
    """Waits until the log has `text` more often than `before` times."""
    deadline = time.monotonic() + RELOAD_TIMEOUT
    while server.log_text().count(text) <= before:
        if server.process.poll() is not None:
            raise RuntimeError(f"{server.name} ended at a reload:\n{server.log_text()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} does not say that it reloaded:\n{server.log_text()}")
        time.sleep(POLL_SECONDS)


def table(report):
    megabytes = {
        key: f"{report[key] / 2**20:,.1f} MiB"
        for key in ("resident_after_one", "resident_after_all", "highest_resident", "database_octets")
    }
    lines = [
        f"{report['server']}: started in {report['start_seconds']:.2f} s, peak {report['peak']:,.0f} queries/s, "
        f"open loop at {report['rate']:,.0f}/s",
        f"{report['reloads_under_load']} reloads under load, {report['reloads']} in all; one takes "
        f"{report['reload_seconds']['median']:.2f} s (longest {report['reload_seconds']['max']:.2f} s)",
        "",
        "| load          | sent | lost | wrong | p50 µs | p99 µs | p99.9 µs | longest µs | sent late by µs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in ("quiet", "reloading"):
        one = report[name]
        keys = ("sent", "lost", "wrong", "p50_us", "p99_us", "p999_us", "max_us", "late_max_us")
        lines.append(f"| {name} | " + " | ".join(str(one[key]) for key in keys) + " |")
    growth = report["resident_after_all"] / report["resident_after_one"]
    lines += [
        "",
        f"resident after 1 reload {megabytes['resident_after_one']}, after {report['reloads']} "
        f"{megabytes['resident_after_all']} (× {growth:.2f}), highest {megabytes['highest_resident']}; the "
        f"database file has {megabytes['database_octets']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
