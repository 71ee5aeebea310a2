"""A gateway under churn on AF_XDP: flows begin and end, and the underlay changes.

    flood ==GRE==> underlay0  homewardd, several workers  uplink0 ----> a counter, and echo servers

    churn.py BUILD SECONDS SEED WORKERS small|huge

Each round floods packets of new flows from both branches and waits until the gateway is idle: all packets
that the ports took have left, or are counted under a reason. Then real programs ask echo servers from both
branches at once, by new sockets, and each answer must be the right one. Meanwhile, at random, neighbours
are deleted, the MTU of the underlay changes, and a route is added and removed. Prints one line of counts; the exit
status is 1 after a finding, which is said on standard error, and 77 if the machine has no huge pages.
"""
import concurrent.futures
import contextlib
import pathlib
import random
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "e2e")]

import pytest  # noqa: E402
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.l2 import GRE, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

from ask import echo_tcp, echo_udp, tcp_socket, udp_socket  # noqa: E402
from bed import netns, servers  # noqa: E402
from bed.echo import mac  # noqa: E402
from bed.flood import Flood  # noqa: E402
from bed.netns import wait_until  # noqa: E402
from bed.topology import GATEWAY_OUTER, SERVER, Topology, berlin, madrid  # noqa: E402
from test_through import MEMORY, SINK, arrived, lost, reserved, running  # noqa: E402

FLOWS, PACKETS, ASKS, TRIES = 400, 20_000, 20, 3
NO_HUGE_PAGES = 77


class Finding(Exception):
    pass


def stop_if(wrong, what):
    if wrong:
        raise Finding(what)


def frames(topology, dice):
    """FLOWS packets of flows with random addresses and ports, most of which are new."""
    eth = Ether(src=mac(topology.carrier, "gateway0"), dst=mac(topology.gateway, "underlay0"))
    out = []
    for i in range(FLOWS):
        branch = topology.branches[i % 2]
        out.append(bytes(eth / IP(src=branch.outer, dst=GATEWAY_OUTER) /
                         GRE(key_present=1, key=branch.key) /
                         IP(src=f"10.0.1.{dice.randrange(20, 250)}", dst=SERVER) /
                         UDP(sport=dice.randrange(1024, 65536), dport=9) /
                         Raw(b"x" * dice.randrange(1, 1200))))
    return out


def flood(topology, daemon, dice):
    """Returns the number of packets that came out at the other side."""
    before, port = arrived(topology), daemon.ask("status")["ports"][1]
    sent_before = port["tx_packets"] - port["kernel"]["arp"] - sum(lost(port).values())
    gun = Flood(topology.carrier, "gateway0", frames(topology, dice))
    try:
        gun.send(PACKETS)
    finally:
        gun.close()
    wait_until("the rings to be empty", lambda: all(
        p["waiting"] == 0 for p in daemon.ask("status")["ports"]), 30)
    daemon.settle(30)
    port = daemon.ask("status")["ports"][1]
    sent = port["tx_packets"] - port["kernel"]["arp"] - sum(lost(port).values()) - sent_before
    came = arrived(topology) - before
    stop_if(came != sent, f"the uplink sent {sent} packets, {came} arrived")
    stop_if(came == 0, "nothing gets through")
    return came


def ask_once(branch, tcp, port, text):
    with contextlib.closing((tcp_socket if tcp else udp_socket)(branch, port)) as s:
        answer, _ = (echo_tcp if tcp else echo_udp)(s, text)
    stop_if(answer != text, f"{branch.name} asked {text!r} and got {answer!r}")


def ask(branch, ports):
    """Both branches use the same ports at once. A packet may be lost on a busy machine, but not three."""
    for i, port in enumerate(ports):
        for attempt in range(TRIES):
            try:
                ask_once(branch, i % 2, port, f"{branch.name}-{port}-{attempt}")
                break
            except OSError as e:
                stop_if(attempt == TRIES - 1, f"{branch.name}, port {port}: {e}")
    return len(ports)


def disturb(topology, dice):
    what = dice.randrange(4)
    if what == 0:
        topology.gateway.ip("neigh", "flush", "dev", dice.choice(["underlay0", "uplink0"]))
    elif what == 1:
        mtu = dice.choice([1400, 1450, 1500])
        topology.gateway.ip("link", "set", "underlay0", "mtu", mtu)
        topology.carrier.ip("link", "set", "gateway0", "mtu", mtu)
    elif what == 2:
        topology.gateway.ip("route", "replace", "192.0.2.18/32", "via", "192.0.2.14", "mtu",
                            dice.choice([1300, 1500]))
    else:
        topology.gateway.ip("route", "del", "192.0.2.18/32", check=False)


def churn(topology, daemon, dice, end):
    counts = {"rounds": 0, "packets": 0, "asked": 0}
    while time.monotonic() < end or counts["rounds"] == 0:
        counts["packets"] += flood(topology, daemon, dice)
        disturb(topology, dice)
        ports = dice.sample(range(10000, 60000), ASKS)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            counts["asked"] += sum(pool.map(lambda b: ask(b, ports), topology.branches))
        problem = daemon.unaccounted()
        stop_if(problem, problem)
        strangers = topology.strangers()
        stop_if(strangers, f"{strangers} packets came out at another branch")
        counts["rounds"] += 1
    return counts


def run(topology, seconds, seed, workers, pages):
    memory, n = MEMORY[pages]
    timers = "  timeouts: {udp: 3s, tcp-closed: 3s}\n"
    with reserved(n), running(topology, f"{workers}-{pages}",
                              ("workers: 1", f"workers: {workers}"),
                              ("workers:", timers + "workers:")) as daemon:
        stop_if(memory not in daemon.log_text(), f"the log does not say {memory!r}")
        counts = churn(topology, daemon, random.Random(seed), time.monotonic() + seconds)
        counts["flows"] = daemon.ask("status")["flows"]["created"]
    return counts


def main(build, seconds, seed, workers, pages):
    prefix = f"{netns.checkout_prefix(str(ROOT))}-soak"
    with tempfile.TemporaryDirectory(prefix="homeward-soak-") as folder:
        topology = Topology(prefix, build, [berlin(), madrid()], folder)
        try:
            topology.internet.nft(SINK)
            servers.start(topology)
            counts = run(topology, float(seconds), int(seed), int(workers), pages)
        except pytest.skip.Exception as e:
            print(e)
            return NO_HUGE_PAGES
        except Exception as e:  # any exception is a finding, since nobody watches
            print(f"{type(e).__name__}: {e}", file=sys.stderr)
            return 1
        finally:
            topology.down()
    print(", ".join(f"{k} {v}" for k, v in counts.items()))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
