"""Health and failover: a site with two tunnels, the first of which fails and returns.

                     192.0.2.18
    berlin-host -- berlin ==GRE berlin-1== gateway ---- internet
                        \\==GRE berlin-2==/
                     192.0.2.19

The carrier drops the packets of the first tunnel, in both directions. Quiet flows send nothing
meanwhile: only the gateway can know by which tunnel their answers get through.
"""
import json
import resource
import select
import socket
import subprocess
import time

import pytest

from bed.netns import wait_until
from bed.topology import GATEWAY_OUTER, HOST, SERVER, TUNNEL_MTU, berlin
from conftest import Bed

FLOWS, SERVERS, FIRST_PORT = 10000, 4, 9000
OUTER2, KEY2, ROUTER, ROUTER2, OURS2 = "192.0.2.19", 12, "10.255.0.2", "10.255.1.2", "10.255.1.1"
HOLD_S = 4
SO_RCVBUFFORCE = 33


def two_tunnels(text, health="", health2=""):
    first = text.index("      - name: berlin-gre\n")
    end = text.index("egress:\n")
    one = text[first:end].replace("berlin-gre", "berlin-1")
    two = (one.replace("berlin-1", "berlin-2").replace("192.0.2.18", OUTER2)
           .replace("key: 11", f"key: {KEY2}").replace("10.255.0.1", OURS2))
    one += f"        health: {{{health or 'target: ' + ROUTER}}}\n"
    two += f"        health: {{{health2 or 'target: ' + ROUTER2}}}\n"
    return text[:first] + one + two + text[end:] + f"health: {{hold: {HOLD_S}s}}\n"


def add_second_tunnel(bed):
    router, build = bed.berlin.router, bed.topology.build
    router.ip("addr", "add", f"{OUTER2}/28", "dev", "wan0")
    router.ip("addr", "add", f"{ROUTER}/32", "dev", "lo")
    router.ip("addr", "add", f"{ROUTER2}/32", "dev", "lo")
    router.start(f"{build}/tests/tools/gre-tun", "--local", OUTER2, "--remote", GATEWAY_OUTER, "--tun",
                 "gre1", "--mtu", str(TUNNEL_MTU), "--key", str(KEY2), log=bed.topology.log("gre1"))
    wait_until("the second tunnel", lambda: router.ip("link", "show", "gre1", "up", check=False).stdout)
    router.ip("route", "add", f"{OURS2}/32", "dev", "gre1")
    router.ip("route", "add", "10.255.0.1/32", "dev", "gre0")


@pytest.fixture(scope="module")
def bed(prefix, build, tmp_path_factory):
    bed = Bed(f"{prefix}-health", build, tmp_path_factory.mktemp("health"), [berlin()], change=two_tunnels)
    try:
        add_second_tunnel(bed)
        yield bed
        bed.daemon.settle()
        assert bed.daemon.unaccounted() == ""
        assert bed.daemon.stop() == 0, bed.daemon.log_text()
    finally:
        bed.daemon.kill()
        bed.topology.down()


def health(bed):
    return {h["tunnel"]: h for h in bed.daemon.ask("health")["health"]}


def tunnels(bed):
    return {t["name"]: t for t in bed.daemon.ask("tunnels")["tunnels"]}


def used(bed):
    return health(bed)["berlin-1"]["used"]


def cut(bed):
    bed.carrier.nft("""table ip cut {
        chain forward { type filter hook forward priority 0
            ip daddr 192.0.2.18 ip protocol 47 drop
            ip saddr 192.0.2.18 ip protocol 47 drop
        }
    }""")


def heal(bed):
    bed.carrier.run("nft", "delete", "table", "ip", "cut")


def await_both(bed):
    """Both tunnels answer, and flows are where they belong."""
    wait_until("both tunnels to work", lambda: used(bed) == "berlin-1" and all(
        h["answered"] > 0 and h["state"] != "down" for h in health(bed).values()), 90)


@pytest.fixture
def works(bed):
    await_both(bed)
    yield bed
    if "cut" in bed.carrier.run("nft", "list", "tables").stdout:
        heal(bed)


class Flows:
    """Many UDP flows from one host, and their servers."""

    def __init__(self, bed):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(most, FLOWS + 1000),) * 2)
        with bed.internet.inside():
            self.servers = [self.open((SERVER, FIRST_PORT + i)) for i in range(SERVERS)]
        with bed.berlin.host.inside():
            self.clients = [self.open((HOST, 20000 + i)) for i in range(FLOWS)]
        self.client_of = {c.fileno(): i for i, c in enumerate(self.clients)}
        self.addresses = {}
        end = time.monotonic() + 60
        while len(self.addresses) < FLOWS and time.monotonic() < end:
            self.begin()
        assert len(self.addresses) == FLOWS

    @staticmethod
    def open(address):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
        s.bind(address)
        s.setblocking(False)
        return s

    def begin(self):
        """Each flow that no server knows yet sends a packet."""
        for i, c in enumerate(self.clients):
            if i not in self.addresses:
                c.sendto(str(i).encode(), (SERVER, FIRST_PORT + i % SERVERS))
            if i % 200 == 199:
                self.learn(0.02)
        self.learn(0.5)

    def learn(self, seconds):
        while True:
            ready, _, _ = select.select(self.servers, [], [], seconds)
            if not ready:
                return
            for s in ready:
                number, address = s.recvfrom(64)
                self.addresses[int(number)] = (s, address)

    def answer(self):
        """Every server sends one packet to each of its flows. The flows that got it."""
        got, poll = set(), select.poll()
        for c in self.clients:
            poll.register(c, select.POLLIN)
        for i, (s, address) in self.addresses.items():
            s.sendto(str(i).encode(), address)
            if i % 100 == 99:
                self.collect(poll, got, 5)
        end = time.monotonic() + 10
        while len(got) < FLOWS and time.monotonic() < end:
            self.collect(poll, got, 200)
        return got

    def collect(self, poll, got, ms):
        for fd, _ in poll.poll(ms):
            i = self.client_of[fd]
            assert self.clients[i].recv(64) == str(i).encode()
            got.add(i)

    def close(self):
        for s in self.servers + self.clients:
            s.close()


def test_quiet_flows_move_and_return(works):
    """10,000 of them: every answer arrives after the decision, by the other tunnel; and back."""
    bed, flows = works, Flows(works)
    try:
        for step, by, other in ((lambda b: None, "berlin-1", "berlin-2"), (cut, "berlin-2", "berlin-1"),
                                (heal, "berlin-1", "berlin-2")):
            step(bed)
            wait_until(f"{by} to be used", lambda by=by: used(bed) == by, 60)
            before = tunnels(bed)
            assert len(flows.answer()) == FLOWS
            after = tunnels(bed)
            sent = {name: after[name]["tx_packets"] - before[name]["tx_packets"] for name in after}
            assert sent[by] >= FLOWS and sent[other] < 100, (by, sent)  # the others are probes
        assert bed.daemon.ask("status")["flows"]["ended_by"] == [] or all(
            e["flows"] == 0 for e in bed.daemon.ask("status")["flows"]["ended_by"])
    finally:
        flows.close()


def test_a_transfer_lives(works):
    """iperf3, a download: the far end finds out by itself, and sends by the other tunnel, too."""
    bed = works
    client = subprocess.Popen(["ip", "netns", "exec", bed.berlin.host.name, "iperf3", "-c", SERVER, "-R",
                               "-J", "-t", "25", "-b", "20M"], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(3)
        cut(bed)
        wait_until("the other tunnel", lambda: used(bed) == "berlin-2", 30)
        bed.berlin.router.ip("route", "replace", "default", "dev", "gre1")
        time.sleep(4)
        heal(bed)
        wait_until("the return", lambda: used(bed) == "berlin-1", 60)
        bed.berlin.router.ip("route", "replace", "default", "dev", "gre0")
        out, _ = client.communicate(timeout=90)
    finally:
        client.kill()
        bed.berlin.router.ip("route", "replace", "default", "dev", "gre0")
    result = json.loads(out)
    assert client.returncode == 0 and "error" not in result, result.get("error")
    seconds = [i["sum"]["bytes"] for i in result["intervals"]]
    assert seconds[0] > 0 and seconds[-1] > 0 and sum(s > 0 for s in seconds) > len(seconds) / 2, seconds


def test_flapping_moves_nothing(works):
    """It fails and returns again and again: after the first time flows stay at the other tunnel."""
    bed, seen = works, set()
    downs = health(bed)["berlin-1"]["downs"]
    cut(bed)
    wait_until("the other tunnel", lambda: used(bed) == "berlin-2", 30)
    for _ in range(3):
        heal(bed)
        wait_until("it to work again", lambda: health(bed)["berlin-1"]["state"] == "degraded", 30)
        seen.add(used(bed))
        cut(bed)
        wait_until("it to fail", lambda: health(bed)["berlin-1"]["state"] == "down", 30)
        seen.add(used(bed))
    assert seen == {"berlin-2"}
    assert health(bed)["berlin-1"]["downs"] == downs + 4
    heal(bed)
    wait_until("the return", lambda: used(bed) == "berlin-1", 120)


def test_what_people_see(works):
    bed = works
    assert "probes of tunnels" in bed.daemon.homeward("status").stdout
    text = bed.daemon.homeward("health").stdout
    assert "berlin-1" in text and "mid" in text and ROUTER in text
    cut(bed)
    wait_until("down", lambda: health(bed)["berlin-1"]["state"] == "down", 30)
    row = health(bed)["berlin-1"]
    assert row["penalty"] == 1000000 and "in a row" in row["reason"] and row["used"] == "berlin-2"
    assert tunnels(bed)["berlin-1"]["health"] == "down"
    assert [a["subject"] for a in bed.daemon.ask("status")["alarms"] if a["alarm"] == "tunnel_down"] == [
        "berlin-1"]
    assert "berlin-1: " in bed.daemon.log_text() and "-> down" in bed.daemon.log_text()
    heal(bed)
    wait_until("the end of it", lambda: health(bed)["berlin-1"]["state"] == "degraded", 30)


@pytest.mark.parametrize("settings", [
    f"target: {HOST}, type: reply", "direction: unidirectional", "direction: unidirectional, rate: high",
])
def test_other_probes(works, settings):
    """An echo reply that the router only forwards; and one direction only."""
    bed = works
    with open(bed.daemon.file, encoding="utf-8") as f:
        before = f.read()
    changed = before.replace(f"health: {{target: {ROUTER}}}", f"health: {{{settings}}}")
    assert changed != before
    bed.daemon.configure(changed)
    bed.daemon.homeward("config", "apply", bed.daemon.file)
    try:
        wait_until("answers", lambda: 3 < health(bed)["berlin-1"]["answered"] < 1000, 30)
        assert health(bed)["berlin-1"]["state"] != "down"
    finally:
        bed.daemon.configure(before)
        bed.daemon.homeward("config", "apply", bed.daemon.file)
