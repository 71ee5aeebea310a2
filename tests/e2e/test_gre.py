"""GRE by RFC 2784 and RFC 2890: which packets are accepted, and the drop reason of the others.

    branch router 192.0.2.18 ==GRE== 192.0.2.1 gateway
"""
import socket
import time

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import GRE
from scapy.packet import Raw

from ask import echo_tcp, echo_udp, tcp_socket, token, udp_socket
from bed.topology import GATEWAY_OUTER, HOST, SERVER, berlin, madrid

KINDS = {
    "nokey": [berlin(key=None), madrid(key=None)],
    "key0": [berlin(key=0), madrid(key=4294967295)],
    "checksum": [berlin(checksum=True), madrid(checksum=True, key=None)],
    "sequence": [berlin(sequence=True), madrid(sequence=True, checksum=True)],
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request, make_bed):
    bed = make_bed(request.param, *KINDS[request.param])
    yield bed
    bed.check_laws()


def test_accepted(kind):
    """Both branches, equal five-tuples, UDP and TCP."""
    for open_socket, echo in ((udp_socket, echo_udp), (tcp_socket, echo_tcp)):
        sockets = [open_socket(b, 20000) for b in kind.branches]
        for _ in range(3):
            for branch, s in zip(kind.branches, sockets):
                text = token(branch)
                assert echo(s, text)[0] == text
        for s in sockets:
            s.close()
    assert kind.daemon.drops() == {}


INNER = IP(src=HOST, dst=SERVER) / UDP(sport=20001, dport=9) / Raw(b"crafted")
BAD_SUM = bytearray(bytes(GRE(chksum_present=1, key_present=1, key=11) / INNER))
BAD_SUM[4] ^= 1
BAD_INNER_SUM = bytearray(bytes(GRE(key_present=1, key=11) / INNER))
BAD_INNER_SUM[8 + 10] ^= 1


def gre(inner, **kw):
    return bytes(GRE(**{"key_present": 1, "key": 11, "proto": 0x0800, **kw}) / inner)


# the drop reason, the packet from GRE on, why
DROPPED = [
    ("gre_unknown", gre(INNER, key=12), "nobody has this key"),
    ("gre_unknown", gre(INNER, key=22), "madrid's key from berlin's address"),
    ("gre_unknown", bytes(GRE() / INNER), "no key where one is configured"),
    ("gre_malformed", b"\x20\x00\x08\x00\x00", "cut short within the key"),
    ("gre_malformed", b"\x20", "cut short within the first word"),
    ("gre_malformed", gre(INNER, version=1), "version 1 is PPTP's"),
    ("gre_malformed", b"\x60" + gre(INNER)[1:], "routing present: RFC 2784 has it dropped"),
    ("gre_checksum", bytes(BAD_SUM), "one bit of the checksum"),
    ("gre_ethernet", gre(INNER, proto=0x6558), "bridged Ethernet"),
    ("no_ipv6", gre(INNER, proto=0x86DD), "IPv6, where there is no table for it"),
    ("inner_malformed", gre(Raw(b"\x45\x00\x00")), "three bytes are no IPv4 header"),
    ("inner_malformed", gre(Raw(bytes(INNER)[:24])), "shorter than its total length"),
    ("inner_checksum", bytes(BAD_INNER_SUM), "one bit of the inner header checksum"),
    ("martian", gre(IP(src="127.0.0.1", dst=SERVER) / UDP(sport=1, dport=9)), "from loopback"),
    ("no_flow", gre(IP(src=HOST, dst=SERVER) / ICMP(type=0)), "an echo reply nobody asked for"),
]


@pytest.mark.parametrize("reason, packet, why", DROPPED, ids=[f"{r}: {w}" for r, _, w in DROPPED])
def test_dropped_by_name(bed, reason, packet, why):
    before = bed.daemon.drops()
    raw = bed.berlin.router.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    raw.sendto(packet, (GATEWAY_OUTER, 0))
    time.sleep(0.1)
    bed.daemon.settle()
    after = bed.daemon.drops()
    assert {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)} == {
        reason: 1}


def test_refused_protocol_is_told(bed):
    """Neither TCP, UDP nor ICMP: not dropped, but answered by ICMP protocol unreachable."""
    dropped, answered = bed.daemon.drops(), bed.daemon.answered().get("protocol", 0)
    raw = bed.berlin.router.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    raw.sendto(gre(IP(src=HOST, dst=SERVER, proto=89) / Raw(b"ospf")), (GATEWAY_OUTER, 0))
    time.sleep(0.1)
    bed.daemon.settle()
    assert bed.daemon.answered().get("protocol", 0) == answered + 1
    assert bed.daemon.drops() == dropped


def test_tunnel_of_another(bed):
    """Berlin's key from an address that is no tunnel's end: not even the keyed tunnel is found."""
    before = bed.daemon.drops().get("gre_unknown", 0)
    raw = bed.carrier.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    raw.sendto(gre(INNER), (GATEWAY_OUTER, 0))
    time.sleep(0.1)
    bed.daemon.settle()
    assert bed.daemon.drops().get("gre_unknown", 0) == before + 1
