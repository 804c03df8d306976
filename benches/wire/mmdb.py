"""MaxMind DB files with nothing but the standard library: metadata, networks, records.

Slow (a walk of a City database takes some ten seconds) and small: good enough to draw
queries from. The oracle of scope.py uses the package `maxminddb` instead, so that a mistake here
can't hide one in a server.
"""

import random
import struct

METADATA_MARKER = b"\xab\xcd\xefMaxMind.com"
# Octets of zeros between the search tree and the data section.
SEPARATOR = 16


class Database:
    """One file, read whole."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.octets = file.read()
        start = self.octets.rindex(METADATA_MARKER) + len(METADATA_MARKER)
        self.metadata, _ = self._decode(start, start)
        self.node_count = self.metadata["node_count"]
        self.record_bits = self.metadata["record_size"]
        self.data_start = self.node_count * self.record_bits // 4 + SEPARATOR

    def record(self, value):
        """The record that a leaf's value points at."""
        return self._decode(self.data_start + value - self.node_count - SEPARATOR, self.data_start)[0]

    def sample(self, count_v4, count_v6, seed):
        """Networks with data, drawn evenly: two lists of (address as a number, length, value)."""
        draw = random.Random(seed)
        samples = {4: [], 6: []}
        wanted = {4: count_v4, 6: count_v6}
        seen = {4: 0, 6: 0}
        for family, address, length, value in self.networks():
            seen[family] += 1
            sample = samples[family]
            if len(sample) < wanted[family]:
                sample.append((address, length, value))
            else:
                place = int(draw.random() * seen[family])
                if place < wanted[family]:
                    sample[place] = (address, length, value)
        for sample in samples.values():
            draw.shuffle(sample)
        return samples[4], samples[6]

    def networks(self):
        """Every network with data: (4 or 6, address as a number, length, value).

        IPv4 networks come once, from ::/96; the other places that lead to them (::ffff:0:0/96, 2002::/16
        and so on) are skipped.
        """
        left, right = self._nodes()
        node_count = self.node_count
        v4_root, v4_depth = 0, 0
        if self.metadata["ip_version"] == 6:
            while v4_depth < 96 and v4_root < node_count:
                v4_root, v4_depth = left[v4_root], v4_depth + 1
        bits = 128 if self.metadata["ip_version"] == 6 else 32
        stack = [(0, 0, 0)]
        while stack:
            node, address, depth = stack.pop()
            if node == v4_root and address:
                continue
            for bit, child in ((0, left[node]), (1, right[node])):
                child_address = address | bit << (bits - 1 - depth)
                if child < node_count:
                    stack.append((child, child_address, depth + 1))
                elif child > node_count:
                    if child_address >> 32 or depth + 1 < v4_depth:
                        yield 6, child_address, depth + 1, child
                    else:
                        yield 4, child_address, depth + 1 - v4_depth, child

    def _nodes(self):
        octets, size = self.octets, self.record_bits // 4
        tree = memoryview(octets)[: self.node_count * size]
        if self.record_bits == 32:
            flat = struct.unpack(f">{2 * self.node_count}I", tree)
            return flat[0::2], flat[1::2]
        columns = [tree[place::size].tobytes() for place in range(size)]
        if self.record_bits == 24:
            a, b, c, d, e, f = columns
            left = [x << 16 | y << 8 | z for x, y, z in zip(a, b, c)]
            right = [x << 16 | y << 8 | z for x, y, z in zip(d, e, f)]
        else:
            a, b, c, m, d, e, f = columns
            left = [(n & 0xF0) << 20 | x << 16 | y << 8 | z for x, y, z, n in zip(a, b, c, m)]
            right = [(n & 0x0F) << 24 | x << 16 | y << 8 | z for x, y, z, n in zip(d, e, f, m)]
        return left, right

    def _decode(self, at, base):
        """The value at an offset, and the offset after it."""
        octets = self.octets
        control = octets[at]
        at += 1
        kind = control >> 5
        if kind == 1:
            return self._decode_pointer(control, at, base)
        if kind == 0:
            kind = 7 + octets[at]
            at += 1
        size = control & 0x1F
        if size >= 29:
            extra = size - 28
            size = (29, 285, 65821)[extra - 1] + int.from_bytes(octets[at : at + extra], "big")
            at += extra
        if kind == 7:
            value = {}
            for _ in range(size):
                key, at = self._decode(at, base)
                value[key], at = self._decode(at, base)
            return value, at
        if kind == 11:
            value = []
            for _ in range(size):
                item, at = self._decode(at, base)
                value.append(item)
            return value, at
        if kind == 14:
            return bool(size), at
        raw, at = octets[at : at + size], at + size
        if kind == 2:
            return raw.decode(), at
        if kind == 3:
            return struct.unpack(">d", raw)[0], at
        if kind == 15:
            return struct.unpack(">f", raw)[0], at
        if kind == 8:
            return int.from_bytes(raw.rjust(4, b"\0"), "big", signed=True), at
        if kind in (5, 6, 9, 10):
            return int.from_bytes(raw, "big"), at
        return raw, at

    def _decode_pointer(self, control, at, base):
        extra = (control >> 3 & 3) + 1
        raw = int.from_bytes(self.octets[at : at + extra], "big")
        if extra < 4:
            raw |= (control & 7) << 8 * extra
        target = raw + (0, 2048, 526336, 0)[extra - 1]
        return self._decode(base + target, base)[0], at + extra
