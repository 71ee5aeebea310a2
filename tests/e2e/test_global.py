"""Hosts with a globally unique address beside one that both branches have, on real interfaces.

    fd00::10, 2001:db8:b::10      berlin-host -- berlin ==GRE== gateway ---- internet 2001:db8::80
    fd00::10, 2001:db8:ff:0:c::10 madrid-host -- madrid ==GRE==/   egress 2001:db8:ff::10

The Internet has a route to 2001:db8:b::/48 by the gateway; 2001:db8:ff:0:c::/80 is a part of the uplink's
own network, so the daemon is asked who is there. The gateway's kernel would forward, had the daemon not
taken the packets from it.
"""
import re
import socket

import pytest

from ask import token, unanswered
from bed.daemon import Daemon, DaemonFailed, configuration
from bed.netns import wait_until
from bed.topology import Topology, berlin, madrid
from test_ipv6 import EGRESS6, INSIDE6, PAGE, SERVER6, add_ipv6, both, with_ipv6

NET = {"berlin": "2001:db8:b", "madrid": "2001:db8:ff:0:c"}
LEN = {"berlin": 48, "madrid": 80}
ESP, EXPERIMENT = 50, 253


def own(branch):
    return f"{NET[branch.name]}::10"


def add_global(topology):
    for branch in topology.branches:
        net = NET[branch.name]
        branch.router.ip("-6", "addr", "add", f"{net}::1/80", "dev", "lan0", "nodad")
        branch.host.ip("-6", "addr", "add", f"{net}::10/80", "dev", "eth0", "nodad")
    topology.internet.ip("-6", "route", "add", "2001:db8:b::/48", "via", "2001:db8:ff::2")


def with_global(text):
    return re.sub(r"  - name: (\w+)\n    prefixes: .*\n",
                  lambda m: f"{m[0]}    global-prefixes: ['{NET[m[1]]}::/{LEN[m[1]]}']\n", text)


@pytest.fixture(scope="module", params=["af_xdp", "af_packet"])
def world(prefix, build, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("global")
    topology = Topology(f"{prefix}-glo", str(build), [berlin(), madrid()], str(folder))
    add_ipv6(topology, folder)
    add_global(topology)
    daemon = Daemon(topology)
    text = with_global(with_ipv6(configuration(topology, daemon.socket)))
    daemon.configure(text.replace("driver: af_xdp", f"driver: {request.param}"))
    try:
        daemon.start()
        yield topology, daemon
        daemon.settle()
        assert daemon.unaccounted() == ""
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()


def egress_flows(daemon):
    """How many flows have a port of the IPv6 egress address."""
    return sum(s["flows"] for pool in daemon.ask("egress")["pools"] for a in pool["addresses"]
               for s in a["slices"] if a["address"] == EGRESS6)


def fetch(branch, source, port):
    return branch.host.run("curl", "-6", "-s", "-m", 10, "--interface", source, "--local-port", port,
                           f"http://[{SERVER6}]/page", check=False).stdout


def test_curl(world):
    """The server sees the host's own address."""
    topology, daemon = world
    before = egress_flows(daemon)
    assert both(topology, lambda b: fetch(b, own(b), 30000)) == [PAGE, PAGE]
    flows = [f for f in daemon.flows("--protocol", "tcp") if f["source_port"] == 30000]
    assert sorted((f["site"], f["source"], f["egress"], f["egress_port"]) for f in flows) == [
        (b.name, own(b), own(b), 30000) for b in topology.branches]
    with open(topology.log("http6"), encoding="utf-8") as log:
        seen = log.read()
    assert all(re.search(rf"^{own(b)} .*GET /page", seen, re.M) for b in topology.branches), seen
    assert egress_flows(daemon) == before


def test_beside_translated_flows(world):
    """The same hosts, the same ports, by the address that both branches have."""
    topology, daemon = world
    assert both(topology, lambda b: fetch(b, "fd00::10", 30001)) == [PAGE, PAGE]
    assert both(topology, lambda b: fetch(b, own(b), 30001)) == [PAGE, PAGE]
    flows = [f for f in daemon.flows("--protocol", "tcp") if f["source_port"] == 30001]
    assert sorted((f["source"], f["egress"]) for f in flows) == sorted(
        [("fd00::10", EGRESS6)] * 2 + [(own(b), own(b)) for b in topology.branches])


def test_ping(world):
    def ping(branch):
        return unanswered(branch.host, 20, "-6", "-e", 77, "-I", own(branch), "-p", token(branch)[-12:],
                          SERVER6)

    assert both(world[0], ping) == [[], []]
    flows = [f for f in world[1].flows("--protocol", "icmpv6") if f["source_port"] == 77]
    assert {(f["egress"], f["egress_port"]) for f in flows} == {
        (own(b), 77) for b in world[0].branches}


@pytest.mark.parametrize("mode", ["--module=default", "-T"])
def test_traceroute(world, mode):
    for branch in world[0].branches:
        out = branch.host.run("traceroute", "-6", "-n", mode, "-s", own(branch), "-N", 1, "-q", 1, "-w", 2,
                              "-m", 5, SERVER6).stdout
        assert re.findall(r"^\s*\d+\s+(\S+)", out, re.M) == [
            f"{NET[branch.name]}::1", INSIDE6[branch.name], SERVER6], out


@pytest.mark.parametrize("protocol", [ESP, EXPERIMENT])
def test_any_protocol(world, protocol):
    """Raw packets, there and back: one flow for the two addresses."""
    topology, daemon = world
    for branch in topology.branches:
        server = topology.internet.socket(socket.AF_INET6, socket.SOCK_RAW, protocol)
        client = branch.host.socket(socket.AF_INET6, socket.SOCK_RAW, protocol)
        for s, address in ((server, SERVER6), (client, own(branch))):
            s.settimeout(3)
            s.bind((address, 0))
        text = token(branch).encode()
        client.sendto(text, (SERVER6, 0))
        question, source = server.recvfrom(100)
        assert (question, source[0]) == (text, own(branch))
        server.sendto(b"answer to " + text, source)
        assert client.recvfrom(100)[0] == b"answer to " + text
        client.close()
        server.close()
        flow, = daemon.flows("--protocol", str(protocol), "--address", own(branch))
        assert (flow["site"], flow["egress"], flow["state"], flow["packets_out"],
                flow["packets_in"]) == (branch.name, own(branch), "other", 1, 1)


def test_unasked_packets_stay_out(world):
    """Dropped by name, and no kernel answers them or sends them round."""
    topology, daemon = world
    before = daemon.drops().get("no_flow", 0)
    for branch in topology.branches:
        out = topology.internet.run("ping", "-6", "-n", "-c", 3, "-i", "0.1", "-W", 1,
                                    f"{NET[branch.name]}::1", check=False).stdout
        assert "0 received" in out and "From" not in out, out
    wait_until("all to be counted", lambda: daemon.drops().get("no_flow", 0) == before + 6)


def test_found_by_its_neighbours(world):
    """The prefix is part of the uplink's own network: the daemon answers solicitations for the host, as a proxy."""
    topology, daemon = world
    topology.internet.ip("-6", "neigh", "flush", "all")
    before = daemon.answered().get("neighbour", 0)
    test_ping(world)
    assert daemon.answered()["neighbour"] > before
    entry = topology.internet.ip("-6", "neigh", "show", own(topology.branches[1])).stdout
    mac = topology.gateway.ip("link", "show", "uplink0").stdout
    assert re.search(r"lladdr (\S+)", entry)[1] in mac
    assert "allmulti" in topology.gateway.ip("-d", "link", "show", "uplink0").stdout


def test_sites_do_not_meet(world):
    """The gateway sends an ICMP error and drops the packet."""
    here, there = world[0].branches
    out = here.host.run("ping", "-6", "-n", "-c", 1, "-W", 3, "-I", own(here), own(there),
                        check=False).stdout
    assert f"From {INSIDE6[here.name]} icmp_seq=1 Destination unreachable: No route" in out, out


def test_the_kernel_keeps_its_own(world):
    """Its address on the uplink is in no global prefix, and answers."""
    out = world[0].internet.run("ping", "-6", "-n", "-c", 2, "-i", "0.1", "-W", 3, "2001:db8:ff::2").stdout
    assert "2 received" in out, out


def test_a_prefix_with_an_address_of_the_kernel_is_refused(world):
    """Otherwise the gateway's own address could not be reached any more."""
    topology, daemon = world
    other = Daemon(topology, "other")
    with open(daemon.file, encoding="utf-8") as f:
        text = f.read().replace(daemon.socket, other.socket)
    text = text.replace("2001:db8:b::/48", "2001:db8:ff:0::/112")
    other.configure(text.replace(EGRESS6, "2001:db8:fe::10"))
    with pytest.raises(DaemonFailed, match="2001:db8:ff::/112, a global prefix of site berlin, holds "
                                           "2001:db8:ff::2, which belongs to the kernel, on interface "
                                           "uplink0"):
        other.start()


def test_shown(world):
    """`homeward` shows global prefixes, as text and as JSON."""
    topology, daemon = world
    sites = {s["name"]: s for s in daemon.ask("sites")["sites"]}
    assert {n: s["global_prefixes"] for n, s in sites.items()} == {
        n: [f"{net}::/{LEN[n]}"] for n, net in NET.items()}
    assert re.search(r"^berlin .*fd00::/64, untranslated 2001:db8:b::/48 ",
                     daemon.homeward("sites").stdout, re.M)


def test_without_an_ipv6_address_of_ours(prefix, build, tmp_path):
    """No pool has an IPv6 address: packets still leave by the kernel's IPv6 route."""
    topology = Topology(f"{prefix}-glp", str(build), [berlin(), madrid()], str(tmp_path))
    add_ipv6(topology, tmp_path)
    add_global(topology)
    daemon = Daemon(topology)
    daemon.configure(with_global(configuration(topology, daemon.socket)))
    try:
        daemon.start()
        test_ping((topology, daemon))
        assert "no_route" not in daemon.drops(), daemon.drops()
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()
