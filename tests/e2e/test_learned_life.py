"""Learned routes under way: traffic over them, many of them, flaps, and the ends of BIRD.

    berlin: 10.45.1.1, 10.44.0.1 == GRE == gateway: BIRD, tables 1007 and 1008
    madrid: 10.45.2.1, 10.44.0.1 == GRE ==
    centre: 10.8.0.80            == GRE ==
    internet: FRR's neighbour --- 203.0.113.2, FRR
"""
import contextlib
import errno
import os
import pathlib
import signal
import socket
import sys
import tempfile
import time

import pytest

from bed.netns import wait_until
from bed.topology import Branch
from test_learned import LearnedBed, documented, for_madrid

PORT = 7000
SHARED = "10.44.0.1"  # behind both sites
MANY = 100000
FLAPPING = 10000
IP_RECVERR = 11
TELL_NAME = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[2], %d))
while True:
    data, peer = s.recvfrom(999)
    s.sendto(sys.argv[1].encode() + b" " + data, peer)
""" % PORT


class LifeBed(LearnedBed):
    limit = 2 * MANY

    def hub_bird(self, *options):
        """The page's configuration. Berlin's routes are better than madrid's."""
        conf = documented().replace("import limit 5000", f"import limit {2 * MANY}")
        conf = conf.replace("restart wait 60", "restart wait 12")
        conf = conf.replace("table berlin4; import none; export all;",
                            "table berlin4; import none; export filter { krt_metric = 50; accept; };")
        self.bird(self.gateway, "near", conf + for_madrid(documented()), *options)

    def memory(self):
        """Of homewardd, MiB."""
        status = pathlib.Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    def longest_turn(self):
        """Of the control thread, ms."""
        return self.daemon.ask("status")["control"]["longest_turn_us"] / 1000

    def birdc(self, ns, name, *words):
        ns.run("birdc", "-s", os.path.join(self.folder, f"{name}.ctl"), *words)


@pytest.fixture
def make(prefix, build, tmp_path):
    beds = []

    def one(*others):
        beds.append(LifeBed(prefix, build, str(tmp_path), *others))
        return beds[-1]

    yield one
    for bed in beds:
        bed.daemon.settle()
        assert bed.daemon.unaccounted() == ""
        assert bed.daemon.stop() == 0


def serve(branch, *addresses):
    """A server behind a site's tunnel that says whose it is."""
    for address in addresses:
        branch.host.ip("addr", "add", f"{address}/32", "dev", "lo")
        branch.router.ip("route", "add", f"{address}/32", "via", "10.0.1.10")
        branch.host.start(sys.executable, "-c", TELL_NAME, branch.name, address)


def client(branch):
    """A data centre's host, 10.8.0.80."""
    for ns, interface, address in ((branch.router, "lan0", "10.8.0.1"),
                                   (branch.host, "eth0", "10.8.0.80")):
        ns.ip("addr", "flush", "dev", interface)
        ns.ip("addr", "add", f"{address}/16", "dev", interface)
    branch.host.ip("route", "add", "default", "via", "10.8.0.1")


@contextlib.contextmanager
def asking(branch, to):
    with branch.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        s.settimeout(2)
        s.connect((to, PORT))
        yield s


def answer(s):
    """Who answers; None: nobody, or an ICMP error."""
    try:
        s.send(b"x")
        return s.recv(100).split()[0].decode()
    except TimeoutError:
        return None
    except OSError as e:
        assert e.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES), e
        return None


def who(branch, to):
    """Who answers a new flow."""
    with asking(branch, to) as s:
        return answer(s)


def refused(bed):
    """Packets without a route: the sender was told, or there was no time for it."""
    return (bed.daemon.answered().get("unreachable", 0) +
            bed.daemon.drops().get("no_route", 0))


def static(*prefixes):
    return " ".join(f"route {p} blackhole;" for p in prefixes)


def test_traffic(make):
    """Each prefix leads to the site that announced it. One that goes moves new flows, or is refused."""
    bed = make(Branch("centre", "192.0.2.50", "192.0.2.62", 24, "10.255.0.9", key=33))
    centre = bed.branches[2]
    serve(bed.berlin, SHARED, "10.45.1.1")
    serve(bed.madrid, SHARED, "10.45.2.1")
    path = pathlib.Path(bed.daemon.file)
    wide = path.with_suffix(".next")
    wide.write_text(path.read_text().replace("  - name: centre\n    prefixes: [10.0.1.0/24]",
                                             "  - name: centre\n    prefixes: [10.8.0.0/16]"))
    bed.daemon.homeward("config", "apply", wide)
    client(centre)
    assert who(centre, SHARED) is None
    wait_until("the refusal", lambda: refused(bed) >= 1)

    bed.site_bird(bed.berlin, static("10.44.0.0/24", "10.45.1.0/24"))
    bed.site_bird(bed.madrid, static("10.44.0.0/24", "10.45.2.0/24"))
    bed.hub_bird()
    for name in ("berlin", "madrid"):
        bed.await_routes(name, 2, 60)
    wait_until("berlin's routes in use", lambda: who(centre, "10.45.1.1") == "berlin")
    wait_until("madrid's routes in use", lambda: who(centre, "10.45.2.1") == "madrid")
    assert who(centre, SHARED) == "berlin"  # the better metric
    with asking(centre, SHARED) as old:
        assert answer(old) == "berlin"
        bed.birdc(bed.berlin.router, "berlin", "disable", "mine")
        bed.await_routes("berlin", 0, 30)
        wait_until("the move", lambda: who(centre, SHARED) == "madrid")
        assert answer(old) == "berlin", "a flow that exists stays"
    assert who(centre, "10.45.1.1") is None
    bed.birdc(bed.madrid.router, "madrid", "disable", "mine")
    bed.await_routes("madrid", 0, 30)
    before = refused(bed)
    wait_until("no answer", lambda: who(centre, SHARED) is None)
    wait_until("the refusal", lambda: refused(bed) > before)


def many(n):
    return [f"10.{64 + i // 65536}.{i // 256 % 256}.{i % 256}/32" for i in range(n)]


def test_many(make):
    """100,000 routes by BGP itself: all are mirrored, and neither a turn nor memory is unbounded."""
    bed = make()
    before = bed.memory()
    bed.site_bird(bed.berlin, static(*many(MANY)))
    began = time.monotonic()
    bed.hub_bird()
    wait_until("the kernel's table", lambda: bed.kernel_count(1007) == MANY, 120)
    kernel = time.monotonic() - began
    bed.await_routes("berlin", MANY, 30)
    after = time.monotonic() - began - kernel
    turn, grown = bed.longest_turn(), bed.memory() - before
    print(f"kernel {kernel:.1f} s, homewardd {after:.1f} s later, turn {turn:.0f} ms, {grown} MiB")
    assert bed.learned("berlin")["over_limit"] == 0
    assert bed.daemon.ask("networks")["networks"][0]["learned"] == MANY
    assert after < 3 and turn < 1000 and grown < 300

    # the site's router dies: all go, and the gateway answers meanwhile
    bed.birds["berlin"].send_signal(signal.SIGKILL)
    bed.birdc(bed.gateway, "near", "disable", "berlin")
    bed.await_routes("berlin", 0, 60)
    assert bed.longest_turn() < 1000


def test_flap(make):
    """10,000 routes come and go each second, for 20 s. Others' traffic does not notice it."""
    bed = make()
    bed.site_bird(bed.berlin, static(*many(FLAPPING)))
    bed.hub_bird()
    bed.await_routes("berlin", FLAPPING, 60)
    lost = asked = 0
    with bed.madrid.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect(("198.51.100.80", 7))
        for turn in range(20):
            bed.birdc(bed.berlin.router, "berlin", "disable" if turn % 2 == 0 else "enable", "mine")
            until = time.monotonic() + 1
            while time.monotonic() < until:
                asked += 1
                try:
                    s.send(b"%d" % asked)
                    while int(s.recv(100).split()[-1]) != asked:
                        pass
                except TimeoutError:
                    lost += 1
                time.sleep(0.01)
    events = bed.counts()["events"]
    print(f"{asked} asked, {lost} lost, {events} events, turn {bed.longest_turn():.0f} ms")
    assert events >= 10 * FLAPPING and lost <= asked // 100
    wait_until("the end of the flaps", lambda: bed.learned("berlin")["routes"] ==
               bed.kernel_count(1007) == FLAPPING, 60)
    assert bed.longest_turn() < 1000


def test_bird_restarts(make):
    """BIRD is killed and comes back: no route is missing for a moment."""
    bed = make()
    bed.site_bird(bed.berlin, static(*many(1000)))
    bed.hub_bird()
    bed.await_routes("berlin", 1000, 60)
    bed.birds["near"].send_signal(signal.SIGKILL)
    bed.birds["near"].wait()
    time.sleep(1)
    least = bed.learned("berlin")["routes"]
    bed.hub_bird("-R")
    sent, until = bed.counts()["sessions_out"], time.monotonic() + 20
    while time.monotonic() < until:
        least = min(least, bed.learned("berlin")["routes"], bed.kernel_count(1007))
        time.sleep(0.1)
    assert bed.counts()["sessions_out"] > sent + 5, "no new session"
    assert least == 1000
    bed.birdc(bed.berlin.router, "berlin", "disable", "mine")  # it lives
    bed.await_routes("berlin", 0, 30)


FRR = """
frr defaults datacenter
router bgp 65000
 bgp router-id 203.0.113.2
 no bgp ebgp-requires-policy
 neighbor 203.0.113.1 remote-as 65010
 neighbor 203.0.113.1 timers connect 2
"""


@pytest.fixture
def frr_folder():
    """FRR's daemons run as a user of their own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield pathlib.Path(folder)


def test_frr_for_the_uplink(make, frr_folder):
    """FRR learns the way to the Internet, and puts it into the main table, which ports follow."""
    if not os.path.exists("/usr/lib/frr/bgpd"):
        pytest.skip("FRR is not installed")
    bed = make()
    bed.gateway.ip("route", "del", "default")
    bed.bird(bed.internet, "router", """
        router id 203.0.113.1;
        protocol device {}
        protocol static inet { ipv4; route 198.51.100.0/24 blackhole; }
        protocol bgp hub { local 203.0.113.1 as 65010; neighbor 203.0.113.2 as 65000;
          connect delay time 1; ipv4 { import none; export all; next hop self; }; }
        """)
    conf = frr_folder / "frr.conf"
    conf.write_text(FRR, encoding="utf-8")
    for name, options in (("zebra", []), ("bgpd", ["-p", "0"])):
        bed.gateway.start(f"/usr/lib/frr/{name}", "-f", conf, "-i", f"{conf}.{name}", "-z",
                          frr_folder / "zserv", "--vty_socket", frr_folder, "-P", "0", *options,
                          log=os.path.join(bed.folder, f"{name}.log"))

    def reached():
        with bed.berlin.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.5)
            s.connect(("198.51.100.80", 7))
            s.send(b"x")
            with contextlib.suppress(OSError):
                return s.recv(100).endswith(b"x")
        return False

    wait_until("FRR's route", lambda: "proto bgp" in bed.gateway.ip("route", "show").stdout, 60)
    wait_until("an answer", reached, 10)
    bed.birdc(bed.internet, "router", "disable", "inet")
    wait_until("the withdrawal", lambda: "proto bgp" not in bed.gateway.ip("route", "show").stdout, 30)
    wait_until("no answer", lambda: not reached(), 10)
    wait_until("the refusal", lambda: not reached() and refused(bed) > 0)
