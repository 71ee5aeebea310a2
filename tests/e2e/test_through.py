"""200,000 packets through AF_XDP ports: each one arrives, or is counted under a reason.

    flood ==GRE==> underlay0  homewardd  uplink0 ----> an nft counter in the Internet

Buffers pass from worker to worker and from port to port: each must be known to the kernel, with huge
pages and without. Packets may come faster than a small machine takes them; then a ring is full, and
the port says so.
"""
import contextlib
import json
import signal

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Raw

from bed.daemon import Daemon, configuration
from bed.echo import mac, pings
from bed.flood import Flood
from bed.netns import command, wait_until
from bed.topology import GATEWAY_OUTER, SERVER, Topology, berlin, madrid

PACKETS, FLOWS = 200_000, 500
HUGE_PAGES = 512  # another daemon on the machine may take a part of them
SINK = """table ip sink {
    chain in {
        type filter hook prerouting priority raw
        udp dport 9 counter drop
    }
}
"""


@pytest.fixture(scope="module")
def net(prefix, build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("through")
    topology = Topology(f"{prefix}-through", str(build), [berlin(), madrid()], str(folder))
    topology.internet.nft(SINK)
    topology.flood = Flood(topology.carrier, "gateway0", frames(topology, FLOWS))
    yield topology
    topology.flood.close()
    topology.down()


def huge_pages():
    with open("/proc/sys/vm/nr_hugepages", encoding="ascii") as f:
        return int(f.read())


@contextlib.contextmanager
def reserved(pages):
    before = huge_pages()
    command("sysctl", "-q", "-w", f"vm.nr_hugepages={before + pages}")
    try:
        if huge_pages() < before + pages:
            pytest.skip(f"the machine has no {pages} huge pages to give")
        yield
    finally:
        command("sysctl", "-q", "-w", f"vm.nr_hugepages={before}")


def frames(topology, n):
    """Of @n flows, from both branches, in turn."""
    eth = Ether(src=mac(topology.carrier, "gateway0"), dst=mac(topology.gateway, "underlay0"))
    branches = topology.branches
    return [bytes(eth / IP(src=branches[i % 2].outer, dst=GATEWAY_OUTER) /
                  GRE(key_present=1, key=branches[i % 2].key) /
                  IP(src=f"10.0.1.{10 + i // 100}", dst=SERVER) /
                  UDP(sport=1000 + i % 100, dport=9) / Raw(b"x" * 64)) for i in range(n)]


def arrived(topology):
    rules = json.loads(topology.internet.run("nft", "-j", "list", "table", "ip", "sink").stdout)
    return sum(e["counter"]["packets"] for r in rules["nftables"] if "rule" in r
               for e in r["rule"]["expr"] if "counter" in e)


def lost(port):
    return {loss["reason"]: loss["packets"] for loss in port["lost"] if loss["packets"]}


@contextlib.contextmanager
def running(topology, name, *changes):
    daemon = Daemon(topology, f"homewardd-{name}")
    text = configuration(topology, daemon.socket, 16384)
    for old, new in changes:
        text = text.replace(old, new)
    daemon.configure(text)
    daemon.start()
    try:
        yield daemon
        assert daemon.unaccounted() == ""
    finally:
        assert daemon.stop() == 0, daemon.log_text()


def send_through(topology, daemon):
    before = arrived(topology)
    topology.flood.send(PACKETS)
    wait_until("the rings to be empty", lambda: all(
        p["waiting"] == 0 for p in daemon.ask("status")["ports"]))
    daemon.settle()
    return arrived(topology) - before


MEMORY = {"small": ("memory: without huge pages", 0), "huge": ("memory: huge pages,", HUGE_PAGES)}


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("pages", MEMORY)
def test_nothing_is_lost_in_silence(net, pages, workers):
    memory, n = MEMORY[pages]
    with reserved(n), running(net, f"{workers}-{pages}",
                              ("workers: 1", f"workers: {workers}")) as daemon:
        assert memory in daemon.log_text(), daemon.log_text()
        came = send_through(net, daemon)
        underlay, uplink = daemon.ask("status")["ports"]
        on_receive = sum(n for reason, n in lost(underlay).items() if reason.startswith("rx_"))
        assert underlay["took"] == underlay["rx_packets"] + on_receive
        assert underlay["kernel"]["tunnel"] + lost(underlay).get("crowded", 0) == PACKETS
        assert underlay["rings"]["rx_invalid"] == uplink["rings"]["rx_invalid"] == 0
        assert not set(lost(underlay)) - {"rx_ring_full", "rx_dropped", "crowded"}
        sent = uplink["tx_packets"] - uplink["kernel"]["arp"]  # but answers to ARP
        assert came == sent - sum(lost(uplink).values()), lost(uplink)
        assert set(lost(uplink)) <= {"tx_dropped"}, lost(uplink)
        assert underlay["rx_packets"] > PACKETS / 4  # it did not die on the way
        for branch in net.branches:
            assert pings(branch.host, SERVER) == 3


@pytest.mark.parametrize("driver", ["af_xdp", "af_packet"])
def test_losses_are_told(net, driver):
    """A daemon that stops for a moment: its rings overflow, and it reports the number of lost frames."""
    with running(net, driver, ("driver: af_xdp", f"driver: {driver}")) as daemon:
        assert "LOST" in daemon.homeward("status").stdout
        assert lost(daemon.ask("status")["ports"][0]) == {}
        daemon.process.send_signal(signal.SIGSTOP)
        net.flood.send(6000)
        daemon.process.send_signal(signal.SIGCONT)
        alarm = wait_until("the alarm", lambda: daemon.ask("status")["alarms"])[0]
        assert (alarm["alarm"], alarm["subject"]) == ("port_losses", "underlay")
        daemon.settle()
        port = daemon.ask("status")["ports"][0]
        losses = lost(port)
        assert losses.keys() <= {"rx_ring_full", "rx_dropped", "crowded"}
        assert 6000 - 2 * 2048 <= sum(losses.values()) < 6000
        assert port["rx_packets"] + sum(losses.values()) == port["took"] + losses.get("crowded", 0)
        text = daemon.homeward("status").stdout
        for reason in losses:
            assert f"underlay  {reason}" in text
        assert "on the way to or from a worker" in text
        assert all(reason in daemon.homeward("drops").stdout for reason in losses)
        assert pings(net.branches[0].host, SERVER) == 3


def test_a_flood_leaves_its_neighbours_room(net):
    """A daemon that stands still while berlin floods it: all that madrid sends comes through."""
    berlins, madrids = (frames(net, 80)[i::2] for i in (0, 1))
    flood = Flood(net.carrier, "gateway0", berlins)
    quiet = Flood(net.carrier, "gateway0", madrids)
    with running(net, "share") as daemon:
        daemon.process.send_signal(signal.SIGSTOP)
        flood.send(6000)
        quiet.send(len(madrids))
        daemon.process.send_signal(signal.SIGCONT)
        wait_until("the packets", lambda: daemon.ask("status")["packets"]["rx"] > 1000)
        daemon.settle()
        sent = sum(f["packets_out"] for f in daemon.flows("--site", "madrid"))
        assert sent == len(madrids)
        port = daemon.ask("status")["ports"][0]
        assert lost(port).keys() == {"crowded"}
        assert port["kernel"]["tunnel"] + lost(port)["crowded"] == 6000 + len(madrids)
    flood.close()
    quiet.close()
