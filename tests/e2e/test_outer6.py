"""Tunnels over IPv6, on real interfaces: two branches with the same addresses, one or both over IPv6.

    10.0.1.10 berlin-host -- berlin 2001:db8:b::2 ==GRE over IPv6== 2001:db8:f::1 gateway -- internet
    fd00::10  madrid-host -- madrid 2001:db8:d::2 or 192.0.2.34 ==GRE==/

Packets of the gateway are parsed and built again by scapy, with the same bytes as result.
"""
import concurrent.futures
import re
import socket

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import (IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN,
                                RouterAlert)
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Raw

from ask import Sniffer, echo_tcp, echo_udp, tcp_socket, token, udp_socket, unanswered
from bed import servers
from bed.daemon import Daemon, configuration
from bed.netns import wait_until
from bed.topology import GATEWAY_OUTER6, HOST, SERVER, Topology, berlin, madrid
from test_ipv6 import INSIDE6, PAGE, SERVER6, add_ipv6, with_ipv6

BERLIN6, MADRID6 = "2001:db8:b::2", "2001:db8:d::2"
ELSEWHERE, ELSEWHERE4 = "2001:db8:f::5", "192.0.2.5"  # in the underlay's networks, on no interface


def over_ipv6(branch, outer6):
    branch.outer6, branch.carrier6 = outer6, outer6[:-1] + "1"
    return branch


KINDS = {
    "both": ("af_xdp", True, GATEWAY_OUTER6),
    "mixed": ("af_xdp", False, GATEWAY_OUTER6),
    "packet": ("af_packet", True, GATEWAY_OUTER6),
    "elsewhere": ("af_xdp", False, ELSEWHERE),
}


@pytest.fixture(scope="module", params=KINDS)
def net(prefix, build, tmp_path_factory, request):
    driver, both_six, local = KINDS[request.param]
    folder = tmp_path_factory.mktemp("outer6")
    branches = [over_ipv6(berlin(key=11), BERLIN6), madrid(key=None)]
    if both_six:
        over_ipv6(branches[1], MADRID6)
    for branch in branches:
        branch.gateway6 = local
        if local == ELSEWHERE:
            branch.gateway4 = ELSEWHERE4
    topology = Topology(f"{prefix}-outer6", str(build), branches, str(folder))
    add_ipv6(topology, folder)
    servers.start(topology)
    daemon = Daemon(topology)
    text = with_ipv6(configuration(topology, daemon.socket))
    daemon.configure(text.replace("driver: af_xdp", f"driver: {driver}"))
    try:
        daemon.start()
        yield topology, daemon
        daemon.settle()
        assert daemon.unaccounted() == ""
        assert topology.strangers() == 0
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()


def both(topology, function):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, topology.branches))


def test_ping(net):
    """Both families through it, with the same identifier in both branches."""
    for options in (["-4", SERVER], ["-6", SERVER6]):
        def ping(branch):
            return unanswered(branch.host, 10, "-e", 77, "-p", token(branch)[-12:], *options)

        assert both(net[0], ping) == [[], []]


def test_equal_five_tuples(net):
    """Ten rounds in turn: each token comes back to its sender, by an egress port of its own."""
    for open_socket, echo in ((udp_socket, echo_udp), (tcp_socket, echo_tcp)):
        sockets = [open_socket(b, 30000) for b in net[0].branches]
        seen = [set(), set()]
        for _ in range(10):
            for i, branch in enumerate(net[0].branches):
                text = token(branch)
                answer, port = echo(sockets[i], text)
                assert answer == text
                seen[i].add(port)
        assert len(seen[0]) == len(seen[1]) == 1 and seen[0] != seen[1]
        for s in sockets:
            s.close()


def test_pages(net):
    """A page of many segments, by both families at once."""
    def curl(branch):
        return branch.host.run("curl", "-6", "-s", "-m", 10, "--local-port", "30001",
                               f"http://[{SERVER6}]/page", check=False).stdout

    assert both(net[0], curl) == [PAGE, PAGE]


def test_first_hop_shows_itself(net):
    for branch in net[0].branches:
        out = branch.host.run("ping", "-n", "-c", 1, "-W", 3, "-t", 2, SERVER, check=False).stdout
        assert f"From {branch.inner} icmp_seq=1 Time to live exceeded" in out, out


def test_tunnels_are_shown(net):
    """With their addresses, as text and as JSON."""
    topology, daemon = net
    shown = {t["name"]: (t["local"], t["remote"]) for t in daemon.ask("tunnels")["tunnels"]}
    assert shown == {f"{b.name}-gre": b.ends[::-1] for b in topology.branches}
    inside = {t["name"]: t["address6"] for t in daemon.ask("tunnels")["tunnels"]}
    assert inside == {f"{name}-gre": address for name, address in INSIDE6.items()}
    text = daemon.homeward("tunnels").stdout
    for branch in topology.branches:
        line = next(line for line in text.splitlines() if line.startswith(f"{branch.name}-gre"))
        assert re.search(rf"\s{re.escape(branch.ends[1])}\s+{re.escape(branch.ends[0])}\s", line), line


def test_a_narrow_way(net):
    """A branch's router fragments packets that are too big for its path; the gateway reassembles them."""
    topology, daemon = net
    branch = topology.branches[0]
    route = ("2001:db8:f::/64", "via", branch.carrier6)
    before = fragments_joined(daemon)
    branch.router.ip("-6", "route", "change", *route, "mtu", 1280)
    try:
        for options in (["-4", SERVER], ["-6", SERVER6]):
            assert unanswered(branch.host, 5, "-s", 1300, *options) == []
    finally:
        branch.router.ip("-6", "route", "change", *route)
    assert fragments_joined(daemon) - before >= 10


def fragments_joined(daemon):
    return sum(w["fragments_joined"] for w in daemon.ask("status")["workers"])


def sent(net, sniff):
    """The GRE packets to berlin, while sniff() runs."""
    with Sniffer(net[0].carrier, "gateway0") as sniffer:
        sniff()
    frames = [p for p in sniffer.packets if p[12:14] == b"\x86\xdd" and p[14 + 6] == 47]
    return [p for p in frames if p[14 + 24:14 + 40] == socket.inet_pton(socket.AF_INET6, BERLIN6)]


def test_scapy_builds_the_same(net):
    """Byte by byte: outer header, GRE with key, and the packet inside."""
    berlin_branch = net[0].branches[0]
    local = berlin_branch.ends[1]

    def talk():
        for port in (30010, 30011):
            s = udp_socket(berlin_branch, port)
            for _ in range(3):
                echo_udp(s, token(berlin_branch))
            s.close()
        with tcp_socket(berlin_branch, 30012) as s:
            echo_tcp(s, token(berlin_branch))
        berlin_branch.host.run("ping", "-6", "-c", 2, "-i", "0.1", SERVER6)

    labels = {}
    frames = sent(net, talk)
    assert len(frames) >= 10
    for frame in frames:
        outer = IPv6(frame[14:])
        inner = outer[GRE].payload
        traffic_class = inner.tos if IP in inner else inner.tc
        built = IPv6(src=local, dst=BERLIN6, nh=47, hlim=64, tc=traffic_class, fl=outer.fl) / GRE(
            key_present=1, key=11, proto=0x0800 if IP in inner else 0x86DD) / Raw(bytes(inner))
        assert bytes(built) == frame[14:14 + len(bytes(built))]
        assert outer.fl != 0
        assert traffic_class == berlin_branch.dscp << 2 or IP not in inner  # the mark of the branch
        l4 = inner.getlayer(UDP) or inner.getlayer(TCP)
        labels.setdefault((inner.name, l4.dport if l4 else 0), set()).add(outer.fl)
        if l4 is not None:  # checksums as scapy makes them
            checksum = l4.chksum
            del l4.chksum
            assert IP(bytes(inner)).payload.chksum == checksum
    assert all(len(seen) == 1 for seen in labels.values()), labels
    assert len({next(iter(seen)) for seen in labels.values()}) > 2


INNER = IP(src=HOST, dst=SERVER) / UDP(sport=20001, dport=9) / Raw(b"crafted")
FROM_BERLIN = {"src": BERLIN6, "hlim": 3}
KEY = {"key_present": 1, "key": 11, "proto": 0x0800}
UNKNOWN = 0x5E  # an option that says: discard if you do not know me
BAD_SUM = bytearray(bytes(GRE(chksum_present=1, **KEY) / INNER))
BAD_SUM[4] ^= 1

# what it is counted as, what stands behind the IPv6 header, why
CRAFTED = [
    (None, GRE(**KEY) / INNER, "as it should be"),
    (None, GRE(chksum_present=1, seqnum_present=1, **KEY) / INNER, "checksum and sequence number"),
    (None, IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0")]) / GRE(**KEY) / INNER, "options first"),
    (None, IPv6ExtHdrHopByHop(options=[RouterAlert()]) / GRE(**KEY) / INNER, "a router alert first"),
    (None, IPv6ExtHdrFragment(offset=0, m=0, id=7) / GRE(**KEY) / INNER, "an atomic fragment"),
    ("gre_unknown", GRE(**{**KEY, "key": 12}) / INNER, "nobody has this key"),
    ("gre_unknown", GRE() / INNER, "no key where one is configured"),
    ("gre_checksum", Raw(bytes(BAD_SUM)), "one bit of the checksum"),
    ("gre_malformed", Raw(b"\x20\x00\x08\x00\x00"), "cut short within the key"),
    ("gre_ethernet", GRE(**{**KEY, "proto": 0x6558}) / INNER, "bridged Ethernet"),
    ("inner_malformed", GRE(**KEY) / Raw(bytes(INNER)[:24]), "shorter than its total length"),
    ("extension", IPv6ExtHdrDestOpt(options=[PadN(otype=UNKNOWN, optdata=b"\0\0")]) / GRE(**KEY) /
     INNER, "an option that forbids to go on"),
    ("martian", GRE(**KEY) / IP(src="127.0.0.1", dst=SERVER) / UDP(sport=1, dport=9), "loopback"),
]


OTHERS = {"not_ours", "not_ip", "other_host"}  # the kernel's own, of which AF_PACKET shows us a copy


def counted(daemon):
    daemon.settle()
    drops = {k: n for k, n in daemon.drops().items() if k not in OTHERS}
    drops["rx"] = next(t for t in daemon.ask("tunnels")["tunnels"]
                       if t["name"] == "berlin-gre")["rx_packets"]
    return drops


def test_crafted(net):
    """Each packet is taken from the kernel and counted under its reason; valid ones are decapsulated."""
    topology, daemon = net
    mac = re.search(r"link/ether (\S+)", topology.gateway.ip("link", "show", "underlay0").stdout)[1]
    raw = topology.carrier.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("gateway0", 0))
    local = topology.branches[0].ends[1]
    before = counted(daemon)

    def new():
        now = counted(daemon)
        return {k: now[k] - before.get(k, 0) for k in now if now[k] != before.get(k, 0)}

    for reason, packet, why in CRAFTED:
        nh = {GRE: 47, Raw: 47, IPv6ExtHdrDestOpt: 60, IPv6ExtHdrHopByHop: 0,
              IPv6ExtHdrFragment: 44}[type(packet)]
        if nh != 47:
            packet.nh = 47
        raw.send(bytes(Ether(dst=mac) / IPv6(dst=local, nh=nh, **FROM_BERLIN) / packet))
        after = wait_until(f"a packet that came in: {why}", new)
        in_tunnel = {"rx": 1} if reason in (None, "inner_malformed", "martian") else {}
        assert after == ({reason: 1} if reason else {}) | in_tunnel, why
        before = counted(daemon)
    raw.close()


def test_the_rest_is_the_kernels(net):
    """A ping to the tunnel's end is answered as before, where the kernel has the address."""
    topology, _ = net
    if topology.branches[0].ends[1] == ELSEWHERE:
        pytest.skip("no kernel has it")
    out = topology.carrier.run("ping", "-6", "-c", 2, "-i", "0.1", "-W", 2, GATEWAY_OUTER6,
                               check=False).stdout
    assert "2 received" in out, out


def uplink_does_not_ask(net):
    """The Internet's router knows the egress addresses and keeps them: only the underlay asks."""
    net[0].internet.sysctl("net.ipv6.neigh.uplink0.delay_first_probe_time=600")
    test_ping(net)


def test_neighbours_find_the_end(net):
    """The daemon answers for a tunnel end that is on no interface, the kernel for the others."""
    topology, daemon = net
    local = topology.branches[0].ends[1]
    uplink_does_not_ask(net)
    before = daemon.answered()
    for family in ("-4", "-6"):
        topology.carrier.ip(family, "neigh", "flush", "dev", "gateway0")
    test_ping(net)
    entry = topology.carrier.ip("-6", "neigh", "show", local, "dev", "gateway0").stdout
    assert re.search(r"lladdr (\S+)", entry)[1] in topology.gateway.ip(
        "link", "show", "underlay0").stdout
    after = daemon.answered()
    for kind in ("neighbour", "arp") if local == ELSEWHERE else ("neighbour",):
        told = after.get(kind, 0) - before.get(kind, 0)
        assert (told > 0) == (local == ELSEWHERE), (kind, told)


def test_the_end_may_lose_its_interface(net):
    """Then the daemon answers for it, exactly while the kernel does not."""
    topology, daemon = net
    gateway = topology.gateway
    if topology.branches[0].ends[1] == ELSEWHERE:
        pytest.skip("it is on no interface")
    uplink_does_not_ask(net)

    def tells():
        """Does the daemon answer for it, now that the carrier asks anew?"""
        before = daemon.answered().get("neighbour", 0)
        topology.carrier.ip("-6", "neigh", "flush", "dev", "gateway0")
        topology.branches[0].host.run("ping", "-c", 1, "-W", 3, SERVER, check=False)
        return daemon.answered().get("neighbour", 0) > before

    gateway.ip("-6", "addr", "add", "2001:db8:f::2/64", "dev", "underlay0", "nodad")
    for change in ("del", "add"):
        gateway.ip("-6", "addr", change, f"{GATEWAY_OUTER6}/64", "dev", "underlay0",
                   *["nodad"] * (change == "add"))
        wait_until(f"what follows {change}", lambda: tells() == (change == "del"))
        topology.carrier.ip("-6", "neigh", "flush", "dev", "gateway0")
        test_ping(net)
        assert tells() == (change == "del"), change
    gateway.ip("-6", "addr", "del", "2001:db8:f::2/64", "dev", "underlay0")
