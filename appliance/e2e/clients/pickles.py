"""Sends Graphite pickles as Python makes them, and prints each point it sent as JSON: [name, time, value].

    pickles.py HOST PORT tcp|udp
"""

import json
import pickle
import socket
import struct
import sys


def points(tag):
    """One of each kind of number and name that a sender may have. Those that Graphite has no time or value for are not among them."""
    return [
        (f"{tag}.host-a.int", (1795324341, 42)),
        (f"{tag}.host-a.zero", (1795324341, 0)),
        (f"{tag}.host-a.byte", (1795324341, 255)),
        (f"{tag}.host-a.short", (1795324341, 65535)),
        (f"{tag}.host-a.negative", (1795324342, -7)),
        (f"{tag}.host-a.large", (1795324342, 2**40)),
        (f"{tag}.host-a.largest", (1795324342, 2**63 - 1)),
        (f"{tag}.host-a.least", (1795324342, -(2**63))),
        (f"{tag}.host-a.float", (1795324343, 1.5)),
        (f"{tag}.host-a.tiny", (1795324343, 5e-324)),
        (f"{tag}.host-a.huge", (1795324343, -1.7976931348623157e308)),
        (f"{tag}.host-a.third", (1795324343, 1 / 3)),
        (f"{tag}.host-a.floating.time", (1795324344.75, 1)),
        (f"{tag}.host-a.again", (1795324345, 1)),
        (f"{tag}.host-a.again", (1795324346, 2)),
        (f"{tag}.hôst-日本.näme", (1795324347, 3)),
        (f"{tag}.host-a." + "long." * 60 + "name", (1795324348, 4)),
    ]


def shared(tag):
    """A name that is the same object twice, which a pickle says with its memo, and a point that is a list."""
    name = f"{tag}.host-b.shared"
    when = 1795324350
    return [(name, (when, 1)), (name, (when + 1, 2)), [name, [when + 2, 3]]]


def batch(tag):
    """As many points as carbon's relay puts into a pickle; fewer where a pickle is a datagram: nobody waits for who reads them."""
    most = 30 if tag.startswith("udp") else 500
    return [(f"{tag}.host-c.cpu.{i}", (1795324400 + i, i / 4)) for i in range(most)]


def pickles(transport):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for maker, dumps in ("c", pickle.dumps), ("py", pickle._dumps):  # two picklers: Python's memo is not C's
            for make in points, shared, batch:
                tag = f"{transport}{protocol}{maker}"
                sent = make(tag)
                yield sent, dumps(sent, protocol)
                if make is shared:
                    yield tuple(shared(tag + "t")), dumps(tuple(shared(tag + "t")), protocol)


def main():
    host, port, transport = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as to:
        to.settimeout(10)
        to.connect((host, port))
        for sent, body in pickles(transport):
            to.sendall(struct.pack("!L", len(body)) + body)
            for name, (when, value) in sent:
                print(json.dumps([name, when, value]))


main()
