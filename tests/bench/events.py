#!/usr/bin/python3
"""What an address event costs the control thread, and the start, with many tunnel ends.

    tests/bench/events.py BUILD [--ends 20000] [--egress 4000] [--addresses 100]

The gateway has @addresses of its own besides. The longest answer of the API while one more comes and
goes is what the control thread was busy with. Figures, no verdict.
"""
import argparse
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bed import netns  # noqa: E402
from bed.daemon import Daemon, state_directory  # noqa: E402
from bed.netns import Namespace, link  # noqa: E402

WATCH_S = 15


class Bed:
    """What Daemon() wants to know of a topology."""

    def __init__(self, prefix, build, folder):
        self.gateway, self.peer = Namespace(f"{prefix}-gw"), Namespace(f"{prefix}-peer")
        self.build, self.folder = build, folder
        link(self.gateway, "eth0", "192.0.2.1/24", self.peer, "eth0", "192.0.2.2/24")
        self.gateway.ip("route", "add", "default", "via", "192.0.2.2")

    def log(self, name):
        return f"{self.folder}/{name}.log"

    def down(self):
        self.gateway.delete()
        self.peer.delete()


def address(i, first):
    return f"{first}.{i >> 16}.{i >> 8 & 255}.{i & 255}"


def configuration(socket, driver, ends, egress):
    sites = "".join(f"  - name: s{i}\n    prefixes: [10.0.1.0/24]\n    tunnels:\n"
                    f"      - {{name: t{i}, type: gre, local: {address(i, 11)}, "
                    f"remote: {address(i, 12)}, port: eth}}\n" for i in range(ends))
    pool = "".join(f"      - {{address: {address(i, 13)}, slices: [1]}}\n" for i in range(egress))
    return (f"api:\n  socket: {socket}\nstate-directory: {state_directory(socket)}\n"
            f"flows:\n  capacity: 65536\nports:\n"
            f"  - {{name: eth, driver: {driver}, interface: eth0}}\nsites:\n{sites}"
            f"egress:\n  - name: internet\n    port: eth\n    addresses:\n{pool}")


def longest_answer(daemon, seconds):
    longest, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.monotonic()
        daemon.homeward("status", check=False)
        longest = max(longest, time.monotonic() - before)
    return longest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--ends", type=int, default=20000)
    parser.add_argument("--egress", type=int, default=4000)
    parser.add_argument("--addresses", type=int, default=100)
    parser.add_argument("--driver", default="af_packet")
    args = parser.parse_args()
    prefix = netns.checkout_prefix(str(pathlib.Path(__file__).resolve())) + "-events"
    with tempfile.TemporaryDirectory() as folder:
        bed = Bed(prefix, args.build, folder)
        try:
            for i in range(args.addresses):
                bed.gateway.ip("addr", "add", f"{address(i, 14)}/32", "dev", "lo")
            daemon = Daemon(bed)
            daemon.configure(configuration(daemon.socket, args.driver, args.ends, args.egress))
            before = time.monotonic()
            daemon.start()
            print(f"start          {time.monotonic() - before:8.2f} s")
            print(f"quiet answer   {longest_answer(daemon, 3):8.3f} s")
            bed.gateway.ip("addr", "add", "11.0.0.5/24", "dev", "eth0")
            print(f"address added  {longest_answer(daemon, WATCH_S):8.3f} s")
            bed.gateway.ip("addr", "del", "11.0.0.5/24", "dev", "eth0")
            print(f"address gone   {longest_answer(daemon, WATCH_S):8.3f} s")
            daemon.stop()
        finally:
            bed.down()


main()
