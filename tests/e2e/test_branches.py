"""The third example of docs/routing.md, the file itself: cookie-cutter branches and a data centre.

    berlin  10.0.1.10 ==GRE==\\              ==GRE centre-1==\\
     is branch-17              gateway                       centre 10.8.0.80
    madrid  10.0.1.10 ==GRE==/              ==GRE centre-2==/
     is branch-18

Branches are seen by their aliases, 100.64.17.0/24 and 100.64.18.0/24, in both directions. The link of
the centre's first tunnel fails while hosts talk, and comes back.
"""
import contextlib
import json
import socket
import subprocess
import time

import pytest

from ask import ECHO, echo_tcp, echo_udp, token
from bed.centre import SERVER, Centre
from bed.netns import wait_until
from bed.servers import IPERF
from bed.topology import EGRESS, HOST, berlin, madrid
from conftest import ROOT, Bed

ALIASES = {"berlin": "100.64.17.10", "madrid": "100.64.18.10"}
PORT = 7000  # of servers at the branches


def example(text):
    """The file of the example at the bed's interfaces, and this run's own paths."""
    paths = text[text.index("workers:"):text.index("ports:")]
    file = (ROOT / "docs/routing-branches.yaml").read_text()
    for there, here in (("interface: eth0", "interface: underlay0"),
                        ("interface: eth1", "interface: uplink0"),
                        ("address: 198.51.100.1", f"address: {EGRESS}")):
        assert file.count(there) == 1
        file = file.replace(there, here)
    return f"{paths}{file}health: {{rate: high, hold: 3s}}\n"


@pytest.fixture(scope="module")
def place(prefix, build, tmp_path_factory):
    bed = Bed(f"{prefix}-branches", build, tmp_path_factory.mktemp("branches"),
              [berlin(key=17), madrid(key=18)], change=example)
    try:
        bed.centre = Centre(bed.topology)
        yield bed
        bed.daemon.settle()
        assert bed.daemon.unaccounted() == ""
        assert bed.topology.strangers() == 0
    finally:
        bed.down()


def used(bed):
    return {h["tunnel"]: h["used"] for h in bed.daemon.ask("health")["health"]}


@pytest.fixture
def works(place):
    wait_until("both tunnels of the centre to work", lambda: all(
        h["answered"] > 0 and h["state"] != "down" and h["used"] == h["tunnel"]
        for h in place.daemon.ask("health")["health"] if h["site"] == "centre"), 60)
    return place


def client(ns, kind, port, to):
    s = ns.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    s.connect(to)
    return s


KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])


@KINDS
def test_branches_ask(works, kind):
    """From one port at once: the server sees each by its alias, and no port is translated."""
    echo = echo_tcp if kind == socket.SOCK_STREAM else echo_udp
    with contextlib.ExitStack() as stack:
        asking = [(b, stack.enter_context(client(b.host, kind, 40000, (SERVER, ECHO))))
                  for b in works.branches]
        for _ in range(5):
            for branch, s in asking:
                text = token(branch)
                assert echo(s, text) == (text, f"{ALIASES[branch.name]}:40000")


def test_the_centre_asks_udp(works):
    """Both branches, from one port: each host gets its own question, and its answer comes back."""
    for branch in works.branches:
        server = branch.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking = client(works.centre.host, socket.SOCK_DGRAM, 30000, (ALIASES[branch.name], PORT))
        with contextlib.closing(server), contextlib.closing(asking):
            server.bind((HOST, PORT))
            for i in range(5):
                asking.send(b"question %d" % i)
                data, address = server.recvfrom(100)
                assert (data, address) == (b"question %d" % i, (SERVER, 30000))
                server.sendto(branch.name.encode(), address)
                assert asking.recv(100) == branch.name.encode()


def test_the_centre_asks_tcp(works):
    for branch in works.branches:
        server = branch.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        with contextlib.closing(server):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((HOST, PORT))
            server.listen()
            asking = client(works.centre.host, socket.SOCK_STREAM, 30001, (ALIASES[branch.name], PORT))
            there, address = server.accept()
            with contextlib.closing(asking), contextlib.closing(there):
                assert address == (SERVER, 30001)
                there.sendall(branch.name.encode())
                assert asking.recv(100) == branch.name.encode()


def test_errors_come_from_the_alias(works):
    """Nobody listens at the branch's port; and a ping has its answer."""
    s = client(works.centre.host, socket.SOCK_DGRAM, 30002, (ALIASES["madrid"], 9))
    with contextlib.closing(s):
        s.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            s.recv(100)
    assert "2 received" in works.centre.host.run("ping", "-n", "-c", "2", "-i", "0.2", ALIASES["berlin"]).stdout


def check_transfer(out):
    result = json.loads(out)
    assert "error" not in result, result["error"]
    seconds = [i["sum"]["bytes"] for i in result["intervals"] if i["sum"]["seconds"] > 0.5]
    assert seconds[0] > 0 and seconds[-1] > 0, seconds
    assert sum(n == 0 for n in seconds) <= 5, seconds


def test_the_link_fails_during_a_transfer(works):
    """`ip link set down`: a transfer and a quiet flow go on by centre-2, and return to centre-1."""
    bed, host = works, works.berlin.host
    quiet = client(host, socket.SOCK_DGRAM, 40001, (SERVER, ECHO))
    seen = (f"{ALIASES['berlin']}:40001")
    transfer = subprocess.Popen(["ip", "netns", "exec", host.name, "iperf3", "-c", SERVER, "-p", str(IPERF), "-R",
                                 "-J", "-t", "18", "-b", "20M"], stdout=subprocess.PIPE, text=True)
    try:
        assert echo_udp(quiet, "before") == ("before", seen)
        time.sleep(2)
        bed.centre.cut()
        wait_until("centre-2 to be used", lambda: used(bed)["centre-1"] == "centre-2", 10)
        assert echo_udp(quiet, "meanwhile") == ("meanwhile", seen)
        with contextlib.closing(client(bed.madrid.host, socket.SOCK_DGRAM, 40002, (SERVER, ECHO))) as new:
            assert echo_udp(new, "new")[0] == "new"
        before = {t["name"]: t["tx_packets"] for t in bed.daemon.ask("tunnels")["tunnels"]}
        time.sleep(2)
        after = {t["name"]: t["tx_packets"] for t in bed.daemon.ask("tunnels")["tunnels"]}
        assert after["centre-2"] - before["centre-2"] > 5 * (after["centre-1"] - before["centre-1"])
        bed.centre.heal()
        wait_until("centre-1 to be used again", lambda: used(bed)["centre-1"] == "centre-1", 60)
        assert echo_udp(quiet, "after") == ("after", seen)
        out, _ = transfer.communicate(timeout=60)
        check_transfer(out)
    finally:
        transfer.kill()
        quiet.close()
