"""Long lists of a running gateway: how long they take, and what they do to traffic and to the daemon.

          world                         gateway
    u1 ====GRE, paced=================== u0    64 sites with traffic,
    i1 <-- counted --------------------- i0    10,000 sites with a tunnel each,
                       a capture file -- wire  a site with a million flows

The flows are those of a capture file, which a port of its own replays at the start. Packets of the 64
sites come all the time, by far fewer than the gateway can take: each must come out.
"""
import json
import struct
import subprocess
import time

from apply import SINK, Gateway, Stream, steady_sites
from many import EGRESS, configuration
from results import median, spread
from veth import Bed

from bed.netns import wait_until

FLOWS, CAPACITY, SITES = 1000000, 1200000, 10000  # a sixteenth of the table is reserved
EACH = 50000  # flows of one host
TURN_MAX_US = 20000
OPEN_S = 120


def head(socket, state, capture):
    return f"""\
flows:
  capacity: {CAPACITY}
  timeouts: {{udp: 5h}}
state-directory: {state}
workers: 1
api: {{socket: {socket}}}
ports:
  - {{name: underlay, driver: af_xdp, interface: u0}}
  - {{name: uplink, driver: af_xdp, interface: i0}}
  - {{name: wire, driver: pcap, rx-file: {capture}, next-hop-mac: '02:00:00:00:00:01'}}
"""


BUSY = f"""\
  - name: busy
    limits: {{flows: {CAPACITY}, flows-per-source: {CAPACITY}, new-flows-per-second: 100000000}}
    tunnels:
      - {{name: busy-gre, key: 7, local: 198.51.100.2, remote: 198.51.100.9, port: wire}}
"""
ADDRESSES = "".join(f"      - {{address: 203.0.114.{i}, slices: [1-31]}}\n" for i in range(1, 33))


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def ip_header(source, to, protocol, length):
    fields = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, protocol, 0, source, to)
    return fields[:10] + struct.pack("!H", checksum(fields)) + fields[12:]


def write_capture(path):
    """A first packet of each flow, in GRE: 20 hosts, 50,000 ports, 256 servers of each."""
    ethernet = bytes.fromhex("020000000001" "020000000002" "0800")
    payload = b"x" * 8
    length = 20 + 8 + len(payload)
    outer = ethernet + ip_header(bytes((198, 51, 100, 9)), bytes((198, 51, 100, 2)), 47,
                                 20 + 8 + length) + struct.pack("!HHI", 0x2000, 0x0800, 7)
    size = len(outer) + length
    record = struct.pack("<IIII", 0, 0, size, size) + outer
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for host in range(FLOWS // EACH):
            inner = [ip_header(bytes((10, 0, 1, 1 + host)), bytes((192, 88, 1 + host, i)), 17, length)
                     for i in range(256)]
            f.write(b"".join(record + inner[i % 256] +
                             struct.pack("!HHHH", 10000 + i, 4000, 8 + len(payload), 0) + payload
                             for i in range(EACH)))


def dump(gateway):
    """(seconds, flows) of all of them as JSON, read as fast as they come."""
    begin, lines = time.monotonic(), 0
    with subprocess.Popen((f"{gateway.build}/cli/homeward", "--socket", gateway.socket, "--json",
                           "flows", "--all"), stdout=subprocess.PIPE) as process:
        while part := process.stdout.read(1 << 20):
            lines += part.count(b"\n")
    if process.returncode != 0:
        raise RuntimeError(f"homeward flows --all ended with status {process.returncode}")
    return time.monotonic() - begin, lines - 2  # one a line, between the first and the last


class Lists:
    def __init__(self, build, quick, say):
        self.build, self.say = build, say
        self.rounds = 2 if quick else 5

    def control_us(self, gateway):
        status = json.loads(gateway.homeward("--json", "status").stdout)
        return status["control"]["longest_turn_us"]

    def flows_now(self, gateway):
        return json.loads(gateway.homeward("--json", "status").stdout)["flows"]["now"]

    def dumps(self, gateway, bed):
        """[(seconds, flows)], packets sent meanwhile, lost of them."""
        with Stream(bed).flowing() as stream:
            done = []
            for i in range(self.rounds):
                self.say(f"flows_dump_1m, round {i + 1} of {self.rounds}")
                done.append(dump(gateway))
            return done, stream.lost(), stream.sent

    def list_ms(self, gateway, word):
        """[ms] of the whole answer of the daemon, as curl gets it."""
        times = []
        for i in range(2 * self.rounds):
            self.say(f"{word}_list_10k, round {i + 1} of {2 * self.rounds}")
            begin = time.monotonic()
            done = subprocess.run(("curl", "-sSf", "--unix-socket", gateway.socket,
                                   f"http://localhost/v1/{word}"), stdout=subprocess.PIPE, check=True)
            times.append(1000 * (time.monotonic() - begin))
            n = len(json.loads(done.stdout)[word])
            if n < SITES:
                raise RuntimeError(f"/v1/{word} has {n}")
        return times

    def configure(self, bed):
        gateway = Gateway(bed, self.build, "lists")
        capture = f"{gateway.path}.pcap"
        write_capture(capture)
        text = configuration(SITES, tunnels=1, local="198.51.100.1", key=1000,
                             head=head(gateway.socket, f"{gateway.path}.state", capture),
                             first=steady_sites() + BUSY)
        gateway.add(text.replace(EGRESS, EGRESS + ADDRESSES))
        return gateway

    def measure(self, results):
        self.say("flows_dump_1m: a capture of 1 M flows")
        with Bed() as bed:
            bed.world.nft(SINK)
            gateway = self.configure(bed)
            with gateway.running():
                wait_until("a million flows", lambda: self.flows_now(gateway) >= FLOWS, OPEN_S)
                done, lost, sent = self.dumps(gateway, bed)
                lists = {word: self.list_ms(gateway, word) for word in ("tunnels", "sites")}
                turn_us = self.control_us(gateway)
        self.tell(results, done, lost, sent, turn_us, lists)

    @staticmethod
    def tell(results, done, lost, sent, turn_us, lists):
        seconds = [s for s, _ in done]
        flows = min(n for _, n in done)
        results.set("flows_dump_1m", flows=flows, value=median(seconds), spread=spread(seconds),
                    note=f"homeward flows --all --json; {lost} of {sent} packets lost meanwhile")
        for word, times in lists.items():
            results.set(f"{word}_list_10k", value=median(times), spread=spread(times))
        results.set("lists_lost", value=lost, note=f"of {sent} at 10000 a second")
        results.set("lists_turn", value=turn_us / 1000,
                    note="CPU time; all lists of this part, and the start of the traffic")
