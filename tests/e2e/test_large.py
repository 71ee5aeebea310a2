"""Large frames: 9,000 bytes on every link; no packet is fragmented or refused.

    host ---- berlin ==GRE, inner packets up to 8,900==> gateway ---- internet

By af_packet: a veth takes an XDP program only up to an MTU of 3,520 (docs/ports.md).
"""
import hashlib
import re

import pytest

from bed.daemon import Daemon, configuration, site
from bed.netns import wait_until
from bed.topology import SERVER, Topology, berlin, madrid
from test_ipv6 import SERVER6, add_ipv6, both, with_ipv6

LINK, INSIDE = 9000, 8900
PORT, SIZE = 8080, 4 << 20


def enlarge(topology):
    links = [(topology.gateway, "underlay0"), (topology.carrier, "gateway0"),
             (topology.gateway, "uplink0"), (topology.internet, "uplink0")]
    for b in topology.branches:
        links += [(topology.carrier, f"{b.name}0"), (b.router, "wan0"), (b.router, "lan0"),
                  (b.host, "eth0")]
    for ns, interface in links:
        ns.ip("link", "set", interface, "mtu", LINK)
    for b in topology.branches:
        b.router.ip("link", "set", "gre0", "mtu", INSIDE)


@pytest.fixture(scope="module")
def net(prefix, build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    topology = Topology(f"{prefix}-large", str(build), [berlin(), madrid()], str(folder))
    add_ipv6(topology, folder)
    enlarge(topology)
    (folder / "big").write_bytes(b"%07d\n" * (SIZE // 8) % tuple(range(SIZE // 8)))
    for address in (SERVER, SERVER6):
        topology.internet.start("/usr/bin/python3", "-m", "http.server", "--bind", address,
                                "--directory", folder, PORT, log=topology.log("http"))
    daemon = Daemon(topology)
    sites = "".join(site(b, INSIDE) for b in topology.branches)
    text = with_ipv6(configuration(topology, daemon.socket, sites=sites))
    daemon.configure(text.replace("driver: af_xdp", "driver: af_packet"))
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


@pytest.mark.parametrize("server, headers", [(SERVER, 28), (SERVER6, 48)], ids=["IPv4", "IPv6"])
def test_ping_as_large_as_the_tunnel(net, server, headers):
    """With DF, from both branches at once; a packet of one byte more gets too big from the branch's router.

    Three pings: after a pause all answers arrive at once, and ping's socket holds few of this size.
    """
    def ping(branch, size):
        return branch.host.run("ping", "-n", "-M", "do", "-c", 3, "-i", "0.05", "-W", 3, "-s",
                               size - headers, server, check=False).stdout

    for out in both(net[0], lambda b: ping(b, INSIDE)):
        assert "3 received" in out, out
    for out in both(net[0], lambda b: ping(b, INSIDE + 1)):
        assert "0 received" in out and "mtu=8900" in out.replace(" = ", "=").lower(), out


@pytest.mark.parametrize("server", [SERVER, f"[{SERVER6}]"], ids=["IPv4", "IPv6"])
def test_segments_as_large_as_the_tunnel(net, server):
    """TCP uses the MSS that fits, and a page arrives complete, in few packets."""
    topology, daemon = net
    before = daemon.ask("status")["packets"]["rx"]

    def curl(branch):
        page = branch.host.run("curl", "-s", "-m", 20, f"http://{server}:{PORT}/big",
                               check=False).stdout
        return hashlib.sha256(page.encode()).hexdigest()

    page = b"%07d\n" * (SIZE // 8) % tuple(range(SIZE // 8))
    assert both(topology, curl) == [hashlib.sha256(page).hexdigest()] * 2
    segments = 2 * SIZE / (INSIDE - 72)
    assert daemon.ask("status")["packets"]["rx"] - before < 3 * segments
    assert daemon.answered().get("too_big", 0) == 0


def test_a_packet_larger_than_any_frame(net):
    """20,000 bytes in fragments: the gateway reassembles them, and fragments again for its uplink.

    The answers, in fragments, are another matter: the kernel joins them before an af_packet port sees
    them, and then they are larger than its frames (docs/ports.md).
    """
    topology, daemon = net

    def asked():
        out = topology.internet.run("nstat", "-az", "IcmpInEchos").stdout
        return int(re.search(r"IcmpInEchos\s+(\d+)", out)[1])

    before = asked()
    for _ in both(topology, lambda b: b.host.run("ping", "-n", "-M", "dont", "-c", 3, "-i", "0.1", "-W", 1,
                                                 "-s", 20000, SERVER, check=False)):
        pass
    wait_until("the pings to arrive whole", lambda: asked() == before + 6)
    assert "more by fragmentation" in daemon.homeward("status").stdout
