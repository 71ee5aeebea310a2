#!/usr/bin/python3
"""What the control thread costs while routes change: many of them, ten changes a second.

    tests/bench/routes.py [--build build] [--routes 100000] [--changes 10] [--seconds 10]

Prints the share of a core, and how long after the start the API answered.
"""
import argparse
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bed.daemon import Daemon, state_directory  # noqa: E402
from bed.echo import GW, PEER, make_pair  # noqa: E402

YAML = """\
flows: {{capacity: 65536}}
state-directory: {state}
workers: 1
api: {{socket: {socket}}}
ports:
  - {{name: eth0, driver: af_packet, interface: eth0}}
sites:
  - name: one
    tunnels: [{{name: t, type: gre, port: eth0, local: {gw}, remote: {peer}, address: 10.255.0.1}}]
egress:
  - {{name: internet, port: eth0, addresses: [{{address: 203.0.113.5, slices: [1]}}]}}
"""


def prefix(n):
    return f"{20 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24"  # n from 0


class Place:
    """What Daemon wants of a topology."""

    def __init__(self, gateway, build, folder):
        self.gateway, self.build, self.folder = gateway, build, folder

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")


def control_seconds(daemon):
    """CPU time of its first thread."""
    pid = daemon.ask("status")["pid"]
    fields = open(f"/proc/{pid}/task/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def add_routes(gw, n, folder):
    batch = os.path.join(folder, "batch")
    with open(batch, "w", encoding="ascii") as f:
        f.writelines(f"route add {prefix(i)} via {PEER}\n" for i in range(n))
    gw.ip("-batch", batch, timeout=600)


def change(gw, args):
    begin = time.monotonic()
    for i in range(args.changes * args.seconds):
        gw.ip("route", "del" if i % 2 == 0 else "add", prefix(i // 2), "via", PEER)
        time.sleep(max(0, begin + (i + 1) / args.changes - time.monotonic()))
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--routes", type=int, default=100000)
    parser.add_argument("--changes", type=int, default=10, help="a second")
    parser.add_argument("--seconds", type=int, default=10)
    args = parser.parse_args()
    args.routes = max(args.routes, args.changes * args.seconds)
    gw, peer = make_pair(f"hwroutes{os.getpid()}")
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(Place(gw, os.path.abspath(args.build), folder))
        try:
            add_routes(gw, args.routes, folder)
            daemon.configure(YAML.format(socket=daemon.socket, state=state_directory(daemon.socket),
                                         gw=GW, peer=PEER))
            begin = time.monotonic()
            daemon.start()
            started = time.monotonic() - begin
            before = control_seconds(daemon)
            took = change(gw, args)
            used = control_seconds(daemon) - before
            print(f"{args.routes} routes, {args.changes} changes a second: "
                  f"{100 * used / took:.1f} % of a core; {before:.2f} s of it at the start, "
                  f"which took {started:.2f} s")
        finally:
            daemon.stop()
            gw.delete()
            peer.delete()


if __name__ == "__main__":
    main()
