"""Interfaces with one queue and with several: real programs, and queues that change.

    berlin, madrid ==GRE==  q queues  [ gateway, w workers ]  q queues  198.51.100.80

Every queue of an interface is served, by worker (queue mod workers), and a worker sends by its own queue. A veth
receives by the queue by which its peer sends: locally by a hash of the flow.
"""
import concurrent.futures
import ctypes
import itertools
import json
import mmap
import os
import re
import socket
import struct

import pytest

from ask import ECHO, echo_tcp, echo_udp, tcp_socket, token, udp_socket, unanswered
from bed.daemon import DaemonFailed
from bed.netns import LIBC, link, plain_packets, wait_until
from bed.servers import IPERF
from bed.topology import GATEWAY_UPLINK, INTERNET_UPLINK, SERVER, berlin, madrid
from conftest import Bed

WAIT_S = 60
RETURNS = 14  # one that lost its buffers would have none left after ten
IPERF_S = 60
AF_XDP, SOL_XDP = 44, 283
XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 2, 4, 5, 6
XDP_COPY = 2


def configure(driver, workers):
    return lambda text: text.replace("workers: 1", f"workers: {workers}").replace("af_xdp", driver)


@pytest.fixture(scope="module", params=[
    ("af_xdp", 4, 2), ("af_xdp", 4, 4), ("af_xdp", 3, 2), ("af_xdp", 1, 2),
    ("af_packet", 4, 2), ("af_packet", 1, 4),
], ids=lambda p: "%s-%u-queues-%u-workers" % p)
def queues(request, prefix, build, tmp_path_factory):
    driver, n, workers = request.param
    b = Bed(f"{prefix}-queues", build, tmp_path_factory.mktemp("queues"), [berlin(), madrid()], n,
            configure(driver, workers))
    b.driver, b.queues, b.workers = request.param
    yield b
    b.down()


def ports(bed):
    return {p["name"]: p for p in bed.daemon.ask("status")["ports"]}


def both(bed, function):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, bed.branches))


def test_status(queues):
    """Each queue, its worker and its mode; and a hint if there are fewer queues than workers."""
    served = queues.workers if queues.driver == "af_packet" else queues.queues
    for port in ports(queues).values():
        assert [q["queue"] for q in port["queues"]] == list(range(served))
        assert [q["worker"] for q in port["queues"]] == [q % queues.workers for q in range(served)]
        assert [q["transmits"] for q in port["queues"]] == [q < queues.workers for q in range(served)]
        mode = "copy" if queues.driver == "af_xdp" else None
        assert {q["mode"] for q in port["queues"]} == {mode}
        if served < queues.workers:
            assert re.search(r"2 workers, 1 queue: .*ethtool -L \w+ rx 2 tx 2", port["hint"])
        else:
            assert port["hint"] is None
    text = queues.daemon.homeward("status").stdout
    assert f"{served} copy" in text if queues.driver == "af_xdp" else "copy" not in text
    assert ("hint " in text) == (served < queues.workers)


def test_real_programs(queues):
    """Ping, UDP, TCP, curl and iperf3 of both branches at once, from the same ports."""
    def ping(branch):
        return unanswered(branch.host, 20, "-e", 77, "-p", token(branch)[-12:], SERVER)

    def ask(branch):
        wrong = []
        for port in range(31000, 31040):
            for make, echo in ((udp_socket, echo_udp), (tcp_socket, echo_tcp)):
                s, text = make(branch, port), token(branch)
                answer, _ = echo(s, text)
                wrong += [port] if answer != text else []
                s.close()
        return wrong

    def curl(branch):
        return branch.host.run("curl", "-sS", "--max-time", 20, "-o", "/dev/null", "-w", "%{http_code}",
                               f"http://{SERVER}/").stdout

    def iperf(branch, *options):
        out = branch.host.run("iperf3", "-c", SERVER, "-p", IPERF, "-P", 8, "-t", 2, "-J", *options,
                              timeout=IPERF_S).stdout
        return json.loads(out)["end"]["sum_received"]["bytes"]

    assert both(queues, ping) == [[], []]
    assert both(queues, ask) == [[], []]
    assert both(queues, curl) == ["200", "200"]
    assert min(both(queues, iperf)) > 100_000
    assert min(both(queues, lambda b: iperf(b, "-R"))) > 100_000
    queues.check_laws()
    status = queues.daemon.ask("status")
    counts = [{k: w[k] for k in ("rx", "tx", "handed_in", "handed_out")} for w in status["workers"]]
    print(f"{queues.driver}, {queues.queues} queues:", counts)
    if queues.queues > 1 or queues.driver == "af_packet":
        assert min(c["rx"] for c in counts) > 0, counts
        # Two tunnels may leave a worker without a flow: it hands over all returns that it receives.
        assert all(c["tx"] > 0 or c["handed_out"] > 0 for c in counts), counts
    else:
        assert [c["rx"] > 0 for c in counts] == [c["tx"] > 0 for c in counts] == [True, False], counts
    assert all(p["state"] == "up" for p in status["ports"])


def columns(text):
    """{title: texts} of the table of workers in `homeward status`, whose columns are two blanks apart."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("WORKER"))
    titles = re.split("  +", lines[first].strip())
    rows = [re.split("  +", line.strip()) for line in itertools.takewhile(str.strip, lines[first + 1:])]
    return {title: [row[i] for row in rows] for i, title in enumerate(titles)}


def test_columns_of_workers(queues):
    """What the command prints for each worker is what the API says, each number in its column."""
    queues.daemon.settle()
    workers = queues.daemon.ask("status")["workers"]
    shown = columns(queues.daemon.homeward("status").stdout)
    for title, field in (("ASKED", "asked"), ("SPILLED", "spilled"), ("HANDED ON", "handed_out")):
        assert [int(n.replace(",", "")) for n in shown[title]] == [w[field] for w in workers], title


# --- queues change ------------------------------------------------------------------------------


@pytest.fixture
def life(prefix, build, tmp_path):
    """AF_XDP, two workers; the interfaces have two queues of four in use."""
    b = Bed(f"{prefix}-life", build, tmp_path, [berlin()], None, configure("af_xdp", 2))
    yield b
    b.daemon.settle()
    assert b.daemon.unaccounted() == ""
    b.down()


def make_uplink(bed, queues):
    link(bed.gateway, "uplink0", f"{GATEWAY_UPLINK}/24", bed.internet, "uplink0", f"{INTERNET_UPLINK}/24",
         queues)
    plain_packets(bed.internet, "uplink0")
    bed.gateway.ip("route", "replace", "default", "via", INTERNET_UPLINK)


def another_uplink(bed, queues):
    bed.gateway.ip("link", "del", "uplink0")
    make_uplink(bed, queues)


def await_queues(bed, n, state="up"):
    def there():
        p = ports(bed)["uplink"]
        return p["state"] == state and len(p["queues"]) == n and p

    try:
        return wait_until(f"{n} queues, {state}", there, WAIT_S)
    except TimeoutError as e:
        raise TimeoutError(f"{e}: {ports(bed)['uplink']}\n{bed.daemon.log_text()}") from None


def works(bed, port=23000):
    """The egress that a UDP flow has, once it answers."""
    s = udp_socket(bed.branches[0], port)
    s.settimeout(0.5)

    def ask():
        text = token(bed.branches[0])
        try:
            while True:
                got, egress = echo_udp(s, text)
                if got == text:
                    return egress
        except (TimeoutError, OSError):
            return None

    try:
        return wait_until("an answer", ask, WAIT_S)
    finally:
        s.close()


def tool(bed, name):
    return os.path.join(bed.topology.build, "tests", "tools", name)


def set_queues(bed, n):
    """A veth with an XDP program needs as many receive queues as its peer has to transmit."""
    bed.internet.run("ethtool", "-L", "uplink0", "tx", 1, check=False)  # fails if it has one
    done = bed.gateway.run("ethtool", "-L", "uplink0", "rx", n, "tx", n, check=False).returncode == 0
    if done and n > 1:
        bed.internet.run("ethtool", "-L", "uplink0", "tx", n)
    return done


def test_more_and_fewer(life):
    """More queues: the port is opened again with all of them. Fewer: the kernel refuses while sockets are
    there; an interface that comes back with fewer is served. More than there are buffers for: degraded."""
    egress = works(life)
    another_uplink(life, 4)  # more than there were at the start, and than workers
    wait_until("a refusal", lambda: "not enough packet buffers for the 4 receive queues" in
               (ports(life)["uplink"]["reason"] or ""), WAIT_S)
    assert set_queues(life, 1)
    await_queues(life, 1)
    assert works(life) == egress
    assert set_queues(life, 2)
    await_queues(life, 2)
    assert works(life) == egress
    assert "has 2 receive queues now; it is opened again" in life.daemon.log_text()
    assert not set_queues(life, 1), "the kernel refuses while sockets are on the others"
    assert set_queues(life, 3)
    port = await_queues(life, 2, "degraded")
    assert "has 3 receive queues now; there are packet buffers for 2" in port["reason"]
    assert set_queues(life, 2)
    await_queues(life, 2)
    assert works(life) == egress


def test_queue_used_by_another(life, tmp_path):
    """Another program has the socket of queue 1: queue 0 is served, and the port says so."""
    works(life)
    life.gateway.ip("link", "del", "uplink0")
    wait_until("the port to be closed", lambda: ports(life)["uplink"]["state"] == "missing", WAIT_S)
    life.daemon.stop()
    make_uplink(life, 2)
    taken = take_queue(life.gateway, "uplink0", 1)
    life.daemon.start()
    port = await_queues(life, 1, "degraded")
    assert "1 of the 2 receive queues of interface uplink0 could not be used" in port["reason"]
    taken.close()
    await_queues(life, 2)
    for i in range(8):
        works(life, 23001 + i)


def test_socket_lost(life):
    """Somebody takes a queue's socket out of the program's map: it is put there again."""
    another_uplink(life, 2)
    await_queues(life, 2)
    works(life)
    for number in maps(life, "xsks_map"):
        for queue in (0, 1):
            life.gateway.run("bpftool", "map", "delete", "id", number, "key", queue, 0, 0, 0, check=False)
    egress = works(life)
    assert "has it again" in life.daemon.log_text()
    assert works(life) == egress


def test_comes_and_goes(life):
    """Each return gives the buffers of all queues back: the last works as the first."""
    life.daemon.stop()
    another_uplink(life, 4)  # at the start buffers are made for four
    life.daemon.start()
    for _ in range(RETURNS):
        another_uplink(life, 4)
        await_queues(life, 4)
    for i in range(8):
        works(life, 23001 + i)
    assert "pool_shrunk" not in [a["alarm"] for a in life.daemon.ask("status")["alarms"]]


def test_combined(life):
    """As a card with queues that do both: DPDK makes one device of all of them."""
    life.daemon.stop()
    another_uplink(life, 4)
    life.daemon.env = {"LD_PRELOAD": tool(life, "libcombined.so")}
    life.daemon.start()
    port = await_queues(life, 4)
    assert [q["mode"] for q in port["queues"]] == ["copy"] * 4
    for i in range(16):
        works(life, 24000 + i)
    assert "combined 2" in ports(life)["underlay"]["hint"]
    life.daemon.stop()
    taken = take_queue(life.gateway, "uplink0", 2)
    life.daemon.start()
    port = await_queues(life, 3, "degraded")
    assert [q["queue"] for q in port["queues"]] == [0, 1, 3]
    taken.close()


def test_program_refused(life):
    """The kernel refuses the steer program: the start ends with a sentence, and leaves nothing behind."""
    life.daemon.stop()
    life.daemon.env = {"LD_PRELOAD": tool(life, "librefuse.so")}
    with pytest.raises(DaemonFailed, match="port uplink: the kernel refused the XDP program: .*"):
        life.daemon.start()
    assert "xdp" not in life.gateway.ip("link", "show", "uplink0").stdout
    life.daemon.env = {}
    life.daemon.start()
    works(life)


def maps(bed, name):
    """Ids of the daemon's maps of this name."""
    ids = set()
    folder = f"/proc/{bed.daemon.process.pid}/fdinfo"
    for fd in os.listdir(folder):
        with open(os.path.join(folder, fd), encoding="ascii") as f:
            ids.update(re.findall(r"^map_id:\s*(\d+)$", f.read(), re.M))
    listing = json.loads(bed.gateway.run("bpftool", "-j", "map", "show").stdout)
    return [m["id"] for m in listing if str(m["id"]) in ids and m.get("name") == name]


def take_queue(ns, interface, queue):
    """Binds an AF_XDP socket of ours to a queue; close it to give the queue back."""
    memory = mmap.mmap(-1, 16 * 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    s = ns.socket(AF_XDP, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_XDP, XDP_UMEM_REG, struct.pack("=QQIIII", address, 16 * 4096, 4096, 0, 0, 0))
    for ring in (XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING):
        s.setsockopt(SOL_XDP, ring, 64)
    with ns.inside():
        to = struct.pack("=HHIII", AF_XDP, XDP_COPY, socket.if_nametoindex(interface), queue, 0)
    # the kernel frees a queue a moment after its last socket was closed
    wait_until(f"queue {queue} of {interface}", lambda: LIBC.bind(s.fileno(), to, len(to)) == 0)
    return s
