"""Answers in two fragments while strangers send 5,000 fragments a second to the same address.

    host ---- berlin ==GRE==\\
    host ---- madrid ==GRE==== gateway ---- internet: a server that pauses between the halves, and a flood

Each fragment of the flood has another source; first and later ones take turns, in both families.
"""
import concurrent.futures
import socket
import struct
import threading
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from bed.daemon import Daemon, configuration
from bed.topology import EGRESS, SERVER, Topology, berlin, madrid
from test_ipv6 import EGRESS6, SERVER6, add_ipv6, with_ipv6

PORT, ANSWERS, SIZE, HALF = 5300, 15, 1200, 600
RATE, BATCH = 5000, 50
PAUSE = 0.02  # between the halves: 100 strangers


@pytest.fixture(scope="module", params=[1, 2], ids=["one-worker", "two-workers"])
def net(prefix, build, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("strangers")
    topology = Topology(f"{prefix}-strangers", str(build), [berlin(), madrid()], str(folder))
    add_ipv6(topology, folder)
    topology.internet.run("nft", "flush", "ruleset")  # its conntrack would join fragments
    daemon = Daemon(topology)
    text = with_ipv6(configuration(topology, daemon.socket))
    daemon.configure(text.replace("workers: 1", f"workers: {request.param}"))
    try:
        daemon.start()
        yield topology, daemon
        daemon.settle()
        assert daemon.unaccounted() == ""
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()


def fragments4(packet, number):
    """The two halves of an IPv4 packet."""
    header, body = packet[:20], packet[20:]
    out = []
    for at, more in ((0, 0x2000), (HALF, 0)):
        part = body[at:at + HALF] if more else body[at:]
        ip = bytearray(header)
        struct.pack_into("!HHH", ip, 2, 20 + len(part), number, more | at // 8)
        struct.pack_into("!H", ip, 10, 0)
        out.append(bytes(ip) + part)  # the kernel writes the checksum
    return out


def fragments6(packet, number):
    header, body = packet[:40], packet[40:]
    out = []
    for at, more in ((0, 1), (HALF, 0)):
        part = body[at:at + HALF] if more else body[at:]
        ip = bytearray(header)
        struct.pack_into("!HB", ip, 4, 8 + len(part), 44)
        out.append(bytes(ip) + struct.pack("!BBHI", header[6], 0, at | more, number) + part)
    return out


def halves(source, port, to, text, number):
    six = ":" in source
    layer = IPv6 if six else IP
    whole = bytes(layer(src=source, dst=to[0]) / UDP(sport=port, dport=to[1]) /
                  Raw(text.ljust(SIZE, b".")))
    return (fragments6 if six else fragments4)(whole, number)


def raw_socket(ns, six):
    family = socket.AF_INET6 if six else socket.AF_INET
    return ns.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)


class Server:
    """Answers each question in two fragments, with a pause; every other time the last half first."""

    def __init__(self, ns, address):
        six = ":" in address
        self.address = address
        self.raw = raw_socket(ns, six)
        self.socket = ns.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, PORT))
        self.socket.settimeout(0.1)
        self.done = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number = 0
        while not self.done:
            try:
                text, client = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            number += 1
            parts = halves(self.address, PORT, client, text, 40000 + number)
            for part in parts[::-1 if number % 2 else 1]:
                self.raw.sendto(part, (client[0], 0))
                time.sleep(PAUSE)

    def stop(self):
        self.done = True
        self.thread.join()
        self.socket.close()
        self.raw.close()


class Flood:
    """RATE fragments a second from as many sources, to the egress addresses."""

    def __init__(self, ns, port):
        self.raw = {False: raw_socket(ns, False), True: raw_socket(ns, True)}
        self.sample = {six: halves(SERVER6 if six else SERVER, PORT,
                                   (EGRESS6 if six else EGRESS, port), b"", 7)
                       for six in (False, True)}
        self.sent, self.done = 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def one(self, n):
        six, later = n % 2 == 0, n // 2 % 2
        packet = bytearray(self.sample[six][later])
        if six:
            struct.pack_into("!I", packet, 20, n)  # of the source
            struct.pack_into("!I", packet, 44, n)  # the identification
        else:
            struct.pack_into("!I", packet, 12, 0x0b000000 | n)
            struct.pack_into("!H", packet, 4, n & 0xffff)
        self.raw[six].sendto(packet, (EGRESS6 if six else EGRESS, 0))

    def run(self):
        due = time.monotonic()
        while not self.done:
            for _ in range(BATCH):
                self.sent += 1
                self.one(self.sent)
            due += BATCH / RATE
            time.sleep(max(0.0, due - time.monotonic()))

    def stop(self):
        self.done = True
        self.thread.join()
        for s in self.raw.values():
            s.close()


def ask(branch, address):
    """How many of ANSWERS came, as they were asked for."""
    s = branch.host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, PORT))
    good = 0
    for i in range(ANSWERS):
        text = f"{branch.name} {i} ".encode()
        s.send(text)
        try:
            good += s.recv(2048) == text.ljust(SIZE, b".")
        except TimeoutError:
            pass
    s.close()
    return good


def ask_all(topology):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda x: ask(*x), [(b, a) for b in topology.branches
                                                 for a in (SERVER, SERVER6)]))


def test_answers_arrive_whatever_strangers_send(net):
    topology, daemon = net
    servers = [Server(topology.internet, a) for a in (SERVER, SERVER6)]
    try:
        assert ask_all(topology) == [ANSWERS] * 4, "without a flood"
        port = daemon.flows()[0]["egress_port"]
        flood = Flood(topology.internet, port)
        try:
            assert ask_all(topology) == [ANSWERS] * 4, "with one"
        finally:
            flood.stop()
        daemon.settle()
        drops = daemon.drops()
        # A stranger in some tens of thousands shares a count with the server; all others are refused.
        assert flood.sent * 0.9 < drops.pop("no_flow") <= flood.sent
        # The branches' kernels send MLD reports (RFC 3810) into their tunnels. All of what is dropped
        # so came out of a tunnel: none of it is the strangers'.
        tunnels = daemon.ask("tunnels")["tunnels"]
        assert drops.pop("protocol", 0) == sum(t["drops"] for t in tunnels)
        assert set(drops) <= {"fragment_timeout", "fragment_limit"}, drops
    finally:
        for server in servers:
            server.stop()
