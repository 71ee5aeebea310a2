"""Changes while packets pass: what is gone ends, by name; everything else does not notice.

The bed has berlin and madrid. Each recipe begins with both, as in configuration(), and leaves it so.
"""
import json
import os
import re
import signal
import threading
import time

import pytest

from bed.daemon import configuration, site
from bed.netns import link, wait_until
from bed.servers import IPERF
from bed.topology import EGRESS, GATEWAY_UPLINK, SERVER

ECHO = 7
OTHER_EGRESS = "203.0.113.11"
IPERF_S = 12
SECOND_PORT = "  - name: second\n    driver: af_xdp\n    interface: second0\n"


@pytest.fixture
def gateway(bed):
    """The daemon with the usual configuration, before and after."""
    daemon = bed.daemon
    usual = configuration(bed.topology, daemon.socket)
    apply(daemon, usual)
    yield daemon
    apply(daemon, usual)


def write(daemon, text, name="next.yaml"):
    path = os.path.join(os.path.dirname(daemon.file), name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def apply(daemon, text, *options, status=0):
    """Applies @text as the command line does, which waits until the last flow was looked at."""
    r = daemon.homeward("config", "apply", write(daemon, text), *options, check=False)
    assert r.returncode == status, r.stdout + r.stderr
    return r.stdout + r.stderr


def ended(daemon):
    """{reason: flows} that changes have ended, without the zeros."""
    return {e["reason"]: e["flows"] for e in daemon.ask("status")["flows"]["ended_by"] if e["flows"]}


def ended_since(daemon, before):
    now = ended(daemon)
    return {r: n - before.get(r, 0) for r, n in now.items() if n != before.get(r, 0)}


class Iperf:
    """An iperf3 of a branch that runs while things change. No interval may be empty."""

    def __init__(self, branch, seconds=IPERF_S):
        self.output = None
        self.thread = threading.Thread(target=self.run, args=(branch, seconds))
        self.thread.start()
        time.sleep(1)

    def run(self, branch, seconds):
        self.output = branch.host.run("iperf3", "-J", "-c", SERVER, "-p", IPERF, "-b", "40M", "-i",
                                      "1", "-t", seconds, check=False, timeout=seconds + 30)

    def finish(self):
        """It ended well, and something arrived in every second."""
        self.thread.join()
        assert self.output.returncode == 0, self.output.stdout[-2000:]
        intervals = [i["sum"] for i in json.loads(self.output.stdout)["intervals"]]
        empty = [round(i["start"], 1) for i in intervals if i["bytes"] == 0]
        assert empty == [], f"nothing arrived at {empty} s"


class Talk:
    """A TCP connection to the echo server, which is asked whether it still lives."""

    def __init__(self, branch, port=0):
        self.socket = branch.host.socket()
        self.socket.settimeout(10)
        self.socket.bind(("0.0.0.0", port))
        self.socket.connect((SERVER, ECHO))
        assert self.lives()

    def lives(self, wait=10):
        """Does a line come back?"""
        self.socket.settimeout(wait)
        try:
            self.socket.sendall(b"still there?\n")
            return self.socket.recv(200).endswith(b"still there?\n")
        except OSError:
            return False

    def close(self):
        self.socket.close()


def flows_of(daemon, name):
    return [f for f in daemon.flows() if f["site"] == name]


def only(bed, *branches):
    return configuration(bed.topology, bed.daemon.socket,
                         sites="".join(site(b) for b in branches))


# --- what goes on, goes on -------------------------------------------------------------------------


def test_others_do_not_notice(bed, gateway):
    """berlin's iperf3 runs while madrid is removed, added, changed, and addresses come and go."""
    usual = configuration(bed.topology, gateway.socket)
    more = usual + f"      - address: {OTHER_EGRESS}\n        slices: [3]\n"
    before = ended(gateway)
    iperf = Iperf(bed.berlin)
    for text in (only(bed, bed.berlin), usual, more, usual,
                 usual.replace("mtu: 1400", "mtu: 1300", 2).replace("mtu: 1300", "mtu: 1400", 1),
                 usual.replace("madrid", "lisbon"), only(bed, bed.madrid, bed.berlin), usual):
        apply(gateway, text)
        time.sleep(0.7)
    iperf.finish()
    assert ended_since(gateway, before) == {}


def test_reload_storm(bed, gateway):
    """A hundred signals in a second, with a file that changes: it is taken, and nothing is lost."""
    usual = configuration(bed.topology, gateway.socket)
    iperf = Iperf(bed.berlin, 6)
    for i in range(100):
        if i % 25 == 0:
            gateway.configure(only(bed, bed.berlin) if i % 50 == 0 else usual)
        gateway.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    iperf.finish()
    gateway.configure(usual)
    gateway.process.send_signal(signal.SIGHUP)
    wait_until("both sites", lambda: len(gateway.ask("sites")["sites"]) == 2)


# --- what is gone ends, under its reason -----------------------------------------------------------


def test_site_removed(bed, gateway):
    """Its flows end at once and are counted; the other site's go on. It comes back as a new one."""
    berlin, madrid = Talk(bed.berlin), Talk(bed.madrid)
    before = ended(gateway)
    n = len(flows_of(gateway, "madrid"))
    said = gateway.homeward("config", "diff", write(gateway, only(bed, bed.berlin))).stdout
    assert re.search(rf"- site madrid.*: {n}\b", said), said
    apply(gateway, only(bed, bed.berlin))
    assert ended_since(gateway, before) == {"site_removed": n}
    assert berlin.lives()
    assert not madrid.lives(wait=1)
    assert [s["name"] for s in gateway.ask("sites")["sites"]] == ["berlin"]
    assert [t["name"] for t in gateway.ask("tunnels")["tunnels"]] == ["berlin-gre"]
    apply(gateway, configuration(bed.topology, gateway.socket))
    sites = {s["name"]: s for s in gateway.ask("sites")["sites"]}
    assert sites["madrid"]["flows"] == 0 and sites["madrid"]["rx_packets"] < 10
    again = Talk(bed.madrid)
    assert again.lives()
    for talk in (berlin, madrid, again):
        talk.close()


def test_tunnel_removed(bed, gateway):
    """The flow goes on by the site's next tunnel: here one with another key of the same ends."""
    usual = configuration(bed.topology, gateway.socket)
    second = site(bed.berlin).split("    tunnels:\n")[1].replace("berlin-gre", "berlin-2").replace(
        f"key: {bed.berlin.key}", "key: 99")
    both = usual.replace(site(bed.berlin), site(bed.berlin) + second)
    apply(gateway, both)
    talk, before = Talk(bed.berlin), ended(gateway)
    apply(gateway, both.replace(site(bed.berlin), site(bed.berlin).split("      - name")[0]))
    assert ended_since(gateway, before) == {}
    tunnels = {f["tunnel"] for f in flows_of(gateway, "berlin")}
    assert tunnels == {"berlin-2"}
    apply(gateway, both)
    assert talk.lives()  # its packets come by the first tunnel again, and so do the answers
    talk.close()


CHANGES = [
    ("mtu: 1400", "mtu: 1300", "another MTU"),
    ("key: 11", "key: 11\n        outer-ttl: 9", "another TTL"),
    ("berlin", "bremen", "another name"),
    ("prefixes: [10.0.1.0/24]", "prefixes: [10.0.1.0/25, 10.9.0.0/16]", "narrower, but its source is in"),
    ("capacity: 65536", "capacity: 65536\n  timeouts:\n    udp: 60s", "a timeout"),
    ("prefixes:", "limits:\n      flows: 1\n    prefixes:", "a limit that it is above"),
    ("capacity: 65536", "capacity: 65536\n  refresh: outbound\n  reset-unknown: false", "refresh and resets"),
    ("mtu: 1400", "mtu: 1400\n        keepalive:\n          interval: 10s", "keepalives"),
    ("address: 10.255.0.1", "address: 10.255.0.77", "another address inside"),
]


@pytest.mark.parametrize("old,new,why", CHANGES, ids=[c[2] for c in CHANGES])
def test_flows_go_on(bed, gateway, old, new, why):
    talk, before = Talk(bed.berlin), ended(gateway)
    apply(gateway, configuration(bed.topology, gateway.socket).replace(old, new))
    assert ended_since(gateway, before) == {}, why
    assert talk.lives(), why
    talk.close()


LOSSES = [
    ("prefixes: [10.0.1.0/24]", "prefixes: [10.0.2.0/24]", "source_removed", "not its source any more"),
    ("slices: [1, 2, 5-7]", "slices: [20-22]", "slice_lost", "its slice is gone"),
    (f"address: {EGRESS}", f"address: {OTHER_EGRESS}", "slice_lost", "its address is gone"),
    ("slice-size: 2048", "slice-size: 1024", "slice_lost", "other slices of the same address"),
    ("slice-size: 2048", "slice-size: 2048\n    mapping: endpoint-independent", "slice_lost",
     "another mapping"),
]


@pytest.mark.parametrize("old,new,reason,why", LOSSES, ids=[c[3] for c in LOSSES])
def test_flows_end(bed, gateway, old, new, reason, why):
    """If a flow needs something that is removed, it ends under its reason. A new flow works if it is allowed."""
    talk, before = Talk(bed.berlin), ended(gateway)
    flows = len(gateway.flows())
    apply(gateway, configuration(bed.topology, gateway.socket).replace(old, new))
    assert ended_since(gateway, before) == {reason: flows}, why
    assert gateway.flows() == []
    assert not talk.lives(wait=0.5)
    talk.close()


def test_filtering(bed, gateway):
    """Who may send to an endpoint is another matter than the flow that it has."""
    independent = configuration(bed.topology, gateway.socket).replace(
        "slice-size: 2048", "slice-size: 2048\n    mapping: endpoint-independent")
    apply(gateway, independent)
    talk, before = Talk(bed.berlin), ended(gateway)
    apply(gateway, independent.replace(
        "endpoint-independent", "endpoint-independent\n    filtering: endpoint-independent"))
    assert ended_since(gateway, before) == {}
    assert talk.lives()
    talk.close()


def test_pool_moves(bed, gateway):
    """A pool goes to another port: its flows go on by that, and come back by it."""
    topology = bed.topology
    link(topology.gateway, "second0", "203.0.114.2/24", topology.internet, "second0",
         "203.0.114.1/24")
    topology.gateway.ip("route", "add", SERVER, "via", "203.0.114.1", "dev", "second0", "metric", "7")
    usual = configuration(topology, gateway.socket)
    second = usual.replace("sites:\n", SECOND_PORT + "sites:\n", 1)
    apply(gateway, second)
    talk, before = Talk(bed.berlin), ended(gateway)
    apply(gateway, second.replace("    port: uplink\n", "    port: second\n"))
    topology.internet.ip("route", "add", f"{EGRESS}/32", "via", "203.0.114.2")
    assert ended_since(gateway, before) == {}
    assert talk.lives()
    topology.internet.ip("route", "del", f"{EGRESS}/32", "via", "203.0.114.2")
    apply(gateway, usual)
    topology.gateway.ip("link", "del", "second0")
    assert talk.lives()
    talk.close()


def test_order(bed, gateway):
    """Another order is no change at all."""
    talk = Talk(bed.berlin)
    said = apply(gateway, only(bed, bed.madrid, bed.berlin))
    assert "nothing changes" in said
    assert talk.lives()
    talk.close()


# --- what is refused changes nothing ---------------------------------------------------------------


def test_bad_file(bed, gateway):
    """A file with errors: each is said, with status 2; what runs, runs."""
    talk, revision = Talk(bed.berlin), gateway.ask("config", "show")["revision"]
    said = apply(gateway, configuration(bed.topology, gateway.socket).replace("mtu: 1400", "mtu: big"),
                 status=2)
    assert said.count("mtu") >= 2
    assert gateway.ask("config", "show")["revision"] == revision
    assert talk.lives()
    talk.close()


def test_needs_a_restart(bed, gateway):
    said = apply(gateway, configuration(bed.topology, gateway.socket).replace("workers: 1", "workers: 2"),
                 status=2)
    assert "restart" in said


def test_the_kernels_address(bed, gateway):
    """What only the machine can tell is found before anything changes: here, an address of its own."""
    talk, usual = Talk(bed.berlin), configuration(bed.topology, gateway.socket)
    more = usual + f"      - address: {GATEWAY_UPLINK}\n        slices: [3]\n"
    said = apply(gateway, more.replace(site(bed.madrid), ""), status=2)
    assert "belongs to the kernel" in said
    assert len(gateway.ask("sites")["sites"]) == 2
    addresses = [a["address"] for p in gateway.ask("egress")["pools"] for a in p["addresses"]]
    assert addresses == [EGRESS]
    assert talk.lives()
    apply(gateway, only(bed, bed.berlin))  # and the next change is fine
    assert [s["name"] for s in gateway.ask("sites")["sites"]] == ["berlin"]
    talk.close()


def test_confirm(bed, gateway):
    """Not confirmed in time: it is undone by itself."""
    apply(gateway, only(bed, bed.berlin), "--confirm", "2s")
    assert len(gateway.ask("sites")["sites"]) == 1
    wait_until("it to be undone", lambda: len(gateway.ask("sites")["sites"]) == 2, 20)
    apply(gateway, only(bed, bed.berlin), "--confirm", "60s")
    gateway.homeward("config", "confirm")
    assert len(gateway.ask("sites")["sites"]) == 1


def test_two_at_once(bed, gateway):
    """A trial stands: another change is refused, and says whose it is."""
    apply(gateway, only(bed, bed.berlin), "--confirm", "60s")
    said = apply(gateway, only(bed, bed.madrid), status=2)
    assert "awaits confirmation" in said
    gateway.homeward("config", "rollback")
    assert len(gateway.ask("sites")["sites"]) == 2


def test_killed_on_trial(bed, gateway):
    """kill -9 while a revision is on trial: it starts with the one before."""
    apply(gateway, only(bed, bed.berlin), "--confirm", "60s")
    gateway.kill()
    gateway.start()
    assert len(gateway.ask("sites")["sites"]) == 2


def test_killed_while_applying(bed, gateway):
    """kill -9 at some moment of an apply: it starts again, with one configuration or the other."""
    usual = configuration(bed.topology, gateway.socket)
    for delay in (0, 0.005, 0.02):
        path = write(gateway, only(bed, bed.berlin))
        client = gateway.ns.start(os.path.join(gateway.build, "cli", "homeward"), "--socket",
                                  gateway.socket, "config", "apply", path)
        time.sleep(delay)
        gateway.kill()
        client.wait()
        gateway.start()
        assert len(gateway.ask("sites")["sites"]) in (1, 2)
        apply(gateway, usual)


# --- nothing is left behind ------------------------------------------------------------------------


def announced(ns, address):
    """The Ethernet address by which @ns knows @address, asked anew."""
    ns.ip("neigh", "flush", "all")
    ns.run("ping", "-c1", "-W1", address, check=False)
    found = re.search(rf"^{re.escape(address)} .*lladdr (\S+)", ns.ip("neigh").stdout, re.M)
    return found.group(1) if found else None


def test_addresses_come_and_go(bed, gateway):
    """A new egress address is answered for by ARP and counted; one that is gone is not."""
    more = configuration(bed.topology, gateway.socket) + (
        f"      - address: {OTHER_EGRESS}\n        slices: [3]\n")
    assert announced(bed.internet, OTHER_EGRESS) is None
    apply(gateway, more)
    assert announced(bed.internet, OTHER_EGRESS) is not None
    addresses = [a["address"] for p in gateway.ask("egress")["pools"] for a in p["addresses"]]
    assert addresses == [EGRESS, OTHER_EGRESS]
    apply(gateway, configuration(bed.topology, gateway.socket))
    assert announced(bed.internet, OTHER_EGRESS) is None
    assert announced(bed.internet, EGRESS) is not None


def test_ports_come_and_go(bed, gateway):
    """A port is added with a pool on it, and removed again."""
    topology = bed.topology
    link(topology.gateway, "second0", "203.0.114.2/24", topology.internet, "second0",
         "203.0.114.1/24")
    usual = configuration(topology, gateway.socket)
    more = usual.replace("sites:\n", SECOND_PORT + "sites:\n", 1) + (
        "  - name: spare\n    port: second\n    addresses:\n"
        "      - address: 203.0.114.10\n        slices: [3]\n")
    talk = Talk(bed.berlin)
    apply(gateway, more)
    assert announced(topology.internet, "203.0.114.10") is not None
    assert len(gateway.ask("status")["ports"]) == 3
    apply(gateway, usual)
    assert announced(topology.internet, "203.0.114.10") is None
    assert len(gateway.ask("status")["ports"]) == 2
    assert "homeward" not in topology.gateway.ip("-d", "link", "show", "second0").stdout
    assert talk.lives()
    assert gateway.ask("status")["alarms"] == []
    topology.gateway.ip("link", "del", "second0")
    talk.close()
