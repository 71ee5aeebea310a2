"""What a neighbour expects of a gateway: ICMP, MSS, an unchanged kernel, no unexpected packets.

    host ---- router ==GRE== gateway ---- internet
    10.0.1.10 10.0.1.1       10.255.0.1   203.0.113.1, servers 198.51.100.80
"""
import re
import socket
import threading

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from ask import HTTP, Sniffer, echo_udp, tcp_socket, token, udp_socket
from bed.topology import EGRESS, GATEWAY_OUTER, GATEWAY_UPLINK, HOST, SERVER

MTU = 1400


def ip_packets(sniffer):
    frames = (Ether(p) for p in sniffer.packets)
    return [f[IP] for f in frames if IP in f]


@pytest.mark.parametrize("mode", ["--module=default", "-T"])
def test_traceroute_shows_the_gateway(bed, mode):
    """Not -I, which now and then is blind to replies that are there (demo/traffic.py)."""
    out = bed.berlin.host.run("traceroute", "-n", mode, "-N", 1, "-q", 1, "-w", 2, "-m", 5, SERVER).stdout
    assert re.findall(r"^\s*\d+\s+(\S+)", out, re.M) == ["10.0.1.1", bed.berlin.inner, SERVER]


def test_gateway_answers_ping_in_the_tunnel(bed):
    for branch in bed.branches:
        out = branch.host.run("ping", "-n", "-c", 3, "-i", "0.1", "-W", 2, branch.inner).stdout
        assert "3 received" in out


@pytest.mark.parametrize("destination", ["10.0.2.1", "172.16.5.5", "192.168.1.1", "100.64.0.1"])
def test_private_destination_is_refused(bed, destination):
    """No route: the host gets an ICMP error at once, from the gateway's address in its tunnel."""
    out = bed.madrid.host.run("ping", "-n", "-c", 1, "-W", 3, destination, check=False).stdout
    assert re.search(rf"From {bed.madrid.inner} icmp_seq=1 Destination (Net|Host) Unreachable|"
                     rf"From {bed.madrid.inner} icmp_seq=1 .*[Uu]nreachable|"
                     rf"From {bed.madrid.inner} icmp_seq=1 Packet filtered", out), out


def test_foreign_source_is_refused(bed):
    """An address outside the site's prefixes gets no flow, but an ICMP error (RFC 5508 REQ-8)."""
    before = bed.daemon.answered().get("prohibited", 0)
    host = bed.berlin.host
    host.ip("addr", "add", "10.0.9.9/32", "dev", "eth0")
    bed.berlin.router.ip("route", "add", "10.0.9.9/32", "via", HOST)
    out = host.run("ping", "-c", 2, "-i", "0.1", "-W", 1, "-I", "10.0.9.9", SERVER, check=False)
    host.ip("addr", "del", "10.0.9.9/32", "dev", "eth0")
    assert "0 received" in out.stdout
    assert "Packet filtered" in out.stdout
    assert bed.daemon.answered()["prohibited"] == before + 2
    assert bed.daemon.flows("--address", "10.0.9.9") == []


def test_mss_is_clamped(bed):
    """The host offers 1460 for its 1500-byte link; the server sees the MSS that fits the tunnel."""
    with Sniffer(bed.internet, "uplink0") as server, Sniffer(bed.berlin.host, "eth0") as host:
        tcp_socket(bed.berlin, 21000, (SERVER, HTTP)).close()
    syn = [p for p in ip_packets(server) if TCP in p and p[TCP].flags == "S"]
    assert len(syn) == 1 and dict(syn[0][TCP].options)["MSS"] == MTU - 40
    answer = [p for p in ip_packets(host) if TCP in p and p[TCP].flags == "SA"]
    assert len(answer) == 1 and dict(answer[0][TCP].options)["MSS"] <= MTU - 40


def test_rewritten_packets_are_valid(bed):
    """Seen from the Internet: egress address, TTL one less, right checksums."""
    with Sniffer(bed.internet, "uplink0") as sniffer:
        s = udp_socket(bed.berlin, 21500)
        _, seen = echo_udp(s, token(bed.berlin))
        s.close()
    packet = [p for p in ip_packets(sniffer) if UDP in p and p[UDP].dport == 7]
    assert len(packet) == 1
    packet = packet[0]
    assert f"{packet.src}:{packet[UDP].sport}" == seen and packet.src == EGRESS
    assert packet.ttl == 64 - 2, "one hop in the branch, one at the gateway"
    again = IP(bytes(packet))
    del again.chksum, again[UDP].chksum
    again = IP(bytes(again))
    assert (again.chksum, again[UDP].chksum) == (packet.chksum, packet[UDP].chksum)


@pytest.mark.parametrize("what", ["tcp", "udp", "udp outside the slices", "icmp"])
def test_unasked_packets_are_no_flow(bed, what):
    """To an egress address without a flow: dropped by name; the kernel never hears of it."""
    before = bed.daemon.drops().get("no_flow", 0)
    packets = {
        "tcp": TCP(sport=5555, dport=2100, flags="S"),
        "udp": UDP(sport=5555, dport=2101),
        "udp outside the slices": UDP(sport=5555, dport=60000),
        "icmp": ICMP(type=8, id=2102),
    }
    raw = bed.internet.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with Sniffer(bed.internet, "uplink0") as sniffer:
        for _ in range(3):
            raw.sendto(bytes(IP(src=SERVER, dst=EGRESS) / packets[what]), (EGRESS, 0))
    bed.daemon.settle()
    assert ip_packets(sniffer) == [], "somebody answered"
    assert bed.daemon.drops()["no_flow"] == before + 3


def serve_once(ns, address, port):
    """A TCP server in the gateway's kernel, such as its SSH; says hello once."""
    server = ns.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen()

    def run():
        connection, _ = server.accept()
        connection.sendall(b"SSH-2.0-kernel\r\n")
        connection.close()
        server.close()

    threading.Thread(target=run, daemon=True).start()


@pytest.mark.parametrize("address", [GATEWAY_UPLINK, GATEWAY_OUTER])
def test_kernel_keeps_its_own(bed, address):
    """SSH to the gateway's own addresses, on the interfaces that the data plane reads."""
    serve_once(bed.gateway, address, 22)
    client = (bed.internet if address == GATEWAY_UPLINK else bed.carrier).socket(
        socket.AF_INET, socket.SOCK_STREAM)
    client.connect((address, 22))
    assert client.recv(100) == b"SSH-2.0-kernel\r\n"
    client.close()


def test_kernel_answers_ping_and_arp(bed):
    assert "3 received" in bed.internet.run("ping", "-c", 3, "-i", "0.1", GATEWAY_UPLINK).stdout
    assert "3 received" in bed.carrier.run("ping", "-c", 3, "-i", "0.1", GATEWAY_OUTER).stdout
    bed.internet.ip("neigh", "flush", "dev", "uplink0")
    s = udp_socket(bed.berlin, 21900)
    text = token(bed.berlin)
    assert echo_udp(s, text)[0] == text, "the egress address is answered for in ARP"
    s.close()


def test_kernel_of_the_gateway_routes_nothing(bed):
    """No forwarding, no rule, no NAT, no route to the branches' network."""
    assert bed.gateway.run("sysctl", "-n", "net.ipv4.ip_forward").stdout.strip() == "0"
    assert "10.0.1" not in bed.gateway.ip("route", "show", "table", "all").stdout
    assert len(bed.gateway.ip("rule").stdout.splitlines()) == 3
    assert bed.gateway.run("nft", "list", "ruleset").stdout == ""
