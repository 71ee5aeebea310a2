"""The path MTU to a site becomes smaller during a transfer: the transfer completes.

    host ---- berlin ==GRE==(carrier: 1330 bytes from now on)== gateway ---- internet

The carrier sends ICMP errors to the gateway's outer address. The gateway accepts them, as they embed a packet
of the tunnel, and from then on sends "too big" to the server. Madrid's path does not change.
"""
import hashlib
import socket

import pytest

from bed.daemon import Daemon, configuration
from bed.netns import wait_until
from bed.topology import SERVER, Topology, berlin, madrid
from test_ipv6 import SERVER6, add_ipv6, both, with_ipv6

MTU, NARROW = 1400, 1330
INSIDE = NARROW - 28  # outer IPv4, GRE, key
SIZE = 8 << 20
PORT = 8080
GATEWAY6, CARRIER6, OSLO6 = "2001:db8:aa::1", "2001:db8:aa::2", "2001:db8:bb::1"
OSLO = f"""\
  - name: oslo
    prefixes: [10.0.1.0/24]
    tunnels:
      - {{name: oslo-gre, local: '{GATEWAY6}', remote: '{OSLO6}', key: 33, mtu: 1400, port: underlay}}
"""


@pytest.fixture(scope="module", params=["af_xdp", "af_packet"])
def net(prefix, build, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("path")
    topology = Topology(f"{prefix}-path", str(build), [berlin(), madrid()], str(folder))
    add_ipv6(topology, folder)
    topology.gateway.switch_on_ipv6((f"{GATEWAY6}/64", "underlay0"))
    topology.carrier.switch_on_ipv6((f"{CARRIER6}/64", "gateway0"))
    (folder / "big").write_bytes(b"%07d\n" * (SIZE // 8) % tuple(range(SIZE // 8)))
    for address in (SERVER, SERVER6):
        topology.internet.start("/usr/bin/python3", "-m", "http.server", "--bind", address,
                                "--directory", folder, PORT, log=topology.log("http"))
    daemon = Daemon(topology)
    text = with_ipv6(configuration(topology, daemon.socket)).replace("sites:\n", f"sites:\n{OSLO}")
    daemon.configure(text.replace("driver: af_xdp", f"driver: {request.param}"))
    try:
        daemon.start()
        wait_until("the servers", lambda: topology.internet.run(
            "ss", "-Hltn", "sport", "=", f":{PORT}").stdout.count("LISTEN") == 2)
        yield topology, daemon
        daemon.settle()
        assert daemon.unaccounted() == ""
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()


def narrow(topology, mtu):
    topology.carrier.ip("link", "set", "berlin0", "mtu", mtu)


def path_mtus(daemon):
    return {t["name"]: (t["mtu"], t["path_mtu"]) for t in daemon.ask("tunnels")["tunnels"]}


class Download:
    """A page that is read only when the test continues."""

    def __init__(self, branch, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = branch.host.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        self.socket.settimeout(30)
        self.socket.connect((address, PORT))
        self.socket.sendall(b"GET /big HTTP/1.0\r\n\r\n")
        self.data = b""

    def read(self, size):
        while len(self.data) < size:
            part = self.socket.recv(1 << 16)
            if not part:
                break
            self.data += part

    def body(self):
        self.read(1 << 30)
        self.socket.close()
        return self.data.partition(b"\r\n\r\n")[2]


def test_transfer_survives_a_path_that_shrinks(net):
    """Both branches, both families, at once."""
    topology, daemon = net
    assert all(path == MTU for _, path in path_mtus(daemon).values())
    downloads = [Download(b, a) for b in topology.branches for a in (SERVER, SERVER6)]
    for d in downloads:
        d.read(SIZE // 8)
    narrow(topology, NARROW)
    bodies = [d.body() for d in downloads]
    expected = hashlib.sha256(b"%07d\n" * (SIZE // 8) % tuple(range(SIZE // 8))).hexdigest()
    assert [hashlib.sha256(b).hexdigest() for b in bodies] == [expected] * 4
    assert path_mtus(daemon) == {"berlin-gre": (MTU, INSIDE), "madrid-gre": (MTU, MTU),
                                 "oslo-gre": (MTU, MTU)}
    assert daemon.answered()["too_big"] >= 2, "the server was told, for each family"
    assert str(INSIDE) in daemon.homeward("tunnels").stdout


def test_new_connections_begin_with_what_fits(net):
    """The MSS of a SYN fits the small path MTU: no ICMP error is needed.

    The server has to forget first: it knows one path to the egress address, whoever is behind it.
    """
    topology, daemon = net
    topology.internet.ip("route", "flush", "cache")
    before = daemon.answered()["too_big"]

    def mss(branch):
        s = branch.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.connect((SERVER, PORT))
        value = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        s.close()
        return value

    sizes = both(topology, mss)
    timestamps = 12
    assert sizes == [INSIDE - 40 - timestamps, MTU - 40 - timestamps]
    assert daemon.answered()["too_big"] == before


def test_errors_that_embedded_nothing_of_ours_are_not_believed(net):
    """A forged error says that madrid's packets are too big, but has not its key."""
    from scapy.layers.inet import GRE, ICMP, IP
    topology, daemon = net
    raw = topology.carrier.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    quote = IP(src="192.0.2.1", dst="192.0.2.34", flags="DF", len=1428, proto=47)

    def say(key):
        error = IP(src="192.0.2.14", dst="192.0.2.1") / ICMP(type=3, code=4, nexthopmtu=1300)
        inner = bytes(GRE(key_present=1, key=key, proto=0x0800))
        raw.sendto(bytes(error / (bytes(quote) + inner + bytes(20))), ("192.0.2.1", 0))

    for key in range(100, 400):
        say(key)
    daemon.settle()
    assert path_mtus(daemon)["madrid-gre"] == (MTU, MTU)
    say(22)  # whoever knows it is believed, but not below what every path takes
    wait_until("the error to be read", lambda: path_mtus(daemon)["madrid-gre"] == (MTU, 1280))
    raw.close()


def test_ipv6_routers_are_heard_too(net):
    """The same of a tunnel over IPv6, by "packet too big"."""
    from scapy.layers.inet import GRE
    from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
    topology, daemon = net
    raw = topology.carrier.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    quote = bytes(IPv6(src=GATEWAY6, dst=OSLO6, nh=47, plen=1408))

    def say(key, mtu):
        inner = bytes(GRE(key_present=1, key=key, proto=0x0800))
        error = IPv6(src=CARRIER6, dst=GATEWAY6) / ICMPv6PacketTooBig(mtu=mtu)
        raw.sendto(bytes(error / (quote + inner + bytes(20))), (GATEWAY6, 0))

    say(34, 1300)
    say(33, 1380)
    wait_until("the error to be read", lambda: path_mtus(daemon)["oslo-gre"] == (MTU, 1380 - 48))
    raw.close()
