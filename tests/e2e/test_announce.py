"""Our addresses are announced to neighbours, and another station with one of them is detected.

    gateway eth0 192.0.2.1 ------+
    egress 192.0.2.100,          |
           2001:db8:1::100       switch ------ router eth0 192.0.2.2
    tunnel end 192.0.2.101       |
                                 +------ rival eth0

The router keeps its neighbour entries for hours (base_reachable_time), and sends nothing: they are
right within seconds only after an announcement. The switch keeps its link up when the gateway's goes down.
"""
import re
import socket
import time

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from bed.daemon import Daemon, state_directory
from bed.echo import Cable, mac
from bed.netns import Namespace, command, wait_until

GW, EGRESS, END, EGRESS6 = "192.0.2.1", "192.0.2.100", "192.0.2.101", "2001:db8:1::100"
OURS = (EGRESS, END, EGRESS6)
WRONG, CLAIMER = "02:00:00:00:00:99", "02:00:00:00:00:66"
WITHIN_S = 30  # two seconds are meant; the machine may be slow


class Bed:
    """A gateway with a daemon, and the stations on its link."""

    def __init__(self, prefix, build, folder, driver):
        self.build, self.folder, self.driver = build, folder, driver
        self.switch = Namespace(f"{prefix}-switch")
        self.switch.ip("link", "add", "br0", "up", "type", "bridge")
        self.gateway = self.station(f"{prefix}-gw", "gw", f"{GW}/24")
        self.router = self.station(f"{prefix}-router", "router", "192.0.2.2/24")
        self.rival = self.station(f"{prefix}-rival", "rival", "192.0.2.3/24")
        self.gateway.switch_on_ipv6(("2001:db8:1::1/64", "eth0"))
        self.router.switch_on_ipv6(("2001:db8:1::2/64", "eth0"))
        for family in ("ipv4", "ipv6"):
            self.router.sysctl(f"net.{family}.neigh.eth0.base_reachable_time_ms=3600000")
        self.gateway.ip("route", "add", "default", "via", "192.0.2.2")
        self.daemon = Daemon(self)
        self.configure([EGRESS, EGRESS6])

    def station(self, name, port, address):
        ns = Namespace(name)
        self.join(ns, port, address)
        return ns

    def join(self, ns, port, address):
        command("ip", "link", "add", "eth0", "netns", ns.name, "type", "veth",
                "peer", "name", port, "netns", self.switch.name)
        self.switch.ip("link", "set", port, "master", "br0", "up")
        ns.ip("addr", "add", address, "dev", "eth0")
        ns.ip("link", "set", "eth0", "up")

    def configure(self, egress):
        pool = "".join(f"      - {{address: '{a}', slices: [1]}}\n" for a in egress)
        self.daemon.configure(f"""\
api:
  socket: {self.daemon.socket}
flows:
  capacity: 4096
state-directory: {state_directory(self.daemon.socket)}
ports:
  - {{name: eth, driver: {self.driver}, interface: eth0}}
sites:
  - name: berlin
    prefixes: [10.0.1.0/24, 'fd00::/64']
    tunnels:
      - {{name: b1, type: gre, local: {END}, remote: 198.51.100.10, port: eth}}
egress:
  - name: internet
    port: eth
    addresses:
{pool}""")

    def log(self, name):
        return f"{self.folder}/{name}.log"

    def mislead(self, *addresses):
        """Gives the router a wrong neighbour entry."""
        for address in addresses:
            self.router.ip("neigh", "replace", address, "lladdr", WRONG, "dev", "eth0", "nud",
                           "reachable")

    def believed(self, address):
        text = self.router.ip("neigh", "show", address, "dev", "eth0").stdout
        found = re.search(r"lladdr (\S+)", text)
        return found.group(1) if found else None

    def await_belief(self, *addresses):
        for address in addresses:
            wait_until(f"the router to know {address}",
                       lambda a=address: self.believed(a) == mac(self.gateway), WITHIN_S)

    def alarms(self):
        return {a["subject"]: a["text"] for a in self.daemon.ask("status")["alarms"]
                if a["alarm"] == "address_conflict"}

    def port(self):
        return self.daemon.ask("status")["ports"][0]

    def down(self):
        self.daemon.kill()
        for ns in (self.gateway, self.router, self.rival, self.switch):
            ns.delete()


@pytest.fixture(scope="module", params=["af_xdp", "af_packet"])
def bed(prefix, build, tmp_path_factory, request):
    b = Bed(f"{prefix}-tell", str(build), str(tmp_path_factory.mktemp("announce")), request.param)
    try:
        b.mislead(*OURS)
        b.daemon.start()
        yield b
        b.daemon.settle()
        assert b.daemon.unaccounted() == ""
        assert b.daemon.stop() == 0, b.daemon.log_text()
    finally:
        b.down()


def test_at_the_start(bed):
    bed.await_belief(*OURS)
    # a probe and three announcements of each, and nobody who answers: neither do we
    wait_until("all to be announced", lambda: bed.port()["announced"] == 4 * len(OURS), WITHIN_S)
    assert bed.port()["conflicts"] == 0


def claim(address):
    """The frame by which another station claims @address."""
    eth = Ether(src=CLAIMER, dst="ff:ff:ff:ff:ff:ff")
    if ":" not in address:
        return [eth / ARP(op=2, hwsrc=CLAIMER, psrc=address, hwdst=WRONG, pdst="192.0.2.2"),
                eth / ARP(op=1, hwsrc=CLAIMER, psrc=address, pdst=address)]
    return [Ether(src=CLAIMER, dst="33:33:00:00:00:01") / IPv6(src=address, dst="ff02::1", hlim=255) /
            ICMPv6ND_NA(R=0, S=0, O=1, tgt=address) / ICMPv6NDOptDstLLAddr(lladdr=CLAIMER)]


def is_defence(frame, address, ours):
    if frame.src != ours:
        return False
    if ARP in frame:
        return frame[ARP].op == 1 and frame[ARP].psrc == frame[ARP].pdst == address
    return ICMPv6ND_NA in frame and frame[ICMPv6ND_NA].tgt == address


@pytest.mark.parametrize("address", [EGRESS, EGRESS6])
@pytest.mark.parametrize("kind", [0, 1])
def test_conflict(bed, address, kind):
    """The conflict is detected; the address is defended once, however often it is claimed."""
    frames = claim(address)
    if kind >= len(frames):
        pytest.skip("there is one way to say it")
    stands, before = address in bed.alarms(), bed.port()["conflicts"]
    cable = Cable(bed.router)
    other = Cable(bed.rival)
    other.send(frames[kind])
    wait_until("it to be seen", lambda: bed.port()["conflicts"] > before, WITHIN_S)
    assert CLAIMER in bed.alarms()[address] and "port eth" in bed.alarms()[address]
    for _ in range(5):
        other.send(frames[kind])
        time.sleep(0.1)
    ours = mac(bed.gateway)
    assert cable.received(lambda f: is_defence(f, address, ours), 1) == (0 if stands else 1)


def test_another_ethernet_address(bed):
    bed.gateway.ip("link", "set", "eth0", "address", "02:00:00:00:00:42")
    bed.await_belief(*OURS)


def test_started_again_with_another(bed):
    assert bed.daemon.stop() == 0
    bed.gateway.ip("link", "set", "eth0", "address", "02:00:00:00:00:43")
    bed.daemon.start()
    bed.await_belief(*OURS)


def test_link_comes_up(bed):
    bed.switch.ip("link", "set", "gw", "down")
    bed.mislead(*OURS)
    bed.switch.ip("link", "set", "gw", "up")
    bed.await_belief(*OURS)


def test_interface_is_made_again(bed):
    """With another Ethernet address: the port is opened again, and claims are heard there, too."""
    bed.switch.ip("link", "del", "gw")
    bed.mislead(*OURS)
    bed.join(bed.gateway, "gw", f"{GW}/24")
    bed.gateway.switch_on_ipv6(("2001:db8:1::1/64", "eth0"))
    bed.gateway.ip("route", "add", "default", "via", "192.0.2.2")
    bed.await_belief(*OURS)
    before = bed.port()["conflicts"]
    Cable(bed.rival).send(claim(EGRESS)[0])
    wait_until("the claim to be heard", lambda: bed.port()["conflicts"] > before, WITHIN_S)


def test_an_address_becomes_ours(bed):
    """And is not announced while the kernel has it."""
    bed.gateway.ip("addr", "add", f"{END}/32", "dev", "lo")
    bed.switch.ip("link", "set", "gw", "down")
    bed.mislead(EGRESS, END)
    bed.switch.ip("link", "set", "gw", "up")
    bed.await_belief(EGRESS)
    assert bed.believed(END) == WRONG
    bed.gateway.ip("addr", "del", f"{END}/32", "dev", "lo")
    bed.await_belief(END)


def test_conflict_ends(bed):
    """Another station has an address and announces nothing: our probes find it until it is gone."""
    if bed.driver != "af_xdp":
        pytest.skip("the same for both")
    bed.rival.ip("addr", "add", f"{EGRESS}/32", "dev", "eth0")
    bed.switch.ip("link", "set", "gw", "down")
    bed.switch.ip("link", "set", "gw", "up")
    wait_until("the alarm", lambda: mac(bed.rival) in bed.alarms().get(EGRESS, ""), WITHIN_S)
    before = bed.port()["conflicts"]
    wait_until("it to answer again", lambda: bed.port()["conflicts"] > before, WITHIN_S)
    bed.rival.ip("addr", "del", f"{EGRESS}/32", "dev", "eth0")
    wait_until("its end", lambda: bed.alarms() == {}, 2 * WITHIN_S)


def test_many_addresses_are_paced(bed):
    """A first time for each of 500: 1,000 frames, which take a second; all three times go out."""
    if bed.driver != "af_xdp":
        pytest.skip("the same for both")
    many = [f"192.0.2.{i}" for i in range(110, 250)]
    bed.gateway.ip("addr", "add", "198.18.0.1/23", "dev", "eth0")
    many += [f"198.18.{i >> 8}.{i & 255}" for i in range(10, 370)]
    assert bed.daemon.stop() == 0
    bed.configure(many)
    cable = Cable(bed.router)
    bed.daemon.start()
    seen, first, end = {a: 0 for a in many}, [], time.monotonic() + WITHIN_S
    while time.monotonic() < end and min(seen.values()) < 3:
        try:
            frame = cable.socket.recv(65535)
        except TimeoutError:
            continue
        sender, target = frame[28:32], frame[38:42]  # parsed by hand: frames come faster than scapy parses
        address = socket.inet_ntoa(sender) if frame[12:14] == b"\x08\x06" and sender == target else None
        if address in seen:
            first += [time.monotonic()] if seen[address] == 0 else []
            seen[address] += 1
    assert set(seen.values()) == {3}
    assert first[-1] - first[0] > 0.8 * 2 * len(many) / 1000
