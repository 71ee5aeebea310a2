"""The GRE endpoint that replaces the kernel's GRE in the tests (tests/tools/gre-tun.c).

    left ---------------- right
    192.0.2.1             192.0.2.2      underlay
    10.9.0.1 == gre0 ==== 10.9.0.2       what runs through it
"""
import re
import signal
import socket
import time

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import GRE

from bed.netns import Namespace, link, wait_until

LEFT, RIGHT = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def pair(prefix):
    left, right = Namespace(f"{prefix}-left"), Namespace(f"{prefix}-right")
    link(left, "eth0", f"{LEFT}/24", right, "eth0", f"{RIGHT}/24")
    yield left, right
    left.delete()
    right.delete()


def start(ns, tools, local, remote, inner, log, *options):
    program = ns.start(tools / "gre-tun", "--local", local, "--remote", remote, "--tun", "gre0",
                       *options, log=log)
    wait_until("gre0", lambda: ns.ip("link", "show", "gre0", "up", check=False).stdout)
    ns.ip("addr", "add", f"{inner}/24", "dev", "gre0")
    return program


def stop(program, log):
    """Ends an endpoint; its counters by name."""
    program.send_signal(signal.SIGTERM)
    program.wait(5)
    return {k: int(v) for k, v in re.findall(r"^(\w+) (\d+)$", log.read_text(), re.M)}


@pytest.mark.parametrize("options", [
    (), ("--key", "7"), ("--checksum",), ("--sequence",),
    ("--key", "4294967295", "--checksum", "--sequence"),
], ids=["plain", "key", "checksum", "sequence", "all"])
def test_two_ends_understand_each_other(pair, tools, tmp_path, options):
    left, right = pair
    logs = tmp_path / "left", tmp_path / "right"
    a = start(left, tools, LEFT, RIGHT, "10.9.0.1", logs[0], *options)
    b = start(right, tools, RIGHT, LEFT, "10.9.0.2", logs[1], *options)
    left.run("ping", "-c", 5, "-i", "0.05", "-W", 2, "-s", 1372, "10.9.0.2")
    for counters in (stop(a, logs[0]), stop(b, logs[1])):
        assert counters == {"sent": 5, "received": 5, "send_failed": 0, "malformed": 0,
                            "bad_checksum": 0, "bad_key": 0, "refused": 0}


@pytest.mark.parametrize("options", [(), ("--key", "7", "--checksum", "--sequence")],
                         ids=["plain", "all"])
def test_over_ipv6(pair, tools, tmp_path, options):
    left, right = pair
    left.switch_on_ipv6(("2001:db8::1/64", "eth0"))
    right.switch_on_ipv6(("2001:db8::2/64", "eth0"))
    logs = tmp_path / "left", tmp_path / "right"
    a = start(left, tools, "2001:db8::1", "2001:db8::2", "10.9.0.1", logs[0], *options)
    b = start(right, tools, "2001:db8::2", "2001:db8::1", "10.9.0.2", logs[1], *options)
    left.run("ping", "-c", 5, "-i", "0.05", "-W", 2, "-s", 1372, "10.9.0.2")
    for counters in (stop(a, logs[0]), stop(b, logs[1])):
        assert counters["received"] >= 5 and counters["malformed"] == 0, counters
        assert counters["bad_checksum"] + counters["bad_key"] + counters["refused"] == 0, counters


INNER = IP(src="10.9.0.1", dst="10.9.0.2") / ICMP(id=1, seq=1)
BAD_SUM = bytearray(bytes(GRE(chksum_present=1, key_present=1, key=7) / INNER))
BAD_SUM[4] ^= 1

CRAFTED = [
    ("received", bytes(GRE(key_present=1, key=7) / INNER), "as it should be"),
    ("received", bytes(GRE(chksum_present=1, key_present=1, key=7) / INNER), "scapy's checksum"),
    ("received", bytes(GRE(key_present=1, key=7, seqnum_present=1, sequence_number=3) / INNER),
     "a sequence number"),
    ("bad_key", bytes(GRE(key_present=1, key=8) / INNER), "another key"),
    ("bad_key", bytes(GRE() / INNER), "no key"),
    ("bad_checksum", bytes(BAD_SUM), "one bit of the checksum"),
    ("malformed", b"\x20\x00\x08\x00\x00\x00", "cut short within the key"),
    ("malformed", b"\x20\x00\x08", "cut short within the base header"),
    ("malformed", bytes(GRE(key_present=1, key=7, version=1) / INNER), "PPTP's GRE"),
    ("malformed", bytes(GRE(key_present=1, key=7, proto=0x6558) / INNER), "not IP"),
    ("refused", bytes(GRE(key_present=1, key=7, proto=0x800)) + b"\x00" * 20, "nothing like an IP packet"),
]


def test_checks_what_comes_in(pair, tools, tmp_path):
    """Each crafted packet is counted under its name, and under no other."""
    left, right = pair
    log = tmp_path / "right"
    program = start(right, tools, RIGHT, LEFT, "10.9.0.2", log, "--key", "7")
    raw = left.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    expected = {}
    for name, packet, _ in CRAFTED:
        raw.sendto(packet, (RIGHT, 0))
        expected[name] = expected.get(name, 0) + 1
    time.sleep(0.3)
    counters = stop(program, log)
    assert {k: v for k, v in counters.items() if v and k != "sent"} == expected


@pytest.mark.parametrize("options", [
    (), ("--local", "192.0.2.1"), ("--local", LEFT, "--remote", "2001:db8::2", "--tun", "g"), ("--local", "x", "--remote", RIGHT, "--tun", "g"),
    ("--local", LEFT, "--remote", RIGHT, "--tun", "g", "--key", "4294967296"),
    ("--local", LEFT, "--remote", RIGHT, "--tun", "g", "--key", "-1"),
], ids=["none", "few", "two families", "address", "key range", "key sign"])
def test_refuses_bad_options(pair, tools, options):
    assert pair[0].run(tools / "gre-tun", *options, check=False).returncode == 2
