#!/usr/bin/env python3
"""Writes the goldens of the pickle door: what CPython itself makes of points, in every protocol, and what must be refused.

Run it in this folder, with any Python 3.8 or later, and read the difference; go test -update writes the .want files.
"""
import os
import pickle
import struct


def frame(body):
    return struct.pack(">I", len(body)) + body


def req(name, comment, *bodies, raw=b""):
    with open("pickle_" + name + ".req", "wb") as f:
        for line in comment.split("\n"):
            f.write(("# " + line + "\n").encode())
        f.write(b"STREAM pickle\n\n" + b"".join(map(frame, bodies)) + raw)


def dumped(name, comment, value, protocol):
    req(name, comment + "\npickle.dumps(…, protocol=%d)" % protocol, pickle.dumps(value, protocol=protocol))


def lists(value):
    return [[name, [ts, v]] for name, (ts, v) in value]


NAME = "servers.web01.cpu.user"
POINTS = [
    (NAME, (1474921202, 42)),
    (NAME, (1474921203, 42.5)),
    ("servers.web01.cpu.idle", (1474921202.75, 1.0)),
    ("servers.web02.requests", (1474921202, 9223372036854775807)),
    ("servers.web02.requests", (1474921203, -9223372036854775808)),
    ("servers.web02.requests", (1474921204, 18446744073709551615)),
    ("servers.web02.up", (1474921202, True)),
    ("servers.web02.up", (1474921203, False)),
    ("servers.web03.small", (0, 255)),
    ("servers.web03.small", (65535, 256)),
    ("servers.web03.small", (-2, -1)),
    ("servers.web03.double", (1474921202, 1e300)),
    ("servers.web03.double", (1474921203, -0.0)),
    ("servers.web03.double", (1474921204, 1e-07)),
    ("servers.web03.double", (1474921205, 123456789012.5)),
    ("servers.caf\u00e9.\u20ac", (1474921202, 7)),
    ("servers.smile.\U0001f600", (1474921202, 8)),
]

for protocol in range(6):
    dumped("protocol%d_tuples" % protocol, "[(name, (time, value)), …] of CPython", POINTS, protocol)
    dumped("protocol%d_lists" % protocol, "[[name, [time, value]], …] of CPython", lists(POINTS), protocol)
    dumped("protocol%d_tuple" % protocol, "((name, (time, value)), …): a tuple of points", tuple(POINTS[:3]), protocol)
    if protocol >= 3:
        dumped("protocol%d_bytes" % protocol, "names as bytes: UTF-8, and ISO-8859-1",
               [(b"a.h.caf\xc3\xa9", (1474921202, 1)), (b"a.h.caf\xe9", (1474921202, 2))], protocol)

dumped("carbon_relay", "[W] carbon-relay: protocol 2; a repeated name is a memo get",
       [(NAME, (1474921202, 1.5)), (NAME, (1474921262, 2.5)), ("servers.web01.load", (1474921202.0, 0.25))], 2)
dumped("carbon_relay_500", "[W] carbon sends up to 500 points in one frame, which kairos-carbon's 4096 bytes would refuse",
       [("servers.web%02d.metric%d" % (i % 10, i), (1474921202 + i, i * 0.5)) for i in range(500)], 2)
req("pcp2graphite", "[W] pcp2graphite: protocol 0, as it writes it", b"(lp0\n(Va.h.m\np1\n(I1795324341\nF1.5\ntp2\ntp3\na.")
req("frames", "frames follow one another; each is a batch of its own, and a bad one costs itself only",
    pickle.dumps(POINTS[:2], protocol=2), b"junk", pickle.dumps(POINTS[:1], protocol=4))

# Python 2 wrote names as byte strings. No CPython is left to write these; the bytes are what pickletools documents.
req("python2_protocol0", "Python 2, protocol 0: S and repr, L with its letter",
    b"(lp0\n(S'a.h.m'\np1\n(L1474921202L\nI7\ntp2\ntp3\na(S\"a.h.it's \\xe9 \\\\ \\n\\101\"\np4\n(I1474921202\nF-1e-05\ntp5\ntp6\na.")
req("python2_protocol1", "Python 2, protocol 1: U, T and binary numbers",
    b"]q\x00((U\x05a.h.mq\x01(J\xf2\x82\xe9WK\x07tq\x02tq\x03(T\x05\x00\x00\x00a.h.nq\x04(J\xf2\x82\xe9WM\x00\x01tq\x05tq\x06e.")
req("python2_protocol2", "Python 2, protocol 2",
    b"\x80\x02]q\x00(U\x05a.h.mq\x01J\xf2\x82\xe9WK\x07\x86q\x02\x86q\x03h\x01J\xf3\x82\xe9WG?\xf8\x00\x00\x00\x00\x00\x00\x86\x86e.")
req("python2_narrow", "a narrow build of Python 2 writes U+1F600 in two halves",
    b"(lp0\n(Va.h.\\ud83d\\ude00\np1\n(I1474921202\nI1\ntp2\ntp3\na.")

# Values.
inf, nan = float("inf"), float("nan")
for protocol in (0, 2, 4):
    dumped("not_finite_%d" % protocol, "[S] NaN and infinity are skipped; the others stay",
           [("a.h.x", (1474921202, nan)), ("a.h.x", (1474921203, 1)), ("a.h.x", (1474921204, inf)), ("a.h.x", (1474921205, -inf)),
            ("a.h.x", (nan, 1)), ("a.h.x", (1474921206, 2))], protocol)
    dumped("too_large_%d" % protocol, "whole numbers that 64 bits do not hold, and times that do not fit",
           [("a.h.x", (1474921202, 2**64)), ("a.h.x", (1474921203, -2**63 - 1)), ("a.h.x", (2**63, 1)), ("a.h.x", (1e19, 1)),
            ("a.h.x", (9223372036854775, 1)), ("a.h.x", (9223372036854776, 1)), ("a.h.x", (10**400, 10**400))], protocol)
dumped("time_forms", "[S] a time is cut to whole seconds; [decided] -1 is the time of arrival; text that is a number is one, as for carbon",
       [("a.h.x", (1474921202.999, 1)), ("a.h.x", (-1, 2)), ("a.h.x", (-1.0, 3)), ("a.h.x", ("1474921203", "4.50")),
        ("a.h.x", (" 5", 1)), ("a.h.x", ("N", 1)), ("a.h.x", (None, 1)), ("a.h.x", (1474921204, None)), ("a.h.x", (1474921204, "nan")),
        ("a.h.x", (1474921204, ())), ("a.h.x", (True, 5))], 2)
dumped("names", "[S] a name that the host tag parser cannot split is dropped; [decided] it costs itself only",
       [("a.h.x", (1474921202, 1)), ("two.parts", (1474921202, 1)), ("", (1474921202, 1)), ("a..x", (1474921202, 1)),
        ("a.h." + "x" * 4093, (1474921202, 1)), ("a.h.with space;and=tag", (1474921202, 2)), ("a.h.x", (1474921203, 3))], 2)
dumped("shapes", "what is no (name, (time, value)) costs itself only",
       [("a.h.x", (1474921202, 1)), "a.h.x", 7, (), ("a.h.x",), ("a.h.x", 1474921202, 1), ("a.h.x", (1474921202,)),
        ("a.h.x", (1, 2, 3)), (5, (1474921202, 1)), ((1474921202, 1), "a.h.x"), None, ("a.h.x", [1474921203, 2]),
        ["a.h.x", (1474921204, 3)]], 2)
ODD = ["back\\slash", "\\u0041", "\\\\U0001f600", "new\nline\r\n", "nul\0", "\x1a", "quote'\"", "\x80\xff", "\u2028", "\ufffd", "\U0010ffff", " "]
for protocol in range(6):
    dumped("odd_names_%d" % protocol, "characters that protocols 0 to 5 write in ways of their own",
           [("a." + odd + ".x", (1474921202, i)) for i, odd in enumerate(ODD)], protocol)
dumped("empty_list", "no points", [], 2)

# Whole frames that are refused.
for name, value in {"dict": {"a.h.x": (1474921202, 1)}, "number": 7, "string": "a.h.x", "none": None, "set": {1}}.items():
    dumped("refused_" + name, "a %s where a list of points is due" % name, value, 4)
dumped("refused_inner_dict", "a dict within", [("a.h.x", (1474921202, 1)), {}], 2)


class Evil:
    def __reduce__(self):
        return os.system, ("echo pwned",)


class State:
    def __init__(self):
        self.a = 1


State.__module__ = "evil"
Evil.__module__ = "evil"
for protocol in range(6):
    dumped("unsafe_reduce_%d" % protocol, "os.system by GLOBAL and REDUCE, beside a good point",
           [("a.h.x", (1474921202, 1)), Evil()], protocol)
import sys, types  # noqa: E402
sys.modules["evil"] = types.ModuleType("evil")
sys.modules["evil"].State = State
for protocol in (0, 2, 4):
    dumped("unsafe_object_%d" % protocol, "an object and its state: NEWOBJ or copy_reg, and BUILD", [State()], protocol)
dumped("unsafe_bytes_2", "below protocol 3, CPython 3 makes bytes by calling codecs.encode", [(b"a.h.x", (1, 1))], 2)
for name, body in {
    "inst": b"(lp0\n(S'echo pwned'\nios\nsystem\na.", "obj": b"](cos\nsystem\nU\x04evilo.", "persid": b"]Pevil\na.",
    "binpersid": b"]U\x04evilQa.", "ext1": b"]\x82\x01a.", "ext2": b"]\x83\x01\x00a.", "ext4": b"]\x84\x01\x00\x00\x00a.",
    "build": b"])b.", "newobj": b"]))\x81a.", "newobj_ex": b"])))\x92a.", "stack_global": b"]\x8c\x02os\x8c\x06system\x93a.",
}.items():
    req("unsafe_" + name, "%s, by hand" % name.upper(), body)

for name, (comment, body) in {
    "no_stop": ("it never stops", b"]"),
    "empty": ("a frame of no bytes", b""),
    "junk": ("what is no pickle", b"a.h.x 1 1474921202\n"),
    "protocol6": ("a protocol that nobody knows", b"\x80\x06]."),
    "deep_marks": ("marks in marks", b"((((((((((((t."),
    "deep_tuples": ("tuples in tuples", b")" + b"\x85" * 20 + b"."),
    "itself": ("a list in itself, again and again", b"]q\x00" + b"h\x00a" * 20 + b"."),
    "length": ("a string that is longer than the frame", b"]X\xff\xff\xff\xff"),
    "length8": ("a string of 2^63 bytes", b"\x80\x04]\x8e\x00\x00\x00\x00\x00\x00\x00\x80"),
    "frame": ("an inner frame that is longer than the pickle", b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00]."),
    "memo": ("a memo place that is empty", b"]h\x07a."),
    "stack": ("a stack that is empty", b"\x86."),
    "stack_mark": ("a mark hides what is below it", b"]K\x01(\x85."),
    "mark": ("a mark that is not open", b"]e."),
    "append": ("an append to a tuple", b")K\x01a."),
    "int": ("a number in text that is none", b"]I1x\na."),
    "float": ("a double in text that is none", b"]Fone\na."),
    "quote": ("a string without its quote", b"]S'a\na."),
    "buffer": ("an out-of-band buffer", b"]\x97a."),
    "pop": ("CPython never pops in a pickle of points", b"]K\x010."),
}.items():
    req("bad_" + name, comment, body)

good = pickle.dumps(POINTS[:1], protocol=2)
req("frame_too_large", "[decided] above the limit the connection is closed: nothing tells where the next frame begins",
    good, raw=struct.pack(">I", 1 << 20 | 1) + b"x" * 16)
req("frame_negative", "a length with its highest bit set is a large one", good, raw=b"\xff\xff\xff\xff")
req("frame_text", "a line on the wrong port is a frame of 1.6 GB", raw=b"a.h.x 1 1474921202\n")
req("frame_cut", "what is left of a frame when the connection ends is lost, and the fault says so", good, raw=frame(good)[:-1])
req("frame_head_cut", "so is what is left of a length", good, raw=b"\x00\x00")
