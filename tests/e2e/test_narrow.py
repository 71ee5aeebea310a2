"""An underlay with a smaller MTU than Ethernet: tunnels use the MTU that remains, also when it changes.

    host ---- berlin ==GRE==(gateway0 1450 or less underlay0)== gateway ---- internet
    host ---- madrid ==GRE over IPv6==/

Both ends of the link have the small MTU: a frame that is too large is lost there, as on a real one.
The tunnels' own `mtu`, 1472 and 1452, is more than fits.
"""
import hashlib
import subprocess

import pytest

from bed.daemon import Daemon, configuration, site
from bed.netns import wait_until
from bed.topology import SERVER, Topology, berlin, madrid
from test_ipv6 import SERVER6, add_ipv6, with_ipv6
from test_outer6 import MADRID6, over_ipv6
from test_path_mtu import PORT, Download

SIZE = 4 << 20
OVERHEAD = {"berlin-gre": 28, "madrid-gre": 48}  # GRE with a key, over IPv4 and IPv6
OWN = {"berlin-gre": 1472, "madrid-gre": 1452}
BIG = b"%07d\n" * (SIZE // 8) % tuple(range(SIZE // 8))


@pytest.fixture(scope="module", params=["af_xdp", "af_packet"])
def net(prefix, build, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("narrow")
    branches = [berlin(), over_ipv6(madrid(), MADRID6)]
    topology = Topology(f"{prefix}-narrow", str(build), branches, str(folder))
    add_ipv6(topology, folder)
    (folder / "big").write_bytes(BIG)
    for address in (SERVER, SERVER6):
        topology.internet.start("/usr/bin/python3", "-m", "http.server", "--bind", address,
                                "--directory", folder, PORT, log=topology.log("http"))
    set_mtu(topology, 1450)
    daemon = Daemon(topology)
    sites = "".join(site(b, OWN[f"{b.name}-gre"]) for b in branches)
    text = with_ipv6(configuration(topology, daemon.socket, sites=sites))
    daemon.configure(text.replace("driver: af_xdp", f"driver: {request.param}"))
    try:
        daemon.start()
        wait_until("the servers", lambda: topology.internet.run(
            "ss", "-Hltn", "sport", "=", f":{PORT}").stdout.count("LISTEN") == 2)
        yield topology, daemon
        daemon.settle()
        assert daemon.unaccounted() == ""
        assert topology.strangers() == 0
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()


def set_mtu(topology, mtu):
    """Of the link between the gateway and the carrier, at both ends."""
    topology.gateway.ip("link", "set", "underlay0", "mtu", mtu)
    topology.carrier.ip("link", "set", "gateway0", "mtu", mtu)


def fitting(outer, bound):
    """The expected output of `tunnels` for this size of outer packets."""
    return {name: (outer - n, bound) for name, n in OVERHEAD.items()}


def says(daemon):
    return {t["name"]: (t["path_mtu"], t["mtu_bound"]) for t in daemon.ask("tunnels")["tunnels"]}


def wait_for(daemon, expected):
    wait_until(f"the tunnels to say {expected}", lambda: says(daemon) == expected)


def start_downloads(topology):
    """One of each family through each tunnel. Path MTUs that servers learnt before are forgotten."""
    topology.internet.ip("route", "flush", "cache")
    topology.internet.ip("-6", "route", "flush", "cache")
    return [Download(b, a) for b in topology.branches for a in (SERVER, SERVER6)]


def check(downloads):
    hashes = [hashlib.sha256(d.body()).hexdigest() for d in downloads]
    assert hashes == [hashlib.sha256(BIG).hexdigest()] * len(downloads)


def test_narrow_from_the_start(net):
    """SYNs have the MSS that fits: downloads pass without ICMP errors."""
    topology, daemon = net
    assert says(daemon) == fitting(1450, "port")
    check(start_downloads(topology))
    assert "too_big" not in daemon.answered()
    assert "1422" in daemon.homeward("tunnels").stdout


def test_narrower_during_a_download_and_wide_again(net):
    """At 1328 bytes IPv6 still fits both tunnels."""
    topology, daemon = net
    set_mtu(topology, 1500)
    wait_for(daemon, {name: (mtu, "tunnel") for name, mtu in OWN.items()})
    downloads = start_downloads(topology)
    for d in downloads:
        d.read(SIZE // 8)
    set_mtu(topology, 1328)
    wait_for(daemon, fitting(1328, "port"))
    for d in downloads:
        d.read(SIZE // 2)
    assert daemon.answered()["too_big"] >= 2, "the servers were told, for each family"
    set_mtu(topology, 1450)
    wait_for(daemon, fitting(1450, "port"))
    check(downloads)


def test_route_that_names_an_mtu(net):
    """`ip route ... mtu`, as operators set it if they know the path: only that tunnel is limited."""
    topology, daemon = net
    route = ["192.0.2.18/32", "via", "192.0.2.14"]
    topology.gateway.ip("route", "add", *route, "mtu", "1400")
    try:
        wait_for(daemon, fitting(1450, "port") | {"berlin-gre": (1372, "route")})
        check(start_downloads(topology))
    finally:
        topology.gateway.ip("route", "del", *route)
    wait_for(daemon, fitting(1450, "port"))


def test_too_narrow_for_ipv6_is_reported(net):
    """1,320 bytes: 1,272 inside madrid's tunnel, and IPv6 needs 1,280. Berlin's has 1,292."""
    topology, daemon = net
    alarms = lambda: {a["alarm"]: a["text"] for a in daemon.ask("status")["alarms"]}  # noqa: E731
    assert "tunnel_narrow" not in alarms()
    set_mtu(topology, 1320)
    wait_until("the alarm", lambda: "tunnel_narrow" in alarms())
    assert "1 tunnels" in alarms()["tunnel_narrow"] and "madrid-gre" in alarms()["tunnel_narrow"]
    set_mtu(topology, 1450)
    wait_until("the end of the alarm", lambda: "tunnel_narrow" not in alarms())


def test_check_notes_what_the_machine_carries(net):
    """An `mtu` larger than the interface's is no error of the file, but `check` reports it."""
    topology, daemon = net
    result = topology.gateway.run(f"{topology.build}/cli/homeward", "check", daemon.file)
    assert "is good" in result.stdout
    assert "interface underlay0 carries packets of 1450 bytes: tunnel berlin-gre takes up to 1422, " \
           "not 1472" in result.stderr
    assert "takes up to 1402, not 1452" in result.stderr


def test_port_mtu_of_the_file(net):
    """`ports[].mtu` bounds like the interface's own; a tunnel that wants more is an error."""
    topology, daemon = net
    with open(daemon.file, encoding="utf-8") as f:
        text = f.read()
    narrow = text.replace("interface: underlay0", "interface: underlay0\n    mtu: 1400")
    assert daemon.stop() == 0
    try:
        daemon.configure(narrow)
        refused = daemon.homeward("check", daemon.file, check=False)
        assert refused.returncode != 0
        assert "at most 1372 fit" in refused.stderr and "at most 1352 fit" in refused.stderr
        daemon.configure("\n".join(line for line in narrow.splitlines()
                                   if line.strip() not in ("mtu: 1472", "mtu: 1452")) + "\n")
        daemon.start()
        assert {t["name"]: t["path_mtu"] for t in daemon.ask("tunnels")["tunnels"]} == {
            "berlin-gre": 1372, "madrid-gre": 1352}
        check(start_downloads(topology)[:2])
    except subprocess.CalledProcessError as e:
        raise AssertionError(e.stderr) from e
    finally:
        daemon.stop()
        daemon.configure(text)
        daemon.start()
