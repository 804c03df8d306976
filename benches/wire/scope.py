#!/usr/bin/env python3
"""Asks gdnsd and Meridian about random networks of a City database: are they right, how wide are the scopes?

    benches/wire/scope.py --networks 20000

The oracle is the great-circle distance from the coordinates that the package `maxminddb` reads. Where it
has two regions within a kilometre of each other, either is right.
"""

import argparse
import collections
import ipaddress
import json
import random
import socket
import statistics
import sys

import mmdb
import prerequisites
import queries
import regions
import servers

# Datagrams on their way: loopback loses none of so few.
WINDOW = 64
TIE_KM = 1.0
TIMEOUT = 2.0


def main():
    options = arguments()
    prerequisites.with_maxminddb()
    import maxminddb

    database = prerequisites.database(options.database)
    clients = draw_clients(database, options.networks, options.seed)
    with maxminddb.open_database(database) as reader:
        expected = [oracle(reader, *client) for client in clients]
    asked = {}
    for server in contestants(options, database):
        prerequisites.say(f"asking {server.name} about {len(clients)} networks")
        with server:
            asked[server.name] = ask_all(server.port, clients)
    report = summary(clients, expected, asked)
    print(json.dumps(report, indent=2) if options.json else table(report))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=20_000)
    parser.add_argument("--only", default="gdnsd,meridian")
    parser.add_argument("--meridian", help="the program; else the release build is built and run")
    parser.add_argument("--database", help="a City database; else one is fetched")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def contestants(options, database):
    wanted = options.only.split(",")
    found = []
    if "gdnsd" in wanted and prerequisites.peers(["gdnsd"]):
        found.append(servers.Gdnsd(options.server_core, database=database))
    if "meridian" in wanted:
        program = prerequisites.meridian_program(options.meridian)
        if program:
            found.append(servers.Meridian(options.server_core, program=program, database=database))
    if not found:
        sys.exit("nothing to ask")
    return found


def draw_clients(database, count, seed):
    """(4 or 6, address, network length) of random networks, as many of a family as the database's share."""
    # Both families evenly at first: which networks there are is only known after the walk.
    v4, v6 = mmdb.Database(database).sample(count, count, seed)
    draw = random.Random(seed)
    clients = []
    for family, bits, sample in ((4, 32, v4[: count * 3 // 4]), (6, 128, v6[: count - count * 3 // 4])):
        for address, length, _ in sample:
            clients.append((family, address | draw.getrandbits(bits - length) if length < bits else address, length))
    draw.shuffle(clients)
    return clients


def oracle(reader, family, address, _length):
    """The regions that are right, or None where the database has no coordinates."""
    # IPv4 networks are at ::/96 of the tree, and so are their addresses here.
    record = reader.get(ipaddress.IPv4Address(address) if family == 4 else ipaddress.IPv6Address(address))
    place = (record or {}).get("location", {})
    if "latitude" not in place or "longitude" not in place:
        return None
    distances = regions.by_distance(place["latitude"], place["longitude"])
    return {name for distance, name in distances if distance - distances[0][0] <= TIE_KM}


def ask_all(port, clients):
    """(region or None, scope or None) per client; each is asked with its whole address."""
    answers = [None] * len(clients)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(TIMEOUT)
        udp.connect(("127.0.0.1", port))
        for start in range(0, len(clients), WINDOW):
            block = clients[start : start + WINDOW]
            for place, (family, address, _) in enumerate(block, start):
                bits = 32 if family == 4 else 128
                ident = place & 0xFFFF
                udp.send(queries.query(queries.NAME, queries.TYPE_A, family, address, bits, ident))
            missing = {place & 0xFFFF: place for place in range(start, start + len(block))}
            while missing:
                try:
                    ident, rcode, addresses, scope = queries.parse(udp.recv(4096))
                except TimeoutError:
                    break
                place = missing.pop(ident, None)
                if place is not None and rcode == 0 and addresses:
                    answers[place] = (regions.REGION_OF.get(str(addresses[0])), scope)
    return answers


def summary(clients, expected, asked):
    located = [place for place, right in enumerate(expected) if right]
    report = {"networks": len(clients), "located": len(located), "servers": {}}
    for name, answers in asked.items():
        wrong = [p for p in located if answers[p] and answers[p][0] not in expected[p]]
        entry = {
            "unanswered": sum(answer is None for answer in answers),
            "as_oracle": sum(bool(answers[p]) and answers[p][0] in expected[p] for p in located),
            "not_as_oracle": len(wrong),
            "examples": [describe(clients[p], expected[p], answers[p]) for p in wrong[:5]],
        }
        for family in (4, 6):
            scopes = [
                answer[1]
                for client, answer in zip(clients, answers)
                if client[0] == family and answer and answer[1] is not None
            ]
            entry[f"mean_scope_v{family}"] = statistics.fmean(scopes) if scopes else None
            entry[f"scopes_v{family}"] = dict(sorted(collections.Counter(scopes).items()))
        report["servers"][name] = entry
    if len(asked) == 2:
        first, second = asked.values()
        both = [(a[0], b[0]) for a, b in zip(first, second) if a and b]
        report["agree"] = sum(a == b for a, b in both)
        report["compared"] = len(both)
    return report


def describe(client, expected, answer):
    family, address, length = client
    text = ipaddress.IPv4Address(address) if family == 4 else ipaddress.IPv6Address(address)
    return f"{text} (in a /{length}): {answer[0]} with scope {answer[1]}, expected {' or '.join(sorted(expected))}"


def table(report):
    lines = [f"{report['networks']} random networks, {report['located']} of them with coordinates.", ""]
    for name, entry in report["servers"].items():
        lines.append(
            f"{name}: {entry['as_oracle']} as the oracle, {entry['not_as_oracle']} not, "
            f"{entry['unanswered']} unanswered; mean scope v4 {entry['mean_scope_v4']:.2f}, "
            f"v6 {entry['mean_scope_v6']:.2f}"
        )
        lines += [f"  {example}" for example in entry["examples"]]
    if "agree" in report:
        lines.append(f"agree with each other: {report['agree']} of {report['compared']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
