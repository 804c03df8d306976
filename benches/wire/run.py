#!/usr/bin/env python3
"""The wire bench: Meridian, gdnsd, Knot and a bare echo in turn on one core, the load on another.

    benches/wire/run.py                    five alternated rounds of all that is there
    benches/wire/run.py --only gdnsd,echo --rounds 3 --seconds 2 --json

README.md beside this file says what is measured and how to read it.
"""

import argparse
import json
import os
import platform
import statistics
import sys

import load
import prerequisites
import queries
import servers

QUERIES = 200_000
WARM_UP_SECONDS = 0.5
PEERS = {"gdnsd": servers.Gdnsd, "knot": servers.Knot}
# Key of a round's result: its column's heading, factor and digits.
COLUMNS = {
    "rate": ("queries/s", 1, 0),
    "user": ("user ns/query", 1e9, 0),
    "system": ("system ns/query", 1e9, 0),
    "busy": ("core busy", 1, 2),
    "start": ("start s", 1, 2),
}
# The echo has no user time to speak of, so nothing is divided by it.
RATIOS = {"gdnsd": ("rate", "user", "system"), "echo": ("rate", "system")}


def main():
    options = arguments()
    if len(os.sched_getaffinity(0)) < 2 or options.server_core == options.load_core:
        sys.exit("two cores are needed: one for the server, one for the load")
    contestants, generator = prepare(options)
    rounds = {server.name: [] for server in contestants}
    for number in range(options.rounds):
        # Each round begins with another server, so that a drift of the machine hits all alike.
        turn = number % max(len(contestants), 1)
        for server in contestants[turn:] + contestants[:turn]:
            prerequisites.say(f"round {number + 1} of {options.rounds}: {server.name}")
            try:
                rounds[server.name].append(measure(server, generator, options.seconds))
            except servers.NotRunning as problem:
                prerequisites.say(f"{server.name} is left out: {problem}")
                contestants = [other for other in contestants if other is not server]
                del rounds[server.name]
    if not contestants:
        sys.exit("nothing ran")
    report = summary(contestants, rounds, options)
    print(json.dumps(report, indent=2) if options.json else table(report))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--only", default="", help="comma-separated: meridian, gdnsd, knot, echo")
    parser.add_argument("--meridian", help="the program; else the release build is built and run")
    parser.add_argument("--database", help="a City database; else one is fetched")
    parser.add_argument("--window", type=int, default=load.WINDOW, help="unanswered queries")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def prepare(options):
    """The servers that can run, stopped, and the load generator."""
    os.makedirs(prerequisites.CACHE, exist_ok=True)
    wanted = options.only.split(",") if options.only else ["meridian", *PEERS, "echo"]
    wire = prerequisites.wire_program()
    database = prerequisites.database(options.database)
    core, cache = options.server_core, prerequisites.CACHE
    contestants = [
        PEERS[name](core, database=database, cache=cache)
        for name in prerequisites.peers([name for name in PEERS if name in wanted])
    ]
    if "meridian" in wanted:
        program = prerequisites.meridian_program(options.meridian)
        if program:
            contestants.append(servers.Meridian(core, program=program, database=database))
    if "echo" in wanted:
        contestants.append(servers.Echo(core, program=wire))
    if not contestants:
        sys.exit("nothing to run")
    query_file = queries.query_file(cache, database, QUERIES)
    return contestants, load.Load(wire, query_file, options.load_core, options.window)


def measure(server, generator, seconds):
    """One round of one server: rate, CPU time per answer, and what went wrong."""
    with server:
        generator.run(server, WARM_UP_SECONDS)
        user, system = server.cpu_seconds()
        result = generator.run(server, seconds)
        user_after, system_after = server.cpu_seconds()
        start = server.start_seconds
    answered = max(result["answered"], 1)
    user, system = user_after - user, system_after - system
    return {
        "rate": result["rate"],
        "user": user / answered,
        "system": system / answered,
        "busy": (user + system) / result["seconds"],
        "load_busy": result["busy"],
        "start": start,
        "lost": result["lost"],
        "wrong": result["wrong"] + result["unasked"],
        "sent": result["sent"],
    }


def summary(contestants, rounds, options):
    """Medians with their spread, and ratios of each round to gdnsd and the echo in the same round."""
    report = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "window": options.window,
        "kernel": platform.release(),
        "servers": {},
    }
    for server in contestants:
        own = rounds[server.name]
        entry = {"note": server.note}
        for key in (*COLUMNS, "load_busy"):
            entry[key] = spread([one[key] for one in own])
        for key in ("sent", "lost", "wrong"):
            entry[key] = sum(one[key] for one in own)
        for base, keys in RATIOS.items():
            if base in rounds and base != server.name:
                entry[f"to_{base}"] = {
                    key: spread([a[key] / b[key] for a, b in zip(own, rounds[base]) if b[key]])
                    for key in keys
                }
        report["servers"][server.name] = entry
    return report


def spread(values):
    """Median, least and greatest; nothing of nothing."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def table(report):
    """The report for people: a Markdown table of figures, one of ratios."""
    lines = [
        f"Median (least–greatest) of {report['rounds']} alternated rounds of {report['seconds']:g} s, one "
        f"core for the server, {report['window']} queries on their way.",
        "",
    ]
    head = ["server", *(heading for heading, _, _ in COLUMNS.values()), "lost", "wrong", "load busy"]
    rows = []
    for name, entry in report["servers"].items():
        cells = [show(entry[key], factor, digits) for key, (_, factor, digits) in COLUMNS.items()]
        cells += [str(entry["lost"]), str(entry["wrong"]), show(entry["load_busy"], 1, 2)]
        rows.append([name, *cells])
    lines += markdown(head, rows)
    for base, keys in RATIOS.items():
        rows = [
            [name, *(show(entry[f"to_{base}"][key], 1, 2) for key in keys)]
            for name, entry in report["servers"].items()
            if f"to_{base}" in entry
        ]
        if rows:
            head = [f"ratio to {base}", *(COLUMNS[key][0] for key in keys)]
            lines += ["", *markdown(head, rows)]
    lines += ["", *(f"{name}: {entry['note']}" for name, entry in report["servers"].items())]
    return "\n".join(lines)


def show(value, factor, digits):
    if value is None:
        return "–"
    middle, least, most = (f"{value[key] * factor:,.{digits}f}" for key in ("median", "min", "max"))
    return f"{middle} ({least}–{most})"


def markdown(head, rows):
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    rule = ["-" * width for width in widths]
    return ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in [head, rule, *rows]]


if __name__ == "__main__":
    main()
