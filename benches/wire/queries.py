"""DNS queries with a client subnet (RFC 7871) as octets, and what comes back."""

import ipaddress
import os
import random
import socket
import struct

import mmdb

NAME = "www.gslb.example.com"
TYPE_A, TYPE_AAAA, TYPE_OPT = 1, 28, 41
OPTION_ECS = 8
# RFC 6891 buffer size, the usual one since DNS Flag Day 2020.
UDP_SIZE = 1232


def query(name, record_type, family, address, prefix, ident=0):
    """A query with the first `prefix` bits of `address` (a number) as client subnet."""
    bits = 32 if family == 4 else 128
    kept = address >> (bits - prefix) << (bits - prefix) if prefix else 0
    octets = kept.to_bytes(bits // 8, "big")[: (prefix + 7) // 8]
    ecs = struct.pack("!HBB", 1 if family == 4 else 2, prefix, 0) + octets
    option = struct.pack("!HH", OPTION_ECS, len(ecs)) + ecs
    opt = b"\0" + struct.pack("!HHIH", TYPE_OPT, UDP_SIZE, 0, len(option)) + option
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    return struct.pack("!6H", ident, 0, 1, 0, 0, 1) + labels + struct.pack("!HH", record_type, 1) + opt


def parse(response):
    """(ID, RCODE, addresses of the answer section, ECS scope or None)."""
    ident, flags, questions, answers, authority, additional = struct.unpack_from("!6H", response)
    at = 12
    for _ in range(questions):
        at = _skip_name(response, at) + 4
    addresses, scope = [], None
    for index in range(answers + authority + additional):
        at = _skip_name(response, at)
        record_type, _, _, length = struct.unpack_from("!HHIH", response, at)
        rdata, at = response[at + 10 : at + 10 + length], at + 10 + length
        if index < answers and record_type in (TYPE_A, TYPE_AAAA):
            addresses.append(ipaddress.ip_address(rdata))
        elif record_type == TYPE_OPT:
            while len(rdata) >= 4:
                option, length = struct.unpack_from("!HH", rdata)
                if option == OPTION_ECS:
                    scope = rdata[7]
                rdata = rdata[4 + length :]
    return ident, flags & 15, addresses, scope


def ask(port, datagram, timeout=1.0):
    """The response of a server on loopback to one query, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(timeout)
        udp.connect(("127.0.0.1", port))
        try:
            udp.send(datagram)
            return udp.recv(4096)
        except OSError:
            return None


def query_file(cache, database_path, count, seed=2):
    """Writes (once) queries for networks of the database, and returns the file's path.

    Four of five clients are IPv4 with a /24, the others IPv6 with a /48 to /56; three of four ask for
    A, the others for AAAA. A network wider than the prefix gives one block in it, drawn.
    """
    size = os.path.getsize(database_path)
    path = os.path.join(cache, f"queries-{size}-{count}-{seed}.bin")
    if os.path.exists(path):
        return path
    draw = random.Random(seed)
    count_v6 = count // 5
    v4, v6 = mmdb.Database(database_path).sample(count - count_v6, count_v6, seed)
    clients = [(4, address, length, 24) for address, length, _ in v4]
    clients += [(6, address, length, draw.randint(48, 56)) for address, length, _ in v6]
    draw.shuffle(clients)
    with open(path + ".new", "wb") as file:
        for family, address, length, prefix in clients:
            bits = 32 if family == 4 else 128
            if length < bits:
                address |= draw.getrandbits(bits - length)
            record_type = TYPE_A if draw.random() < 0.75 else TYPE_AAAA
            datagram = query(NAME, record_type, family, address, prefix)
            file.write(struct.pack("!H", len(datagram)) + datagram)
    os.rename(path + ".new", path)
    return path


def _skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1
