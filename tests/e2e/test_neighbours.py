"""Routes and neighbours are read from the kernel: a neighbour keeps its id when its address changes.

`port-echo` prints the table of nexthops it was given last; the topology is in bed/echo.py.
"""
import pytest

from bed.echo import GW, OURS, PEER, Starter, mac, make_pair
from bed.netns import wait_until

SECOND = "192.0.2.3"  # another gateway; nobody is there


@pytest.fixture
def pair(prefix):
    gw, peer = make_pair(prefix)
    yield gw, peer
    gw.delete()
    peer.delete()


@pytest.fixture
def echo(pair, tools, tmp_path):
    start = Starter(pair[0], tools, tmp_path)
    yield start
    start.end()


def test_follows_a_neighbours_address(pair, echo):
    gw, peer = pair
    e = echo("af_xdp:eth0", *OURS)
    wait_until("the gateway", lambda: e.hop()["resolved"])
    assert e.hop()["to"] == mac(peer)
    number = e.hop()["id"]

    peer.ip("link", "set", "eth0", "address", "02:00:00:00:0b:0b")
    peer.run("ping", "-c", "1", "-W", "1", GW)
    hop = wait_until("its new address", lambda: e.hop()["to"] == "02:00:00:00:0b:0b" and e.hop())
    assert hop["id"] == number and hop["resolved"]
    assert e.hop("tunnel 1")["to"] == "02:00:00:00:0b:0b"
    assert e.stop() == 0


def test_follows_the_default_gateway(pair, echo):
    gw, peer = pair
    e = echo("af_xdp:eth0", *OURS)
    wait_until("the gateway", lambda: e.hop()["resolved"])
    gw.ip("neigh", "replace", SECOND, "lladdr", "02:00:00:00:0c:0c", "dev", "eth0", "nud", "permanent")
    gw.ip("route", "replace", "default", "via", SECOND)
    wait_until("the second", lambda: e.hop()["to"] == "02:00:00:00:0c:0c")

    gw.ip("route", "del", "default")
    wait_until("no route", lambda: e.hop()["id"] == 0)
    gw.ip("route", "add", "default", "via", PEER)
    wait_until("a route again", lambda: e.hop()["to"] == mac(peer))


def test_finds_a_silent_gateway(pair, echo):
    """Only we need the gateway: we let the kernel resolve it, also after it was away."""
    gw, peer = pair
    e = echo("af_xdp:eth0", *OURS)
    wait_until("the gateway", lambda: e.hop()["resolved"])
    peer.ip("link", "set", "eth0", "arp", "off")
    gw.ip("neigh", "flush", "dev", "eth0")
    wait_until("its absence", lambda: not e.hop()["resolved"])
    peer.ip("link", "set", "eth0", "arp", "on")
    wait_until("its return", lambda: e.hop()["resolved"], seconds=15)


def test_follows_the_link(pair, echo):
    gw, peer = pair
    e = echo("af_xdp:eth0", *OURS)
    wait_until("the gateway", lambda: e.hop()["resolved"])
    gw.ip("link", "set", "eth0", "mtu", "1400")
    wait_until("the MTU", lambda: e.hop()["mtu"] == 1400)
    gw.ip("link", "set", "eth0", "down")
    wait_until("no route", lambda: e.hop()["id"] == 0)  # the kernel sends no event for the route
    gw.ip("link", "set", "eth0", "up")
    gw.ip("route", "add", "default", "via", PEER)
    wait_until("a route again", lambda: e.hop()["resolved"])
