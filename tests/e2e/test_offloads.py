"""Neighbours that leave work to a card that is not there: partial checksums, as every veth has them.

    host ---- berlin ==GRE==> carrier ---- gateway ---- internet       offloads as Linux has them
"""
import hashlib

import pytest

from bed import servers
from bed.daemon import Daemon, configuration
from bed.netns import wait_until
from bed.topology import SERVER, Topology, berlin, madrid
from test_ipv6 import SERVER6, add_ipv6, both, with_ipv6

PORT = 8080
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
    daemon.settle()
    assert daemon.unaccounted() == ""
    assert daemon.stop() == 0, daemon.log_text()


def curl(branch, server, page):
    text = branch.host.run("curl", "-s", "-m", 20, f"http://{server}:{PORT}/{page}",
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
    if "af_packet" in daemon.file:
        pytest.skip("a veth without XDP brings giant packets: docs/ports.md")
    large = hashlib.sha256(PAGES["large"]).hexdigest()
    assert both(net, lambda b: curl(b, server, "large")) == [large] * 2
    assert uplink(daemon)["partial_checksums"] > 100
