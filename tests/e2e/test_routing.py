"""Private destinations by routes: the examples of docs/routing.md, with real programs.

    berlin 10.0.1.10 ==GRE==\\
                             gateway ==GRE== centre 10.8.0.80   servers
    madrid 10.0.1.10 ==GRE==/   |
                             Internet
"""
import concurrent.futures
import contextlib
import errno
import pathlib
import socket

import pytest

from ask import ECHO, echo_tcp, echo_udp, token
from bed.netns import wait_until
from bed.servers import TOOLS, listening
from bed.topology import HOST, Branch, berlin, madrid
from conftest import ROOT, Bed

PRIVATE = "10.8.0.80"
IP_RECVERR = 11  # the socket hears of soft errors, too


def centre():
    return Branch("centre", "192.0.2.50", "192.0.2.62", 24, "10.255.0.9", key=33)


def ask(branch, kind, port, to=PRIVATE):
    """A socket from the host's usual address and @port to the echo server at @to."""
    s = branch.host.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(5)
    s.bind((HOST, port))
    s.connect((to, ECHO))
    return s


def with_networks(text, networks, sites=""):
    """The usual configuration, with the centre's prefix and networks."""
    head, rest = text.split("  - name: centre\n    prefixes: [10.0.1.0/24]\n")
    return (f"{head}  - name: centre\n    prefixes: [10.8.0.0/16]\n{sites}{rest}{networks}")


class Centre:
    """The bed with a data centre, and its daemon's configuration for one example after another."""

    def __init__(self, bed):
        self.bed, self.branch = bed, bed.branches[2]
        self.berlin, self.madrid = bed.branches[:2]
        self.file = pathlib.Path(bed.daemon.file)
        self.plain = self.file.read_text()
        router, host = self.branch.router, self.branch.host
        for ns, interface, address in ((router, "lan0", "10.8.0.1"), (host, "eth0", PRIVATE)):
            ns.ip("addr", "flush", "dev", interface)
            ns.ip("addr", "add", f"{address}/16", "dev", interface)
        host.ip("route", "add", "default", "via", "10.8.0.1")
        host.start(str(pathlib.Path(TOOLS) / "servers.py"), PRIVATE,
                   log=bed.topology.log("centre-servers"))
        wait_until("the servers of the centre", lambda: "7" in listening(host))

    def apply(self, networks, sites=""):
        path = self.file.with_suffix(".next")
        path.write_text(with_networks(self.plain, networks, sites))
        self.bed.daemon.homeward("config", "apply", path)

    def lookup(self, network, address):
        return self.bed.daemon.ask("routes", "lookup", network, address)["answer"]


@pytest.fixture(scope="module")
def place(prefix, build, tmp_path_factory):
    bed = Bed(f"{prefix}-routing", build, tmp_path_factory.mktemp("routing"),
              [berlin(), madrid(), centre()])
    yield Centre(bed)
    bed.daemon.settle()
    assert bed.daemon.unaccounted() == ""
    bed.down()


def example(name):
    """The networks of an example of docs/routing.md."""
    text = (ROOT / f"docs/routing-{name}.yaml").read_text()
    return text[text.index("\nnetworks:") + 1:]


MERGER, EXTRANET = example("merger"), example("extranet")


@pytest.mark.parametrize("kind, echo", [(socket.SOCK_STREAM, echo_tcp), (socket.SOCK_DGRAM, echo_udp)],
                         ids=["tcp", "udp"])
def test_merger(place, kind, echo):
    """Two companies with equal addresses use one private server at the same five-tuple.

    The first one is seen with its own address and port. The second one has the very same five-tuple, so
    it gets another port, and each gets its own answers.
    """
    place.apply(MERGER)
    first, second = ask(place.berlin, kind, 40000), ask(place.madrid, kind, 40000)
    with contextlib.closing(first), contextlib.closing(second):
        for _ in range(20):
            for s, branch in ((first, place.berlin), (second, place.madrid)):
                text = token(branch)
                answer, seen = echo(s, text)
                assert answer == text
                if s is first:
                    assert seen == f"{HOST}:40000", "nothing is translated"
                else:
                    assert seen.startswith(f"{HOST}:") and seen != f"{HOST}:40000"


def test_merger_many(place):
    """Two hundred flows of each, at once, all on equal five-tuples."""
    place.apply(MERGER)

    def all_of(branch):
        done = 0
        for port in range(41000, 41200):
            with contextlib.closing(ask(branch, socket.SOCK_DGRAM, port)) as s:
                text = token(branch)
                done += echo_udp(s, text)[0] == text
        return done

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert list(pool.map(all_of, [place.berlin, place.madrid])) == [200, 200]


def refused(s):
    """Is the host told at once, by an ICMP error?"""
    s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    s.send(b"x")
    with pytest.raises(OSError) as e:
        s.recv(100)
    return e.value.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES)


def test_no_route_is_refused(place):
    """Without networks nothing private is reached."""
    place.apply("")
    with contextlib.closing(ask(place.berlin, socket.SOCK_DGRAM, 42000)) as s:
        assert refused(s)
    assert "no_route" in place.lookup("default", PRIVATE)


def test_extranet(place):
    """The centre is in a network of its own. By the link it is reached; without it, not."""
    place.apply(EXTRANET, sites="    network: partner\n")
    assert place.lookup("default", PRIVATE) == "new flows go to site centre"
    s = ask(place.berlin, socket.SOCK_DGRAM, 43000)
    with contextlib.closing(s):
        text = token(place.berlin)
        assert echo_udp(s, text) == (text, f"{HOST}:43000")

        place.apply(EXTRANET.replace("{network: partner}", "{drop: true}"),
                    sites="    network: partner\n")
        s.settimeout(1)
        s.send(b"x")
        with pytest.raises(TimeoutError):
            s.recv(100)
    assert place.bed.daemon.drops()["route_drop"] >= 1
    assert place.lookup("default", PRIVATE) == "the route says drop (route_drop)"
