"""Traceroute and tracepath from two branches with the same addresses, at the same time.

    host ---- berlin ==GRE== gateway ---- internet ----(1,300 bytes)---- far
    10.0.1.10 10.0.1.1       10.255.0.1   203.0.113.1                    198.51.100.202
    fd00::10  fd00::1        fd00:ff::1   2001:db8:ff::1                 2001:db8:fa::2

Every hop shows itself to both branches: the router of the branch, the gateway by its address in the
branch's own tunnel, the router of the Internet, the far end. Routers do not limit errors here, as a missing
one would look like a fault of the gateway.
"""
import re

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from ask import Sniffer
from bed.daemon import Daemon, configuration
from bed.netns import link, plain_packets
from bed.topology import INTERNET_UPLINK, Topology, berlin, madrid
from test_ipv6 import INSIDE6, add_ipv6, both, with_ipv6

FAR, FAR6 = "198.51.100.202", "2001:db8:fa::2"
TUNNEL_MTU, FAR_MTU = 1400, 1300
HOPS_MAX = 8


def add_far(topology):
    """One more router, and a link behind it that takes less than the tunnels."""
    far = topology.namespace("far", forwards=True)
    link(topology.internet, "far0", "198.51.100.201/30", far, "eth0", f"{FAR}/30")
    topology.internet.sysctl("net.ipv4.ip_forward=1")
    far.ip("route", "add", "default", "via", "198.51.100.201")
    far.switch_on_ipv6((f"{FAR6}/64", "eth0"))
    topology.internet.switch_on_ipv6(("2001:db8:fa::1/64", "far0"))
    far.ip("-6", "route", "add", "default", "via", "2001:db8:fa::1")
    for ns, interface in ((topology.internet, "far0"), (far, "eth0")):
        ns.ip("link", "set", interface, "mtu", FAR_MTU)
        plain_packets(ns, interface)


@pytest.fixture(scope="module")
def net(prefix, build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("traceroute")
    topology = Topology(f"{prefix}-trace", str(build), [berlin(), madrid()], str(folder))
    add_ipv6(topology, folder)
    add_far(topology)
    daemon = Daemon(topology)
    daemon.configure(with_ipv6(configuration(topology, daemon.socket)))
    try:
        daemon.start()
        yield topology
        daemon.settle()
        assert daemon.unaccounted() == ""
        assert daemon.drops().get("ttl_expired", 0) == 0, "each got its answer"
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()


def way(branch, six=False):
    if six:
        return ["fd00::1", INSIDE6[branch.name], "2001:db8:ff::1", FAR6]
    return ["10.0.1.1", branch.inner, INTERNET_UPLINK, FAR]


def forget_paths(net):
    """A host that knows the path MTU of a destination does not look for it again."""
    for branch in net.branches:
        for family in ("-4", "-6"):
            branch.host.ip(family, "route", "flush", "cache")


def hops_of(out):
    """The addresses that traceroute shows, one for each hop; a star for no answer."""
    return re.findall(r"^\s*\d+\s+(\S+)", out, re.M)


def traceroute(branch, *options):
    # one probe at a time: it keeps its own count of time, and this machine is not fast
    return branch.host.run("traceroute", "-n", "-N", 1, "-q", 1, "-w", 3, "-m", HOPS_MAX, *options,
                           check=False).stdout


def check(net, six, *options):
    for branch, out in zip(net.branches, both(net, lambda b: traceroute(b, *options))):
        assert hops_of(out) == way(branch, six), out


@pytest.mark.parametrize("mode", [["--module=default"], ["--udp", "-p", 53], ["-T", "-p", 80],
                                  ["-T", "-p", 443]], ids=str)
def test_traceroute(net, mode):
    """UDP to rising ports, UDP to one port, TCP SYNs."""
    check(net, False, *mode, FAR)


@pytest.mark.parametrize("mode", [["--module=default"], ["--udp", "-p", 53], ["-T", "-p", 80]], ids=str)
def test_traceroute6(net, mode):
    check(net, True, "-6", *mode, FAR6)


def errors_and_replies(sniffer):
    packets = [Ether(p) for p in sniffer.packets]
    return [p[ICMP].type for p in packets if IP in p and ICMP in p and p[ICMP].type in (0, 11)]


def test_traceroute_by_icmp(net):
    """With -I one socket serves all probes. Where the kernel marks an error on that socket just after
    traceroute has read the error itself, the next read fails, and traceroute shows a star for a reply
    that is there. What counts is that it is there: on the wire each probe has its answer, every time;
    and traceroute shows so within a few runs."""
    for branch in net.branches:
        for _ in range(5):
            with Sniffer(branch.host, "eth0") as wire:
                hops = hops_of(traceroute(branch, "-I", FAR))
            assert errors_and_replies(wire).count(11) == 3, "each router has shown itself"
            assert 0 in errors_and_replies(wire), "and the far end"
            if hops == way(branch):
                break
        assert hops == way(branch)


def test_traceroute6_by_icmp(net):
    """The same for ICMPv6; here a star is tried again."""
    for branch in net.branches:
        runs = (hops_of(traceroute(branch, "-6", "-I", FAR6)) for _ in range(5))
        assert way(branch, True) in runs


def test_traceroute_finds_the_mtu(net):
    """--mtu sends large packets with DF and shows where they had to become smaller."""
    forget_paths(net)
    for out in both(net, lambda b: traceroute(b, "--mtu", FAR)):
        assert f"F={TUNNEL_MTU}" in out and f"F={FAR_MTU}" in out, out


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_tracepath(net, six):
    """Hops, and the path MTU: the branch's own tunnel first, then the link behind the Internet."""
    forget_paths(net)
    family, target = ("-6", FAR6) if six else ("-4", FAR)
    outs = both(net, lambda b: b.host.run("tracepath", family, "-n", "-m", HOPS_MAX, target,
                                          check=False, timeout=60).stdout)
    for branch, out in zip(net.branches, outs):
        shown = dict(re.findall(r"^\s*(\d+):\s+([0-9a-f:.]+)", out, re.M))
        assert [shown[h] for h in sorted(shown, key=int)] == way(branch, six), out
        assert re.findall(r"pmtu (\d+)\s*$", out, re.M)[1:3] == [str(TUNNEL_MTU), str(FAR_MTU)], out
        assert re.search(rf"Resume: pmtu {FAR_MTU} hops 4 back", out), out
