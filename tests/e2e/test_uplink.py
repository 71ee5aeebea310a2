"""Routes of open flows change, and one site scans the network of the uplink.

    uplink0 203.0.113.2/24, 198.18.0.1/16 --- internet 203.0.113.1, 198.18.9.1 to .10
    203.0.113.77 has an Ethernet address, but no host
"""
import concurrent.futures
import errno
import itertools
import re
import socket
import threading
import time

import pytest

from ask import echo_udp, token, udp_socket
from bed.netns import wait_until
from bed.topology import INTERNET_UPLINK, SERVER

RATE, SECONDS = 5000, 4
IP_RECVERR = 11
NOBODY = "203.0.113.77"
NEW = [f"198.18.9.{n}" for n in range(1, 11)]


@pytest.fixture(scope="module")
def module_bed(make_bed):
    bed = make_bed("uplink")
    bed.gateway.ip("addr", "add", "198.18.0.1/16", "dev", "uplink0")
    for address in NEW:
        bed.internet.ip("addr", "add", f"{address}/16", "dev", "uplink0")
    bed.gateway.ip("neigh", "replace", NOBODY, "lladdr", "02:00:00:00:00:77", "dev", "uplink0", "nud",
                   "permanent")
    return bed


def answers(bed, s):
    """Does the flow of this socket get answers?"""
    s.settimeout(0.3)
    try:
        echo_udp(s, token(bed.berlin))
        return True
    except OSError:
        return False


def test_a_flow_follows_its_route(bed):
    """One flow: by the default route, by a longer prefix that appears, by nothing, and back."""
    s = udp_socket(bed.berlin, 40000)
    route = bed.gateway.ip
    wait_until("an answer", lambda: answers(bed, s))
    for kind, there in ((("via", NOBODY), None), (("blackhole",), "route_blackhole"),
                        (("unreachable",), None), (("prohibit",), None)):
        what = [k for k in kind if k != "via" and k != NOBODY]
        via = ["via", NOBODY] if "via" in kind else []
        route("route", "add", *what, f"{SERVER}/32", *via)
        wait_until(f"no answer: {kind}", lambda: not answers(bed, s))
        if there:
            wait_until(there, lambda: bed.daemon.drops().get(there))
        route("route", "del", *what, f"{SERVER}/32")
        wait_until(f"an answer after {kind}", lambda: answers(bed, s))
    route("route", "add", "unreachable", f"{SERVER}/32")
    s.settimeout(2)
    s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    with pytest.raises(OSError) as e:
        for _ in range(20):
            echo_udp(s, token(bed.berlin))
            time.sleep(0.05)
    assert e.value.errno == errno.EHOSTUNREACH
    route("route", "del", "unreachable", f"{SERVER}/32")
    wait_until("an answer at the end", lambda: answers(bed, s))
    s.close()


def test_prefixes_come_and_go(bed, tmp_path):
    """40,000 in all, 5,000 at once, each by a gateway of its own in turn: a flow goes on meanwhile."""
    s = udp_socket(bed.berlin, 40001)
    wait_until("an answer", lambda: answers(bed, s))
    lost = 0
    for turn in range(8):
        for command in ("add", "del"):
            batch = tmp_path / command
            batch.write_text("".join(
                f"route {command} {20 + turn}.{n >> 8}.{n & 255}.0/24 via 203.0.113.{100 + n % 20}\n"
                for n in range(5000)))
            bed.gateway.ip("-batch", batch)
            lost += not answers(bed, s)
    assert lost <= 1
    status = bed.daemon.ask("status")
    assert status["alarms"] == [], status["alarms"]
    s.close()


def unreachable(bed):
    return [a["text"] for a in bed.daemon.ask("status")["alarms"] if a["alarm"] == "tunnel_unreachable"]


def test_a_link_that_lost_its_routes(bed):
    """An interface that was down comes back without its static routes: the tunnels that need them are
    reported until somebody adds the routes again."""
    s = udp_socket(bed.berlin, 40002)
    wait_until("an answer", lambda: answers(bed, s))
    assert unreachable(bed) == []
    routes = bed.gateway.ip("route", "show", "dev", "underlay0").stdout.splitlines()
    bed.gateway.ip("link", "set", "underlay0", "down")
    bed.gateway.ip("link", "set", "underlay0", "up")
    text, = wait_until("the alarm", lambda: unreachable(bed))
    assert "reached: 2" in text and "no route to its far end" in text
    assert "ip route get" in bed.daemon.homeward("status").stdout
    for route in routes:
        if " via " in route:
            bed.gateway.ip("route", "add", *route.split(), "dev", "underlay0")
    wait_until("its end", lambda: not unreachable(bed))
    wait_until("an answer again", lambda: answers(bed, s))
    s.close()


class Scan:
    """Sends until it is stopped."""

    def __init__(self, branch):
        self.socket = branch.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stopping, self.sent = threading.Event(), 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        begin = time.monotonic()
        for n in itertools.count():
            if self.stopping.is_set():
                return
            a = n % (100 * 256)
            self.socket.sendto(b"?", (f"198.18.{100 + a // 256}.{a % 256}", 7))
            self.sent += 1
            ahead = self.sent / RATE - (time.monotonic() - begin)
            if ahead > 0.01:
                time.sleep(ahead)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.socket.close()


def received(branch, address, count):
    out = branch.host.run("ping", "-n", "-c", count, "-i", "0.2", "-W", 1, address, check=False)
    return int(re.search(r"(\d+) received", out.stdout).group(1))


def neighbours(bed):
    return bed.gateway.ip("neigh", "show", "dev", "uplink0").stdout.splitlines()


def test_others_reach_new_hosts(bed):
    """5,000 first packets a second, each to another address where nobody is; the other site wants hosts
    that nobody has asked for before, and the router stays."""
    scan = Scan(bed.berlin)
    try:
        time.sleep(SECONDS)
        assert scan.sent > 1000
        with concurrent.futures.ThreadPoolExecutor(len(NEW)) as pool:
            counts = list(pool.map(lambda a: received(bed.madrid, a, 5), NEW))
        reached = [a for a, n in zip(NEW, counts) if n]
        assert reached == NEW, neighbours(bed)
        assert received(bed.madrid, SERVER, 5) == 5
        rows = neighbours(bed)
        assert len(rows) < 300, len(rows)  # the kernel keeps 1,024 at most
        assert any(r.startswith(f"{INTERNET_UPLINK} lladdr") for r in rows), rows
    finally:
        scan.stop()
    assert bed.daemon.drops()["no_neighbour"] > 1000
