"""Frames of real networks: partial checksums, as on every veth, very large frames, tags and fragments.

    host ---- berlin ==GRE==> carrier ---- gateway ---- internet       offloads as Linux has them
"""
import hashlib

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, GRE, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from bed import servers
from bed.daemon import Daemon, configuration
from bed.echo import Cable, mac
from bed.netns import wait_until
from bed.topology import (EGRESS, GATEWAY_OUTER, HOST, INTERNET_UPLINK, SERVER, Topology, berlin,
                          madrid)
from test_ipv6 import SERVER6, add_ipv6, both, with_ipv6

PORT = 8080
JOINED_MAX = 1968  # bytes of a packet that the kernel joined, in an af_packet frame
PAGES = {"small": b"home\n", "large": b"%07d\n" * 0x20000 % tuple(range(0x20000))}


def leave_to_the_card(ns, interface):
    for feature in ("tx", "sg", "tso", "gso", "gro"):
        ns.run("ethtool", "-K", interface, feature, "on", check=False)


@pytest.fixture(scope="module")
def net(prefix, build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("offloads")
    topology = Topology(f"{prefix}-offloads", str(build), [berlin(), madrid()], str(folder))
    add_ipv6(topology, folder)
    leave_to_the_card(topology.carrier, "gateway0")
    leave_to_the_card(topology.internet, "uplink0")
    for name, page in PAGES.items():
        (folder / name).write_bytes(page)
    servers.start(topology)
    for address in (SERVER, SERVER6):
        topology.internet.start("/usr/bin/python3", "-m", "http.server", "--bind", address,
                                "--directory", folder, PORT, log=topology.log("http"))
    wait_until("the servers", lambda: topology.internet.run(
        "ss", "-Hltn", "sport", "=", f":{PORT}").stdout.count("LISTEN") == 2)
    yield topology
    topology.down()


@pytest.fixture(params=["af_xdp", "af_packet"])
def daemon(net, request):
    daemon = Daemon(net, f"homewardd-{request.param}")
    text = with_ipv6(configuration(net, daemon.socket))
    daemon.configure(text.replace("driver: af_xdp", f"driver: {request.param}"))
    daemon.start()
    yield daemon
    leave_to_the_card(net.internet, "uplink0")
    daemon.settle()
    assert daemon.unaccounted() == ""
    assert daemon.stop() == 0, daemon.log_text()


def curl(branch, server, page, seconds=20):
    text = branch.host.run("curl", "-s", "-m", seconds, f"http://{server}:{PORT}/{page}",
                           check=False).stdout
    return hashlib.sha256(text.encode()).hexdigest()


def uplink(daemon):
    return daemon.ask("status")["ports"][1]


def alarms(daemon):
    return {(a["alarm"], a["subject"]) for a in daemon.ask("status")["alarms"]}


@pytest.mark.parametrize("server", [SERVER, f"[{SERVER6}]"], ids=["IPv4", "IPv6"])
def test_answers_are_right(net, daemon, server):
    """Questions and answers of one packet each, by TCP and UDP, from both branches at once."""
    small = hashlib.sha256(PAGES["small"]).hexdigest()
    before = uplink(daemon)["partial_checksums"]
    assert both(net, lambda b: curl(b, server, "small")) == [small] * 2
    for answer in both(net, lambda b: b.host.run(
            "dig", "+short", "+time=5", "+tries=2", f"@{SERVER}", "demo.example").stdout):
        assert answer.strip() == SERVER
    assert uplink(daemon)["partial_checksums"] > before
    wait_until("the alarm", lambda: ("partial_checksums", "uplink") in alarms(daemon))
    assert "ethtool -K IF tx off" in daemon.homeward("status").stdout


@pytest.mark.parametrize("server", [SERVER, f"[{SERVER6}]"], ids=["IPv4", "IPv6"])
def test_large_pages_come_whole(net, daemon, server):
    large = hashlib.sha256(PAGES["large"]).hexdigest()
    if "af_packet" in daemon.file:  # a veth without XDP brings giant packets
        both(net, lambda b: curl(b, server, "large", 3))
        wait_until("the alarm", lambda: ("frames_truncated", "uplink") in alarms(daemon))
        wait_until("both counts to agree", lambda: daemon.drops()["truncated"] == uplink(daemon)["cut"] > 0)
        assert "tso off gso off" in daemon.homeward("status").stdout
        net.internet.run("ethtool", "-K", "uplink0", "tso", "off", "gso", "off")
    assert both(net, lambda b: curl(b, server, "large")) == [large] * 2
    assert uplink(daemon)["partial_checksums"] > 100


def test_priority_tags(net, daemon):
    """A tag of VLAN 0 is none: its packets go on; a question with one is answered."""
    eth = Ether(src=mac(net.carrier, "gateway0"), dst=mac(net.gateway, "underlay0"))
    branch = net.branches[0]
    packet = (IP(src=branch.outer, dst=GATEWAY_OUTER) / GRE(key_present=1, key=branch.key) /
              IP(src=HOST, dst=SERVER) / UDP(sport=31000, dport=9) / Raw(b"x" * 30))
    cable = Cable(net.carrier, "gateway0")
    cable.send(eth / Dot1Q(vlan=0, prio=5) / packet)
    cable.send(eth / Dot1AD(vlan=0) / Dot1Q(vlan=0) / packet)
    wait_until("the packets", lambda: [
        f["packets_out"] for f in daemon.flows("--port", "31000")] == [2])
    cable = Cable(net.internet, "uplink0")
    cable.send(Ether(src=mac(net.internet, "uplink0"), dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=0) /
               ARP(hwsrc=mac(net.internet, "uplink0"), psrc=INTERNET_UPLINK, pdst=EGRESS))
    assert cable.received(lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == EGRESS) == 1


def pinged(branch, size):
    """Are pings of @size bytes with their headers answered?"""
    out = branch.host.run("ping", "-n", "-M", "dont", "-c", 2, "-i", "0.1", "-W", 2, "-s", size - 28,
                          SERVER, check=False).stdout
    return "2 received" in out


def test_answers_in_fragments(net, daemon):
    """For af_packet the kernel joins them first, and they must fit a frame: docs/ports.md."""
    branch = net.branches[0]
    assert pinged(branch, JOINED_MAX)
    if "af_packet" in daemon.file:
        assert not pinged(branch, JOINED_MAX + 1)
        assert daemon.drops()["truncated"] == uplink(daemon)["cut"] >= 2
    else:
        assert pinged(branch, 8000)
