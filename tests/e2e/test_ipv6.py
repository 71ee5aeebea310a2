"""IPv6 from two branches with the same addresses, through one egress address, on real interfaces.

    fd00::10 berlin-host -- berlin ==GRE== gateway ---- internet 2001:db8::80
    fd00::10 madrid-host -- madrid ==GRE==/   egress 2001:db8:ff::10, on the uplink's own network

The kernel of the Internet finds the egress address by neighbour discovery; only the daemon
answers for it.
"""
import concurrent.futures
import re
import socket
import time

import pytest

from ask import token, unanswered
from bed.daemon import Daemon, configuration
from bed.topology import Topology, berlin, madrid

SERVER6, EGRESS6 = "2001:db8::80", "2001:db8:ff::10"
INSIDE6 = {"berlin": "fd00:ff::1", "madrid": "fd00:ff::5"}
PAGE = "x" * 200000


def add_ipv6(topology, folder):
    topology.gateway.switch_on_ipv6(("2001:db8:ff::2/64", "uplink0"))
    topology.internet.switch_on_ipv6(("2001:db8:ff::1/64", "uplink0"), (f"{SERVER6}/128", "lo"))
    topology.gateway.ip("-6", "route", "add", "default", "via", "2001:db8:ff::1")
    for branch in topology.branches:
        branch.router.switch_on_ipv6(("fd00::1/64", "lan0"))
        branch.host.switch_on_ipv6(("fd00::10/64", "eth0"))
        branch.router.ip("-6", "route", "add", "default", "dev", "gre0")
        branch.host.ip("-6", "route", "add", "default", "via", "fd00::1")
    (folder / "page").write_text(PAGE)
    topology.internet.start("/usr/bin/python3", "-m", "http.server", "--bind", SERVER6,
                            "--directory", folder, "80", log=topology.log("http6"))


def with_ipv6(text):
    """The usual configuration, and IPv6."""
    text = text.replace("prefixes: [10.0.1.0/24]", "prefixes: [10.0.1.0/24, 'fd00::/64']")
    text = re.sub(r"( +)- name: (\w+)-gre\n",
                  lambda m: f"{m[0]}{m[1]}  address6: '{INSIDE6[m[2]]}'\n", text)
    return text + f"      - address: '{EGRESS6}'\n        slices: [1, 2]\n"


@pytest.fixture(scope="module", params=["af_xdp", "af_packet"])
def six(prefix, build, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("ipv6")
    topology = Topology(f"{prefix}-six", str(build), [berlin(), madrid()], str(folder))
    add_ipv6(topology, folder)
    daemon = Daemon(topology)
    text = with_ipv6(configuration(topology, daemon.socket))
    daemon.configure(text.replace("driver: af_xdp", f"driver: {request.param}"))
    try:
        daemon.start()
        yield topology, daemon
        daemon.settle()
        assert daemon.unaccounted() == ""
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()


def both(topology, function):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, topology.branches))


def test_ping(six):
    """The same identifier, at once; ping checks the payload of every reply."""
    def ping(branch):
        return unanswered(branch.host, 20, "-6", "-e", 77, "-p", token(branch)[-12:], SERVER6)

    assert both(six[0], ping) == [[], []]


def test_curl(six):
    """From the same source port to the same server, a page that does not fit one segment."""
    def curl(branch):
        return branch.host.run("curl", "-6", "-s", "-m", 10, "--local-port", "30000",
                               f"http://[{SERVER6}]/page", check=False).stdout

    assert both(six[0], curl) == [PAGE, PAGE]
    flows = [f for f in six[1].flows("--protocol", "tcp") if f["source_port"] == 30000]
    assert {f["site"] for f in flows} == {"berlin", "madrid"}
    assert {(f["source"], f["destination"], f["egress"]) for f in flows} == {
        ("fd00::10", SERVER6, EGRESS6)}
    assert len({f["egress_port"] for f in flows}) == 2
    assert six[1].flows("--address", "fd00::/64") and not six[1].flows("--address", "fd01::/64")


def test_first_hop_shows_itself(six):
    """A hop limit that expires at the gateway, as traceroute sends it."""
    for branch in six[0].branches:
        out = branch.host.run("ping", "-6", "-n", "-c", 1, "-W", 3, "-t", 2, SERVER6,
                              check=False).stdout
        assert f"From {INSIDE6[branch.name]} icmp_seq=1 Time exceeded: Hop limit" in out, out


def test_second_hop_shows_itself(six):
    """A router's error is matched by its embedded packet; here the server's machine sends it."""
    for branch in six[0].branches:
        s = branch.host.run("/usr/bin/python3", "-c", f"""
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect(("{SERVER6}", 9))
s.send(b"nobody listens there")
try:
    s.recv(100)
except ConnectionRefusedError:
    print("refused")
""", check=False)
        assert s.stdout == "refused\n", s.stderr


def test_the_gateway_answers_for_itself(six):
    for branch in six[0].branches:
        out = branch.host.run("ping", "-6", "-n", "-c", 1, "-W", 3, INSIDE6[branch.name],
                              check=False).stdout
        assert "1 received" in out, out


def test_found_by_its_neighbours(six):
    """The egress address was solicited, and the daemon answered."""
    topology, daemon = six
    topology.internet.ip("-6", "neigh", "flush", "all")
    test_ping(six)
    assert daemon.answered()["neighbour"] > 0
    entry = topology.internet.ip("-6", "neigh", "show", EGRESS6).stdout
    mac = topology.gateway.ip("link", "show", "uplink0").stdout
    assert re.search(r"lladdr (\S+)", entry)[1] in mac


def counted(daemon, name):
    return sum(w[name] for w in daemon.ask("status")["workers"])


def test_large_ping(six):
    """Questions and answers in fragments, with the same identifiers from equal addresses at once."""
    def ping(branch):
        return unanswered(branch.host, 15, "-6", "-e", 99, "-s", 4000, "-p", token(branch)[-12:], SERVER6)

    both(six[0], ping)  # the routers say how much fits
    joined, made = counted(six[1], "fragments_joined"), counted(six[1], "fragments_made")
    assert both(six[0], ping) == [[], []]
    assert counted(six[1], "fragments_joined") - joined >= 2 * 15 * 2 * 2
    assert counted(six[1], "fragments_made") - made >= 2 * 15 * 2 * 2


ECHO6 = f"""
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("{SERVER6}", 4000))
while True:
    data, client = s.recvfrom(65535)
    s.sendto(data, client)
"""


def test_large_udp(six):
    """Datagrams of any size come back as they went, from one source port of both branches."""
    topology, daemon = six
    server = topology.internet.start("/usr/bin/python3", "-c", ECHO6, log=topology.log("echo6"))

    def ask(branch):
        with branch.host.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.bind(("fd00::10", 4001))
            s.connect((SERVER6, 4000))
            for size in (100, 1400, 1500, 5000, 20000, 60000):
                data = (token(branch) * 4000)[:size].encode()
                if not asks_until_answered(s, data):
                    return size
        return 0

    try:
        assert both(topology, ask) == [0, 0]
    finally:
        server.terminate()
    assert daemon.drops().get("fragment", 0) == 0


def asks_until_answered(s, data):
    """The server may not be up yet, and the first of a size may find out that it does not fit."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            s.send(data)
            if s.recv(65535) == data:
                return True
        except OSError:
            time.sleep(0.1)
    return False
