"""What may change under a port while the daemon runs: the table in docs/ports.md, row by row.

The uplink's interface is deleted, made again, renamed, moved, set down; its program is removed and
replaced. Each time the port shows its state, the daemon goes on, and at the end the same flow goes on, too.
"""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest

from ask import echo_udp, token, udp_socket
from bed.daemon import configuration
from bed.netns import link, plain_packets, wait_until
from bed.topology import GATEWAY_UPLINK, INTERNET_UPLINK, berlin
from conftest import Bed

DRIVERS = ["af_xdp", "af_packet"]
RETURNS = 12  # one that lost its buffers would have none left after eight
WAIT_S = 30


@pytest.fixture(scope="module", params=DRIVERS)
def life(request, prefix, build, tmp_path_factory):
    b = Bed(f"{prefix}-life", build, tmp_path_factory.mktemp("life"),
            [berlin()])
    b.driver = request.param
    text = configuration(b.topology, b.daemon.socket).replace("workers: 1", "workers: 2")
    b.daemon.stop()
    b.daemon.configure(text.replace("driver: af_xdp\n    interface: uplink0",
                                    f"driver: {b.driver}\n    interface: uplink0"))
    b.daemon.start()
    yield b
    b.down()


@pytest.fixture
def flow(life):
    """A UDP flow of berlin; flow() returns its egress address and port, once it answers."""
    s = udp_socket(life.branches[0], 23000)
    s.settimeout(0.5)

    def ask():
        text = token(life.branches[0])
        try:
            while True:
                got, egress = echo_udp(s, text)
                if got == text:
                    return egress
        except (TimeoutError, OSError):
            return None

    ask.works = lambda: wait_until("an answer", ask, WAIT_S)
    yield ask
    s.close()
    life.daemon.settle()
    assert life.daemon.unaccounted() == ""


def uplink(life):
    return next(p for p in life.daemon.ask("status")["ports"] if p["name"] == "uplink")


def await_state(life, state, reason=""):
    try:
        return wait_until(f"state {state}", lambda: (p := uplink(life))["state"] == state and
                          re.search(reason, p["reason"] or "") and p, WAIT_S)
    except TimeoutError as e:
        raise TimeoutError(f"{e}: {uplink(life)}\n{life.daemon.log_text()}") from None


def alarms(life):
    """About the uplink; that packets are lost meanwhile is true, too."""
    return [a["alarm"] for a in life.daemon.ask("status")["alarms"]
            if a["subject"] == "uplink" and a["alarm"] != "port_losses"]


def route(life):
    life.gateway.ip("route", "replace", "default", "via", INTERNET_UPLINK)


def make_uplink(life):
    link(life.gateway, "uplink0", f"{GATEWAY_UPLINK}/24", life.internet, "uplink0",
         f"{INTERNET_UPLINK}/24")
    plain_packets(life.internet, "uplink0")
    life.internet.run("ethtool", "-K", "uplink0", "gro", "off", check=False)
    route(life)


def told_or_dropped(life):
    """Packets for a port that is gone: their senders get ICMP errors, within the rate limit."""
    return life.daemon.drops().get("port_down", 0) + life.daemon.answered().get("unreachable", 0)


def test_deleted_and_made_again(life, flow):
    """Waited for, with one line in the log each way; packets are answered or counted as port_down."""
    egress = flow.works()
    before = len(life.daemon.log_text().splitlines())
    life.gateway.ip("link", "del", "uplink0")
    await_state(life, "missing", "no interface uplink0")
    assert alarms(life) == ["port_missing"]
    lost = told_or_dropped(life)
    assert flow() is None
    wait_until("its counter", lambda: told_or_dropped(life) > lost)
    time.sleep(3)
    said = life.daemon.log_text().splitlines()[before:]
    assert len(said) <= 3, said

    make_uplink(life)
    assert flow.works() == egress
    assert uplink(life)["state"] == "up" and alarms(life) == []


def test_another_with_the_same_number(life, flow):
    """Exchanged while the daemon did not look: name and number are the same, its socket is on neither."""
    egress = flow.works()
    index = life.gateway.ip("-o", "link", "show", "uplink0").stdout.split(":")[0]
    life.daemon.process.send_signal(signal.SIGSTOP)
    try:
        life.gateway.ip("link", "del", "uplink0")
        life.gateway.ip("link", "add", "uplink0", "index", index, "type", "veth",
                        "peer", "name", "uplink0", "netns", life.internet.name)
        for ns, address in ((life.gateway, GATEWAY_UPLINK), (life.internet, INTERNET_UPLINK)):
            ns.ip("addr", "add", f"{address}/24", "dev", "uplink0")
            ns.ip("link", "set", "uplink0", "up")
        plain_packets(life.internet, "uplink0")
        route(life)
    finally:
        life.daemon.process.send_signal(signal.SIGCONT)
    assert flow.works() == egress
    assert uplink(life)["state"] == "up" and alarms(life) == []


def test_cannot_be_opened(life, flow):
    """A peer with more queues than ours allows no XDP: the alarm names the cure, and stands until then."""
    if life.driver != "af_xdp":
        pytest.skip("af_packet takes it")
    egress = flow.works()
    life.gateway.ip("link", "del", "uplink0")
    await_state(life, "missing")
    life.gateway.ip("link", "add", "uplink0", "numrxqueues", "1", "type", "veth",
                    "peer", "name", "uplink0", "numtxqueues", "2", "netns", life.internet.name)
    life.internet.run("ethtool", "-L", "uplink0", "tx", "2")
    for ns in (life.gateway, life.internet):
        ns.ip("link", "set", "uplink0", "up")
    before = descriptors(life)
    await_state(life, "closed", "rx queues.*set driver: af_packet$")
    time.sleep(4)  # two tries more
    assert descriptors(life) <= before
    life.gateway.ip("link", "del", "uplink0")
    await_state(life, "missing")
    make_uplink(life)
    assert flow.works() == egress
    assert alarms(life) == []


@contextlib.contextmanager
def traffic(life):
    """Packets of many flows all the while, whatever becomes of them."""
    done = threading.Event()
    sockets = [udp_socket(life.branches[0], 23100 + i) for i in range(16)]

    def send():
        while not done.is_set():
            for s in sockets:
                with contextlib.suppress(OSError):
                    s.send(b"x" * 100)
            time.sleep(0.0005)

    thread = threading.Thread(target=send)
    thread.start()
    yield
    done.set()
    thread.join()
    for s in sockets:
        s.close()


def descriptors(life):
    return len(os.listdir(f"/proc/{life.daemon.process.pid}/fd"))


def test_comes_and_goes(life, flow):
    """Under load. Each return gives buffers and descriptors back: the last works as the first."""
    egress = flow.works()
    before = descriptors(life)
    with traffic(life):
        for _ in range(RETURNS):
            life.gateway.ip("link", "del", "uplink0")
            await_state(life, "missing")
            make_uplink(life)
            await_state(life, "up")
    assert flow.works() == egress
    for _ in range(20):
        assert flow() == egress
    assert "pool_shrunk" not in [a["alarm"] for a in life.daemon.ask("status")["alarms"]]
    assert descriptors(life) <= before


def test_renamed(life, flow):
    """The port belongs to the name."""
    egress = flow.works()
    life.gateway.ip("link", "set", "uplink0", "down")
    life.gateway.ip("link", "set", "uplink0", "name", "other0")
    life.gateway.ip("link", "set", "other0", "up")
    await_state(life, "missing")
    shown = life.gateway.ip("-d", "link", "show", "other0").stdout
    assert "xdp" not in shown and "homeward" not in life.gateway.run("bpftool", "net").stdout.split(
        "underlay0")[0]
    life.gateway.ip("link", "set", "other0", "down")
    life.gateway.ip("link", "set", "other0", "name", "uplink0")
    life.gateway.ip("link", "set", "uplink0", "up")
    route(life)
    assert flow.works() == egress


def test_moved_to_another_namespace(life, flow):
    """And back: programs that were left on it do not prevent the start."""
    egress = flow.works()
    life.gateway.ip("link", "set", "uplink0", "netns", life.carrier.name)
    await_state(life, "missing")
    life.carrier.ip("link", "set", "uplink0", "netns", life.gateway.name)
    life.gateway.ip("addr", "add", f"{GATEWAY_UPLINK}/24", "dev", "uplink0")
    life.gateway.ip("link", "set", "uplink0", "up")
    route(life)
    assert flow.works() == egress
    assert uplink(life)["state"] == "up"


def test_down_and_up(life, flow):
    egress = flow.works()
    life.gateway.ip("link", "set", "uplink0", "down")
    await_state(life, "down", "uplink0 is down")
    assert flow() is None
    life.gateway.ip("link", "set", "uplink0", "up")
    route(life)
    assert flow.works() == egress

    life.internet.ip("link", "set", "uplink0", "down")
    await_state(life, "down", "no carrier")
    assert alarms(life) == ["port_down"]
    life.internet.ip("link", "set", "uplink0", "up")
    assert flow.works() == egress
    assert alarms(life) == []


def program_links(life):
    """The daemon's own: others of the machine are none of our business."""
    links = set()
    for info in pathlib.Path(f"/proc/{life.daemon.process.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            links.update(re.findall(r"^link_id:\s*(\d+)$", info.read_text(), re.M))
    return links


def take_program_off(life):
    if life.driver == "af_xdp":
        life.gateway.ip("link", "set", "dev", "uplink0", "xdp", "off")
        return
    for number in program_links(life):
        life.gateway.run("bpftool", "link", "detach", "id", number, check=False)


def count_restored(life):
    return life.daemon.log_text().count("our program was removed")


def test_program_taken_off(life, flow):
    """It is put on again, without a packet of the kernel's being lost."""
    egress = flow.works()
    before = count_restored(life)
    take_program_off(life)
    wait_until("it to be put on again", lambda: count_restored(life) == before + 1, WAIT_S)
    assert flow.works() == egress
    assert uplink(life)["state"] == "up"


def test_program_replaced(life, flow, tmp_path):
    """Another program's XDP program stays; the port shows that packets bypass it."""
    if life.driver != "af_xdp":
        pytest.skip("af_packet has no XDP program")
    egress = flow.works()
    source = tmp_path / "other.c"
    source.write_text('__attribute__((section("xdp"), used)) int other_prog(void *c) { return 2; }\n')
    subprocess.run(["clang", "-target", "bpf", "-O2", "-c", source, "-o", tmp_path / "other.o"], check=True)
    life.gateway.ip("-force", "link", "set", "dev", "uplink0", "xdp", "obj", tmp_path / "other.o",
                    "sec", "xdp")
    await_state(life, "bypassed", "another XDP program")
    assert alarms(life) == ["port_bypassed"]
    assert flow() is None
    life.gateway.ip("link", "set", "dev", "uplink0", "xdp", "off")
    assert flow.works() == egress
    assert uplink(life)["state"] == "up"


def offload(ns, name):
    return re.search(rf"^{name}: (\w+)", ns.run("ethtool", "-k", "uplink0").stdout, re.M).group(1)


def test_offloads(life, flow):
    """GRO joins segments before an af_packet port sees them: it is switched off again."""
    if life.driver == "af_xdp":
        pytest.skip("af_xdp sees packets before GRO")
    life.gateway.run("ethtool", "-K", "uplink0", "gro", "on")
    wait_until("GRO to be off", lambda: offload(life.gateway, "generic-receive-offload") == "off", WAIT_S)
    flow.works()


def test_larger_mtu(life, flow):
    """Buffers are as large as they are: a larger MTU is reported until it is taken back."""
    egress = flow.works()
    for ns in (life.gateway, life.internet):
        ns.ip("link", "set", "uplink0", "mtu", "1600")
    await_state(life, "degraded", "MTU 1600")
    assert flow.works() == egress
    for ns in (life.gateway, life.internet):
        ns.ip("link", "set", "uplink0", "mtu", "1500")
    await_state(life, "up")


def test_boot_order(life, flow):
    """The daemon starts before its uplink is there, is ready, and takes it when it comes."""
    life.daemon.stop()
    life.gateway.ip("link", "del", "uplink0")
    life.daemon.start()
    assert uplink(life)["state"] == "missing"
    out = life.daemon.homeward("status").stdout
    assert re.search(r"^uplink +\w+ +uplink0 +missing ", out, re.M), out
    assert flow() is None
    make_uplink(life)
    flow.works()
    assert uplink(life)["state"] == "up"
