"""homewardd without a network: it reads a capture file, writes another one, and answers the API."""
import json
import signal
import socket
import subprocess

from scapy.all import GRE, ICMP, IP, UDP, Ether, Raw, wrpcap

from bed.netns import command, wait_until

START_S = 30
STOP_S = 20
PAYLOAD = 100  # bytes


def configuration(folder, workers=1):
    return f"""\
flows:
  capacity: 65536
workers: {workers}
api:
  socket: {folder}/api.sock
state-directory: {folder}/state
ports:
  - name: wire
    driver: pcap
    rx-file: {folder}/in.pcap
    next-hop-mac: 02:00:00:00:00:01
sites:
  - name: berlin
    prefixes: [10.0.1.0/24]
    tunnels:
      - {{name: berlin-gre, local: 192.0.2.1, remote: 192.0.2.10, key: 7}}
  - name: madrid
    tunnels:
      - {{name: madrid-gre, local: 192.0.2.1, remote: 192.0.2.20}}
egress:
  - name: internet
    addresses:
      - {{address: 203.0.113.10, slices: [1, 2, 5-7]}}
"""


def flow_packets(each):
    """From both sites the same: @each UDP flows and a ping; and one packet nobody wants."""
    for outer in (GRE(key_present=1, key=7), GRE()):
        remote = "192.0.2.10" if outer.key_present else "192.0.2.20"
        way = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:03") / IP(
            src=remote, dst="192.0.2.1") / outer / IP(src="10.0.1.10", dst="198.51.100.80")
        for i in range(each):
            yield way / UDP(sport=10000 + i, dport=53) / Raw(b"x" * PAYLOAD)
        yield way / ICMP(id=4242) / Raw(b"x" * PAYLOAD)
    yield Ether(dst="02:00:00:00:00:03") / IP(src="192.0.2.99", dst="192.0.2.1") / GRE() / IP()


class Replay:
    """One homewardd with its folder; start() it, ask it, stop() it."""

    def __init__(self, build, folder, flows_each=0, workers=1):
        self.daemon, self.cli = build / "src" / "homewardd", build / "cli" / "homeward"
        self.folder, self.socket = folder, folder / "api.sock"
        self.file, self.log = folder / "homeward.yaml", folder / "log"
        self.process = None
        self.file.write_text(configuration(folder, workers))
        wrpcap(str(folder / "in.pcap"), list(flow_packets(flows_each)))

    def start(self, env=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.daemon, "--config", self.file], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, env=env)
        wait_until("homewardd to answer", self.answers, START_S)

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()
        return self.homeward("status", check=False).returncode == 0

    def stop(self, number=signal.SIGTERM):
        """The exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_S)

    def run_daemon(self, *args):
        """A homewardd that is expected to end by itself."""
        return command(self.daemon, *args, check=False)

    def homeward(self, *args, **kw):
        return command(self.cli, "--socket", self.socket, *args, **kw)

    def get(self, path, method="GET"):
        """(status, JSON) of one request."""
        r = command("curl", "--silent", "--request", method, "--write-out", "\n%{http_code}",
                    "--unix-socket", self.socket, f"http://localhost{path}")
        body, status = r.stdout.rsplit("\n", 1)
        return int(status), json.loads(body)

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(self.socket))
        s.settimeout(STOP_S)
        return s
