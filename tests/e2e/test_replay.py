"""A capture becomes the traffic of several sites that use the same addresses (tests/tools/replay).

The capture is made here: conversations of all kinds, interleaved, and much that must be left out.
"""
import random
import re
import subprocess

import pytest
from scapy.all import (ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6ND_NS, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                       PadN, Raw, fragment, wrpcap)

CLIENTS = [f"10.1.{i}.5" for i in range(4)] + ["192.168.0.9", "203.0.113.77"]
SERVERS = ["192.0.2.80", "192.0.2.81", "198.51.100.53", "10.9.9.9"]
CLIENTS6 = ["fd00:1::5", "fd00:2::5", "2001:db8:77::5"]
SERVERS6 = ["2001:db8::80", "2001:db8::53", "fd00:9::9"]
PAIRS = [(c, s) for c in CLIENTS for s in SERVERS] + [(c, s) for c in CLIENTS6 for s in SERVERS6]
SITES = 3
PAYLOADS = (0, 1, 7, 100, 1400)


def data(rng):
    return Raw(rng.randbytes(rng.choice(PAYLOADS)))


def way(rng, src, dst):
    """IP in front of a transport, with what may differ."""
    if ":" not in src:
        return IP(src=src, dst=dst, id=rng.randrange(65536), ttl=rng.randrange(1, 255))
    header = IPv6(src=src, dst=dst, fl=rng.randrange(1 << 20), hlim=rng.randrange(1, 255))
    options = rng.choice([None, IPv6ExtHdrDestOpt(options=PadN(optdata=b"1234")), IPv6ExtHdrHopByHop()])
    return header / options if options else header


def tcp(rng, client, server, port):
    there, back = way(rng, client, server), way(rng, server, client)
    options = [("MSS", rng.choice([1440, 65495])), ("NOP", None), ("WScale", 7), ("SAckOK", b"")]
    seq, ack = rng.randrange(2**32 - 2000), rng.randrange(2**32 - 2000)

    def segment(flags, way, payload=None):
        nonlocal seq, ack
        ports = {"sport": port, "dport": 443} if way is there else {"sport": 443, "dport": port}
        numbers = {"seq": seq, "ack": ack} if way is there else {"seq": ack, "ack": seq}
        more = {"options": options} if "S" in flags else {}
        packet = way / TCP(flags=flags, **ports, **numbers, **more) / (payload or b"")
        length = len(payload.load) if payload else "S" in flags or "F" in flags
        if way is there:
            seq += length
        else:
            ack += length
        return packet

    yield segment("S", there)
    yield segment("SA", back)
    yield segment("A", there)
    for _ in range(rng.randrange(1, 6)):
        yield segment("PA", there, data(rng))
        yield segment("PA", back, data(rng))
    yield segment("FA", back)
    yield segment("FA", there)
    yield segment("A", back)


def udp(rng, client, server, port):
    for _ in range(rng.randrange(1, 4)):
        packet = way(rng, client, server) / UDP(sport=port, dport=53) / data(rng)
        if rng.random() < 0.3:
            packet[UDP].chksum = 0
        yield packet
        yield way(rng, server, client) / UDP(sport=53, dport=port) / data(rng)


def ping(rng, client, server, port):
    for i in range(3):
        numbers, payload = {"id": port, "seq": i}, data(rng)
        six = ":" in client
        yield (way(rng, client, server) /
               (ICMPv6EchoRequest(**numbers) if six else ICMP(type=8, **numbers)) / payload)
        yield (way(rng, server, client) /
               (ICMPv6EchoReply(**numbers) if six else ICMP(type=0, **numbers)) / payload)


def conversations(rng):
    """One of each kind for each pair, ports equal wherever they can be."""
    for client, server in PAIRS:
        for kind in (tcp, udp, ping):
            yield list(kind(rng, client, server, 40000))


def interleaved(rng):
    waiting = list(conversations(rng))
    while waiting:
        one = rng.choice(waiting)
        yield one.pop(0)
        if not one:
            waiting.remove(one)


def odd_ones():
    """(reason why it is left out, packet)"""
    four, six = IP(src="10.1.0.5", dst="192.0.2.80"), IPv6(src="fd00:1::5", dst="2001:db8::80")
    yield "not IP", ARP()
    yield "begun before", four / TCP(sport=1, dport=2, flags="A")
    yield "begun before", six / TCP(sport=1, dport=2, flags="A")
    yield "begun before", four / ICMP(type=0, id=9)
    yield "begun before", six / ICMPv6EchoReply(id=9)
    yield "other protocols", four / ICMP(type=11) / Raw(bytes(28))
    yield "other protocols", six / ICMPv6ND_NS()
    yield "other protocols", IP(src="10.1.0.5", dst="192.0.2.80", proto=132) / Raw(bytes(20))
    yield "other protocols", IPv6(src="fd00:1::5", dst="2001:db8::80", nh=132) / Raw(bytes(20))
    yield "fragments", six / IPv6ExtHdrFragment(m=1) / UDP(sport=9, dport=9) / Raw(bytes(80))
    for part in fragment(four / UDP(sport=9, dport=9) / Raw(bytes(2000)), fragsize=1400):
        yield "fragments", part


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """(file, packets in it that can be played, {why left out: how many})"""
    rng = random.Random(4)
    packets, left_out = list(interleaved(rng)), {}
    count = len(packets)
    for why, packet in odd_ones():
        left_out[why] = left_out.get(why, 0) + 1
        packets.insert(rng.randrange(len(packets)), packet)
    file = tmp_path_factory.mktemp("replay") / "some.pcap"
    tagged = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=7)
    plain = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    wrpcap(str(file), [(tagged if rng.random() < 0.2 else plain) / p for p in packets])
    return file, count, left_out


def replay(tools, *args):
    return subprocess.run([tools / "replay", *map(str, args)], capture_output=True, text=True,
                          timeout=300, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("options", [(), ("--workers", 3), ("--independent",),
                                     ("--independent", "--workers", 3)], ids=str)
def test_every_packet_comes_out_as_it_should(tools, capture, options):
    file, count, left_out = capture
    r = replay(tools, "--sites", SITES, *options, file)
    assert r.returncode == 0, r.stdout + r.stderr
    played = re.search(r"(\d+) conversations, (\d+) sites: (\d+) packets forward, (\d+) returns, "
                       r"(\d+) wrong", r.stdout)
    kinds = len(PAIRS) * 3
    assert [int(played[1]), int(played[2]), int(played[5])] == [kinds, SITES, 0]
    assert int(played[3]) + int(played[4]) == count * SITES
    assert int(played[4]) > count * SITES / 3
    assert dict((why, int(n)) for n, why in re.findall(r"left out: (\d+) (.+)", r.stdout)) == left_out


@pytest.mark.parametrize("args", [(), ("--sites", "0", "x"), ("--what", "x")], ids=str)
def test_wrong_arguments(tools, args):
    assert replay(tools, *args).returncode == 2


def test_no_capture(tools, tmp_path):
    (tmp_path / "text").write_text("no capture\n")
    for name in ("missing", "text"):
        r = replay(tools, tmp_path / name)
        assert r.returncode == 1 and r.stderr
