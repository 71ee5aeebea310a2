"""Packets go where `ip route get` says, in every row of a table.

    gw eth0 192.0.2.1/24, 2001:db8:7::1/64 --- peer; gateways are rows of the neighbour table:
    192.0.2.N and fe80::N have 02:00:00:00:00:NN, and nobody is there
"""
import json
import re

import pytest

from bed.echo import OURS, Starter, make_pair
from bed.netns import wait_until

ERRORS = {"Invalid argument": "blackhole", "No route to host": "unreachable",
          "Permission denied": "prohibit", "Network is unreachable": "none"}
KNOWN, DEAD = range(11, 17), (21, 22)

# what is done, one after another; and the addresses that it is about
SITUATIONS = [
    (["route replace default via 192.0.2.11"], "8.8.8.8 192.0.2.77"),
    (["route add 10.0.0.0/8 via 192.0.2.12", "route add 10.1.0.0/16 via 192.0.2.13"],
     "10.2.0.1 10.1.0.1 8.8.8.8"),
    (["route del 10.1.0.0/16"], "10.1.0.1"),
    (["route replace 10.0.0.0/8 via 192.0.2.14"], "10.1.0.1"),
    (["route add 10.0.0.0/8 via 192.0.2.15 metric 50"], "10.1.0.1"),
    (["route del 10.0.0.0/8 via 192.0.2.14"], "10.1.0.1"),
    (["route add blackhole 20.0.0.0/8", "route add unreachable 21.0.0.0/8",
      "route add prohibit 22.0.0.0/8", "route add throw 23.0.0.0/8"],
     "20.0.0.1 21.0.0.1 22.0.0.1 23.0.0.1"),
    (["route add 20.1.0.0/16 via 192.0.2.12", "route add 21.0.0.0/8 via 192.0.2.12 metric 9"],
     "20.1.0.1 20.2.0.1 21.0.0.1"),
    (["route del unreachable 21.0.0.0/8"], "21.0.0.1"),
    (["route add 30.0.0.0/8 nexthop via 192.0.2.21 nexthop via 192.0.2.12"], "30.0.0.1"),
    (["route replace 30.0.0.0/8 nexthop via 192.0.2.22 nexthop via 192.0.2.21 "
      "nexthop via 192.0.2.13"], "30.0.0.1"),
    (["route add 31.0.0.0/8 via inet6 fe80::14 dev eth0"], "31.0.0.1"),
    (["nexthop add id 1 via 192.0.2.21 dev eth0", "nexthop add id 2 via 192.0.2.15 dev eth0",
      "nexthop add id 3 group 1/2", "nexthop add id 4 blackhole",
      "route add 32.0.0.0/8 nhid 3", "route add 33.0.0.0/8 nhid 2",
      "route add 34.0.0.0/8 nhid 4"], "32.0.0.1 33.0.0.1 34.0.0.1"),
    (["nexthop replace id 2 via 192.0.2.16 dev eth0"], "32.0.0.1 33.0.0.1"),
    (["nexthop del id 2"], "33.0.0.1"),
    (["route add 40.0.0.0/8 dev eth0", "route add 40.1.0.0/16 via 192.0.2.11 onlink dev eth0"],
     "40.0.0.1 40.1.0.1"),
    (["route del default"], "8.8.8.8"),
    (["route replace default via 192.0.2.16"], "8.8.8.8"),
    (["-6 route add default via fe80::11 dev eth0"], "2001:db8::1 2001:db8:7::9"),
    (["-6 route add 2001:db8:1::/48 via fe80::12 dev eth0",
      "-6 route append 2001:db8:1::/48 via fe80::13 dev eth0 metric 9"], "2001:db8:1::1"),
    (["-6 route del 2001:db8:1::/48 metric 9"], "2001:db8:1::1"),
    (["-6 route add unreachable 2001:db8:2::/48", "-6 route add prohibit 2001:db8:3::/48",
      "-6 route add blackhole 2001:db8:4::/48"], "2001:db8:2::1 2001:db8:3::1 2001:db8:4::1"),
    (["link set eth0 down", "link set eth0 up"], "8.8.8.8 10.1.0.1 30.0.0.1"),
]


@pytest.fixture
def pair(prefix):
    gw, peer = make_pair(prefix)
    gw.switch_on_ipv6(("2001:db8:7::1/64", "eth0"))
    gw.sysctl("net.ipv4.fib_multipath_use_neigh=1")  # the kernel, too, passes over the dead
    yield gw, peer
    gw.delete()
    peer.delete()


def add_neighbours(gw):
    for n in KNOWN:
        for address in (f"192.0.2.{n}", f"fe80::{n}"):
            gw.ip("neigh", "replace", address, "lladdr", f"02:00:00:00:00:{n}", "dev", "eth0",
                  "nud", "permanent")
    for n in DEAD:
        gw.ip("neigh", "replace", f"192.0.2.{n}", "lladdr", f"02:00:00:00:00:{n}", "dev", "eth0",
              "nud", "failed")


def judge(gw, address):
    """What the kernel does with a packet to @address, as Echo.ways() says it. (With `oif` it would take
    for on link what a route refuses; there is no other interface.)"""
    r = gw.ip("-j", "route", "get", address, check=False)
    if r.returncode != 0:
        return next((v for k, v in ERRORS.items() if k in r.stderr), r.stderr)
    route = json.loads(r.stdout)[0]
    if "type" in route and route["type"] in ("blackhole", "unreachable", "prohibit"):
        return route["type"]
    gateway = route.get("gateway") or route.get("via", {}).get("host")
    if gateway is None:
        return "none" if route.get("dev") == "lo" else "link"
    number = re.search(r"(\d+)$", gateway)[1]
    return f"02:00:00:00:00:{number}"


def test_as_the_kernel_decides(pair, tools, tmp_path):
    gw, _ = pair
    add_neighbours(gw)
    asks = tmp_path / "asks"
    asks.write_text("\n".join(sorted({a for _, addresses in SITUATIONS for a in addresses.split()})))
    start = Starter(gw, tools, tmp_path)
    e = start("af_xdp:eth0", *OURS, "--six", "--asks", asks)
    try:
        for commands, addresses in SITUATIONS:
            for command in commands:
                gw.ip(*command.split())
            if "link set eth0 up" in commands:
                add_neighbours(gw)
            expected = {a: judge(gw, a) for a in addresses.split()}
            try:
                wait_until("it", lambda: {a: e.ways()[a] for a in expected} == expected)
            except TimeoutError:
                pytest.fail(f"{commands}: {e.ways()}, the kernel: {expected}")
        everything = {a: judge(gw, a) for a in asks.read_text().split()}
        assert e.ways() == everything
        assert e.stop() == 0
    finally:
        start.end()
