"""Figures over veth: Homeward on AF_XDP, dpdk-testpmd on the same ports, and the kernel's gateway.

          world                         gateway
    u1 ---------------------------------- u0    tunnels (GRE): Homeward, testpmd
    i1 ---------------------------------- i0    uplink: all three
    g0..g3 ------------------------------ k0..k3   plain IP, one for each site: the kernel

bench-veth in the world generates and counts, on CPU 0. The gateway has CPU 1 for the worker's thread,
testpmd's, or the kernel's NAPI threads, and of CPU 0 what the generator leaves. Each has the far end
that is cheaper for it, tc for AF_XDP and XDP for the kernel: the sender's CPU runs it.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

from machine import come_first, read
from results import median, spread

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from bed.daemon import state_directory  # noqa: E402
from bed.netns import Namespace, command, delete, wait_until  # noqa: E402

SITES_GRE, SITES_IP = 64, 4
GENERATOR_CPU, GATEWAY_CPU = 0, 1
START_S = 30
HASHSIZE = "/sys/module/nf_conntrack/parameters/hashsize"
CONNTRACK_MAX = "/proc/sys/net/netfilter/nf_conntrack_max"
UDP_TIMEOUTS = ("net.netfilter.nf_conntrack_udp_timeout=600",
                "net.netfilter.nf_conntrack_udp_timeout_stream=600")

ZONES = ", ".join(f'"k{i}" : {i + 1}' for i in range(SITES_IP))
RULES = f"""
table ip bench {{
	chain site_zone {{
		type filter hook prerouting priority raw;
		iifname "k*" ct original zone set iifname map {{ {ZONES} }}
	}}
	chain site_mark {{
		type filter hook prerouting priority mangle;
		iifname "k*" ct state new ct mark set iifname map {{ {ZONES} }}
		iifname "i0" meta mark set ct mark
	}}
	chain way_out {{
		type nat hook postrouting priority srcnat;
		oifname "i0" meta l4proto udp masquerade to :2048-65535
	}}
}}
"""


def configuration(socket, flows):
    sites = "".join(f"""\
  - name: s{i}
    tunnels:
      - {{name: t{i}, key: {i}, local: 198.51.100.1, remote: 192.0.2.{i + 1}, port: underlay}}
""" for i in range(SITES_GRE))
    addresses = "".join(f"      - address: 203.0.113.{10 + i}\n" for i in range(4))
    return f"""\
flows: {{capacity: {flows}}}
state-directory: {state_directory(socket)}
workers: 1
api: {{socket: {socket}}}
ports:
  - {{name: underlay, driver: af_xdp, interface: u0}}
  - {{name: uplink, driver: af_xdp, interface: i0}}
sites:
{sites}egress:
  - name: internet
    port: uplink
    addresses:
{addresses}"""


class Bed:
    """The two namespaces; gone after the with block."""

    def __init__(self):
        self.pairs = [("u0", "u1"), ("i0", "i1")]
        self.pairs += [(f"k{i}", f"g{i}") for i in range(SITES_IP)]
        self.folder = tempfile.TemporaryDirectory(prefix="homeward-bench-")
        self.saved = {}

    def __enter__(self):
        self.world, self.gateway = Namespace("hwbench-world"), Namespace("hwbench-gw")
        for near, far in self.pairs:
            self.gateway.ip("link", "add", near, "type", "veth", "peer", "name", far, "netns",
                            "hwbench-world")
            for namespace, name in ((self.gateway, near), (self.world, far)):
                namespace.run("ethtool", "-K", name, "tx", "off")
                namespace.ip("link", "set", name, "up")
        self.addresses()
        self.kernel_sites()
        return self

    def addresses(self):
        gw = self.gateway
        gw.ip("addr", "add", "198.51.100.1/24", "dev", "u0")
        gw.ip("addr", "add", "203.0.113.1/24", "dev", "i0")
        self.neighbour("198.51.100.254", "u0", "u1")
        self.neighbour("203.0.113.254", "i0", "i1")
        gw.ip("route", "add", "192.0.2.0/24", "via", "198.51.100.254")
        gw.ip("route", "add", "default", "via", "203.0.113.254")

    def neighbour(self, address, near, far):
        self.gateway.ip("neigh", "replace", address, "lladdr", self.mac(self.world, far), "dev",
                        near, "nud", "permanent")

    def kernel_sites(self):
        gw = self.gateway
        gw.sysctl("net.ipv4.ip_forward=1", *UDP_TIMEOUTS)
        for i in range(SITES_IP):
            gw.ip("addr", "add", f"169.254.{i}.1/30", "dev", f"k{i}")
            self.neighbour(f"169.254.{i}.2", f"k{i}", f"g{i}")
            gw.ip("route", "add", "default", "via", f"169.254.{i}.2", "dev", f"k{i}", "table",
                  100 + i)
            gw.ip("rule", "add", "fwmark", i + 1, "lookup", 100 + i)

    def __exit__(self, *_):
        delete("hwbench-gw")
        delete("hwbench-world")
        for path, value in self.saved.items():
            write(path, value)
        self.folder.cleanup()

    def mac(self, namespace, name):
        return json.loads(namespace.ip("-j", "link", "show", name).stdout)[0]["address"]

    def outs(self, names):
        near = {far: near for near, far in self.pairs}
        args = []
        for name in names:
            args += ["--out", f"{name}={self.mac(self.gateway, near[name])}"]
        return args

    def setting(self, path, value):
        """Writes a setting of the whole machine; it is put back at the end."""
        self.saved.setdefault(path, read(path))
        write(path, value)


def write(path, value):
    with open(path, "w", encoding="ascii") as f:
        f.write(str(value))


class Veth:
    def __init__(self, build, quick, say):
        self.build = build
        self.say = say
        self.seconds = 2 if quick else 5
        self.rounds = 1 if quick else 3

    def traffic(self, bed, names, *args):
        done = bed.world.run(f"{self.build}/tests/bench/bench-veth", *bed.outs(names), "--seconds",
                             self.seconds, *args, timeout=300)
        return json.loads(done.stdout)

    def homeward(self, bed, flows):
        socket, log = f"{bed.folder.name}/api.sock", f"{bed.folder.name}/homewardd.log"
        file = f"{bed.folder.name}/homeward.yaml"
        with open(file, "w", encoding="ascii") as f:
            f.write(configuration(socket, max(flows, 65536)))
        daemon = bed.gateway.start(f"{self.build}/src/homewardd", "-c", file, log=log)
        come_first(daemon.pid)
        try:
            wait_until("homewardd", lambda: os.path.exists(socket) or daemon.poll() is not None, START_S)
            if daemon.poll() is not None:
                raise RuntimeError("homewardd: " + read(log))
            return self.traffic(bed, ("u1", "i1"), "--gre", "--sink-tc", "--flows", flows,
                                "--sites", SITES_GRE)
        finally:
            daemon.terminate()
            daemon.wait(20)

    def testpmd(self, bed):
        log = f"{bed.folder.name}/testpmd.log"
        pmd = bed.gateway.start(
            "dpdk-testpmd", "-l", f"{GENERATOR_CPU},{GATEWAY_CPU}", "--no-pci", "--in-memory", "--no-telemetry",
            "--vdev", "net_af_xdp0,iface=u0", "--vdev", "net_af_xdp1,iface=i0", "--",
            "--forward-mode=macswap", "--total-num-mbufs=16384", "--stats-period=60",
            log=log)
        come_first(pmd.pid)
        try:
            wait_until("testpmd", lambda: "Port statistics" in read(log) or pmd.poll() is not None, START_S)
            if pmd.poll() is not None:
                raise RuntimeError("dpdk-testpmd: " + read(log)[-2000:])
            return self.traffic(bed, ("u1", "i1"), "--gre", "--sink-tc", "--stateless",
                                "--sites", SITES_GRE)
        finally:
            pmd.terminate()
            pmd.wait(20)

    def kernel(self, bed, flows):
        """ip_forward, zone and mark by site, masquerade. Flows of earlier runs are forgotten."""
        bed.setting(HASHSIZE, 2 * flows)
        bed.setting(CONNTRACK_MAX, 4 * flows)
        near = [f"k{i}" for i in range(SITES_IP)] + ["i0"]
        bed.gateway.nft(RULES)
        try:
            for name in near:
                bed.gateway.run("ethtool", "-K", name, "gro", "on")
                set_threaded(bed.gateway, name, 1)
            pin_napi(near)
            far = [f"g{i}" for i in range(SITES_IP)] + ["i1"]
            return self.traffic(bed, far, "--flows", flows, "--sites", SITES_IP)
        finally:
            bed.gateway.nft("delete table ip bench")
            for name in near:
                set_threaded(bed.gateway, name, 0)
                bed.gateway.run("ethtool", "-K", name, "gro", "off")

    def against_testpmd(self, results):
        ours, theirs = [], []
        with Bed() as bed:
            for i in range(3 if self.rounds == 1 else 5):
                self.say(f"veth_testpmd, round {i + 1}")
                ours.append(self.homeward(bed, 65536)["mpps"])
                theirs.append(self.testpmd(bed)["mpps"])
        results.set("veth_testpmd", flows=65536, value=median(ours), spread=spread(ours),
                    peer="dpdk-testpmd macswap", peer_value=median(theirs),
                    note=f"AF_XDP in copy mode; spread of testpmd {100 * spread(theirs):.0f} %")

    def against_kernel(self, results):
        for name, flows in (("veth_kernel", 1000000), ("veth_kernel_64k", 65536)):
            ours, theirs = [], []
            for i in range(self.rounds):
                with Bed() as bed:
                    self.say(f"{name}, round {i + 1}")
                    ours.append(self.homeward(bed, flows)["mpps"])
                    theirs.append(self.kernel(bed, flows)["mpps"])
            results.set(name, flows=flows, value=median(ours), spread=spread(ours),
                        peer="kernel: zones, marks, masquerade", peer_value=median(theirs),
                        note=f"Homeward by GRE from {SITES_GRE} sites, the kernel plain IP from "
                             f"{SITES_IP} (this kernel may have no GRE)")


def set_threaded(ns, interface, value):
    """The NAPI threads of an interface: in the /sys of its namespace."""
    command("ip", "netns", "exec", ns.name, "sh", "-c",
            f"echo {value} > /sys/class/net/{interface}/threaded")


def pin_napi(names):
    """NAPI threads: the sites' on the gateway's CPU, the uplink's on the generator's.

    Of one CPU for all, both for each, softirqs without threads, and this, this was best for the
    kernel. AF_XDP too has the kernel's half of receiving done on the generator's CPU.
    """
    for path in glob.glob("/proc/[0-9]*/comm"):
        match = re.match(r"napi/(\w+)-\d+", read(path))
        if match and match[1] in names:
            pid = int(path.split("/")[2])
            os.sched_setaffinity(pid, {GENERATOR_CPU if match[1] == "i0" else GATEWAY_CPU})
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0))
