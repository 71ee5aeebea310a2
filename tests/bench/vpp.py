#!/usr/bin/python3
"""VPP beside us, by hand: what to start, and what to make of its counters.

    tests/bench/vpp.py [--build BUILD]     writes VPP's configuration, says what to do
    tests/bench/vpp.py --runtime FILE      clocks a packet of `vppctl show runtime`

`make bench` does not start VPP. It is not in Debian, and this has never run against one: a row that
nobody has seen would be no measurement. The work is equal: nat44-ed, 64 sites with the same
addresses, keyed GRE, 1 M open flows in random order in both directions, from the same generator.
"""
import argparse
import os
import shutil
import sys

SITES, FLOWS = 64, 1000000
TABLE_FIRST = 100
ADDRESSES = ("203.0.113.10", "203.0.113.13")
SOCKET, CLI_SOCKET = "/run/homeward-vpp-memif.sock", "/run/homeward-vpp-cli.sock"
MARGIN = 1.1  # sessions


def find():
    """The user's VPP: of the environment's VPP=/path, or in the PATH; or None."""
    return shutil.which(os.environ.get("VPP") or "vpp")


def startup_conf(folder):
    return f"""\
unix {{
	nodaemon
	exec {folder}/vpp.cli
	cli-listen {CLI_SOCKET}
}}
cpu {{
	main-core 0
	corelist-workers 1
}}
memory {{
	main-heap-size 4G
}}
plugins {{
	plugin default {{ disable }}
	plugin memif_plugin.so {{ enable }}
	plugin nat_plugin.so {{ enable }}
	plugin gre_plugin.so {{ enable }}
}}
"""


def port_lines(number, mac, address, gateway, gateway_mac):
    name = f"memif1/{number}"
    yield f"create interface memif id {number} socket-id 1 master"
    yield f"set interface mac address {name} {mac}"
    yield f"set interface ip address {name} {address}/24"
    yield f"set interface state {name} up"
    yield f"set ip neighbor {name} {gateway} {gateway_mac}"


def site_lines(i):
    """A table of its own for each site: all of them have the same addresses."""
    table, name = TABLE_FIRST + i, f"gre{i}"
    yield f"ip table add {table}"
    yield f"create gre tunnel src 198.51.100.1 dst 192.0.2.{i + 1} instance {i} key {i}"
    yield f"set interface ip table {name} {table}"
    yield f"set interface unnumbered {name} use memif1/0"
    yield f"set interface state {name} up"
    yield f"ip route add 10.0.0.0/8 table {table} via {name}"
    yield f"ip route add 0.0.0.0/0 table {table} via 203.0.113.254 memif1/1"
    yield f"set interface nat44 in {name}"


def cli_text():
    lines = [f"create memif socket id 1 filename {SOCKET}"]
    lines += port_lines(0, "02:00:00:00:00:01", "198.51.100.1", "198.51.100.254",
                        "02:00:00:00:00:aa")
    lines += port_lines(1, "02:00:00:00:00:02", "203.0.113.1", "203.0.113.254",
                        "02:00:00:00:00:bb")
    lines += ["ip route add 192.0.2.0/24 via 198.51.100.254 memif1/0",
              "ip route add 0.0.0.0/0 via 203.0.113.254 memif1/1",
              f"nat44 plugin enable sessions {int(FLOWS * MARGIN)}",
              f"nat44 add address {ADDRESSES[0]} - {ADDRESSES[1]}",
              "set nat timeout udp 600",
              "set interface nat44 out memif1/1"]
    for i in range(SITES):
        lines += site_lines(i)
    return "\n".join(lines) + "\n"


def clocks_a_packet(text):
    """Clocks of all nodes that handled packets, by the packets that the memif ports received.

    A thread's part begins with "Thread"; of several workers all count. Columns: name, state (one or
    two words), calls, vectors, suspends, clocks, vectors a call.
    """
    clocks = packets = 0.0
    for line in text.splitlines():
        words = line.split()
        try:
            vectors, cost = float(words[-4]), float(words[-2])
        except (IndexError, ValueError):
            continue
        clocks += vectors * cost
        packets += vectors if words[0] == "memif-input" else 0
    if not packets:
        raise ValueError("no packet came by memif-input")
    return clocks / packets


def write_files(build):
    folder = os.path.join(build, "bench", "vpp")
    os.makedirs(folder, exist_ok=True)
    for name, text in (("startup.conf", startup_conf(folder)), ("vpp.cli", cli_text())):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)
    return folder


def how(build):
    """What to type. VPP with keys in GRE tunnels is needed: 26.02 has them, 24.10 has not."""
    folder = write_files(build)
    program, core = find() or "vpp", f"{build}/tests/bench/bench-core"
    return f"""\
{"" if find() else "install VPP (26.02 or later) with its plugins, or set VPP=/path/of/vpp; "}\
start: sysctl vm.nr_hugepages=2048; {program} -c {folder}/startup.conf
in another terminal: {core} memif-generator --flows {FLOWS} --socket {SOCKET} --repeat 3
while it prints: vppctl -s {CLI_SOCKET} clear runtime; sleep 5; \
vppctl -s {CLI_SOCKET} show runtime > runtime
then: {os.path.abspath(__file__)} --runtime runtime; compare it with the clocks of forward_1m"""


class Vpp:
    def __init__(self, build, say):
        self.build, self.say = build, say

    def measure(self, results):
        self.say("vpp")
        results.set("vpp", flows=FLOWS, note="not measured by this program: " + how(self.build).replace("\n", "; "))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--runtime", help="a file with the output of `vppctl show runtime`")
    args = parser.parse_args()
    if args.runtime:
        with open(args.runtime, encoding="utf-8") as f:
            print(f"{clocks_a_packet(f.read()):.1f} clocks a packet")
    else:
        print(how(os.path.abspath(args.build)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
