"""Changes of a running gateway: how long they take, and what they do to traffic that they do not concern.

          world                         gateway
    u1 ====GRE, paced=================== u0    64 sites that stay as they are
    i1 <-- counted --------------------- i0    and 5,000 sites with 10,000 tunnels, of which a tenth
                                               changes, back and forth

Packets of the 64 sites come all the time, by far fewer than the gateway can take: each must come out.
"""
import concurrent.futures
import contextlib
import json
import os
import sys
import time

from machine import come_first
from many import configuration
from results import median, spread
from veth import Bed

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from bed.daemon import state_directory  # noqa: E402
from bed.flood import Flood  # noqa: E402
from bed.netns import command, wait_until  # noqa: E402

from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.l2 import GRE, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

SITES, FLOWS_EACH, RATE = 64, 16, 10000  # packets a second
CHANGED_SITES, EVERY = 5000, 10
START_S, REST_S = 60, 0.3
SINK = """
table ip sink {
	chain in {
		type filter hook prerouting priority raw;
		udp dport 9 counter drop
	}
}
"""


def head(socket):
    return f"""\
flows: {{capacity: 65536}}
state-directory: {state_directory(socket)}
workers: 1
api: {{socket: {socket}}}
ports:
  - {{name: underlay, driver: af_xdp, interface: u0}}
  - {{name: uplink, driver: af_xdp, interface: i0}}
"""


def steady_sites():
    return "".join(f"  - name: steady-{i}\n    tunnels:\n"
                   f"      - {{name: steady-{i}-gre, key: {i}, local: 198.51.100.1, "
                   f"remote: 192.0.2.{i + 1}, port: underlay}}\n" for i in range(SITES))


def frames(bed):
    eth = Ether(src=bed.mac(bed.world, "u1"), dst=bed.mac(bed.gateway, "u0"))
    return [bytes(eth / IP(src=f"192.0.2.{i % SITES + 1}", dst="198.51.100.1") /
                  GRE(key_present=1, key=i % SITES) /
                  IP(src=f"10.0.0.{i // SITES + 1}", dst="192.88.0.80") /
                  UDP(sport=1000 + i, dport=9) / Raw(b"x" * 64)) for i in range(SITES * FLOWS_EACH)]


def large(socket, shift=0):
    return configuration(CHANGED_SITES, shift=shift, local="198.51.100.1", key=1000,
                         head=head(socket), first=steady_sites())


def small(socket):
    return configuration(1, local="198.51.100.1", key=1000, head=head(socket), first=steady_sites())


class Gateway:
    """A running homewardd, and the files that it changes between; it starts with the first one."""

    def __init__(self, bed, build, name):
        self.bed, self.build = bed, build
        self.path = f"{bed.folder.name}/{name}"
        self.socket, self.log, self.files = f"{self.path}.sock", f"{self.path}.log", []

    def add(self, text):
        self.files.append(f"{self.path}-{len(self.files)}.yaml")
        with open(self.files[-1], "w", encoding="ascii") as f:
            f.write(text)

    @contextlib.contextmanager
    def running(self):
        self.bed.gateway.ip("route", "replace", "198.18.0.0/15", "via", "198.51.100.254")
        daemon = self.bed.gateway.start(f"{self.build}/src/homewardd", "-c", self.files[0],
                                        log=self.log)
        come_first(daemon.pid)
        try:
            wait_until("homewardd", lambda: daemon.poll() is not None or self.answers(), START_S)
            yield
        finally:
            daemon.terminate()
            daemon.wait(20)

    def homeward(self, *args, **kw):
        return command(f"{self.build}/cli/homeward", "--socket", self.socket, *args, **kw)

    def answers(self):
        return self.homeward("status", check=False).returncode == 0

    def lost(self):
        """{port and reason: packets} of what the ports lost."""
        ports = json.loads(self.homeward("--json", "status").stdout)["ports"]
        return {f"{p['name']} {loss['reason']}": loss["packets"]
                for p in ports for loss in p["lost"] if loss["packets"]}

    def seconds(self, *args):
        begin = time.monotonic()
        self.homeward(*args)
        return time.monotonic() - begin


class Stream:
    """Paced packets of the steady sites, for as long as it is asked to go on."""

    def __init__(self, bed):
        self.bed = bed
        self.flood = Flood(bed.world, "u1", frames(bed))
        self.sent, self.stop, self.before = 0, False, self.arrived()

    def arrived(self):
        rules = json.loads(self.bed.world.run("nft", "-j", "list", "table", "ip", "sink").stdout)
        return sum(e["counter"]["packets"] for r in rules["nftables"] if "rule" in r
                   for e in r["rule"]["expr"] if "counter" in e)

    def go_on(self):
        while not self.stop:
            self.flood.send(SITES * FLOWS_EACH, RATE)
            self.sent += SITES * FLOWS_EACH

    @contextlib.contextmanager
    def flowing(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            self.task = pool.submit(self.go_on)
            time.sleep(REST_S)
            try:
                yield self
            finally:
                self.stop = True
                self.task.result()
                self.flood.close()

    def lost(self):
        """Ends the stream. How many of its packets did not arrive."""
        self.stop = True
        self.task.result()
        time.sleep(REST_S)
        return self.sent - (self.arrived() - self.before)


class Apply:
    def __init__(self, build, quick, say):
        self.build, self.say = build, say
        self.rounds = 2 if quick else 10

    def change_much(self, bed):
        """[(check, diff, apply)] of a tenth of 10,000 tunnels, in seconds; packets lost meanwhile."""
        gateway, steps = Gateway(bed, self.build, "large"), []
        gateway.add(large(gateway.socket))
        gateway.add(large(gateway.socket, EVERY))
        with gateway.running(), Stream(bed).flowing() as stream:
            for i in range(self.rounds):
                self.say(f"apply_10k, round {i + 1} of {self.rounds}")
                file = gateway.files[(i + 1) % 2]
                steps.append([gateway.seconds(*words, file) for words in
                              (("check",), ("config", "diff"), ("config", "apply"))])
            lost = stream.lost()
            return steps, stream.sent, lost, gateway.lost()

    def change_one(self, bed, name, text):
        """[seconds] of another MTU of one tunnel of @text, and back."""
        gateway = Gateway(bed, self.build, name)
        gateway.add(text(gateway.socket))
        gateway.add(text(gateway.socket).replace("mtu: 1400", "mtu: 1399", 1))
        with gateway.running():
            return [gateway.seconds("config", "apply", gateway.files[(i + 1) % 2])
                    for i in range(2 * self.rounds)]

    def measure(self, results):
        with Bed() as bed:
            bed.world.nft(SINK)
            self.tell_much(results, *self.change_much(bed))
            self.say("apply_one")
            one = [1000 * s for s in self.change_one(bed, "small", small)]
            among = [1000 * s for s in self.change_one(bed, "among", large)]
        results.set("apply_one", value=median(one), spread=spread(one),
                    note=f"another MTU of a tunnel of 66; of 10,064: {median(among):.0f} ms")

    @staticmethod
    def tell_much(results, steps, sent, lost, names):
        sums = [sum(s) for s in steps]
        check, diff, apply = (1000 * median(column) for column in zip(*steps))
        results.set("apply_10k", value=median(sums), spread=spread(sums),
                    note=f"check {check:.0f} ms, diff {diff:.0f} ms, apply {apply:.0f} ms: the "
                         "program, the API and the sweep included")
        results.set("apply_lost", value=lost, note=f"of {sent} at {RATE} a second" + "".join(
            f", {name} {n}" for name, n in names.items()))
