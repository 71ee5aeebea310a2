"""homewardd in the gateway's namespace, and homeward to ask it."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time

from bed.netns import command, wait_until

START_S = 30
STOP_S = 10
ANSWER_S = 10


class DaemonFailed(Exception):
    pass


def state_directory(socket_path):
    """Where a daemon with this socket keeps its state: not where the machine's own one does."""
    return socket_path.removesuffix(".sock") + ".state"


def configuration(topology, socket_path, capacity=65536, sites=None):
    """The gateway's YAML for the branches of @topology; @sites replaces the list of sites."""
    if sites is None:
        sites = "".join(site(b) for b in topology.branches)
    return f"""\
flows:
  capacity: {capacity}
workers: 1
api:
  socket: {socket_path}
state-directory: {state_directory(socket_path)}
ports:
  - name: underlay
    driver: af_xdp
    interface: underlay0
  - name: uplink
    driver: af_xdp
    interface: uplink0
sites:
{sites}egress:
  - name: internet
    port: uplink
    slice-size: 2048
    addresses:
      - address: 203.0.113.10
        slices: [1, 2, 5-7]
"""


def site(branch, mtu=1400):
    key = f"        key: {branch.key}\n" if branch.key is not None else ""
    remote, local = (f"'{end}'" if ":" in end else end for end in branch.ends)
    return f"""\
  - name: {branch.name}
    prefixes: [10.0.1.0/24]
    tunnels:
      - name: {branch.name}-gre
        type: gre
        local: {local}
        remote: {remote}
{key}        address: {branch.inner}
        mtu: {mtu}
        port: underlay
"""


class Daemon:
    """One run of homewardd after another, with one configuration file and one socket."""
    has_own_state = False  # its /var/lib is not the machine's

    def __init__(self, topology, name="homewardd"):
        self.ns, self.build = topology.gateway, topology.build
        self.file = os.path.join(topology.folder, f"{name}.yaml")
        self.socket = os.path.join(topology.folder, f"{name}.sock")
        self.log = topology.log(name)
        self.process = None
        self.env = {}  # besides ours

    def configure(self, text):
        assert "state-directory:" in text or self.has_own_state, "it would write to the machine's /var/lib"
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text)

    def command(self):
        """The words that start it."""
        return os.path.join(self.build, "src", "homewardd"), "-c", self.file

    def start(self):
        """Returns when the daemon answers."""
        self.process = self.ns.start(*self.command(), log=self.log, env={**os.environ, **self.env})
        try:
            wait_until("homewardd to answer", self.answers, START_S)
        except (TimeoutError, DaemonFailed) as e:
            self.kill()
            raise DaemonFailed(f"{e}\n{self.log_text()}") from None

    def listens(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            return s.connect_ex(self.socket) == 0

    def answers(self):
        if self.process.poll() is not None:
            raise DaemonFailed(f"homewardd ended with status {self.process.returncode}")
        return self.listens() and self.homeward("status", check=False).returncode == 0

    def signal(self, number):
        """Sends a signal and waits for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def stop(self):
        if self.process and self.process.poll() is None:
            try:
                return self.signal(signal.SIGTERM)
            except subprocess.TimeoutExpired:
                self.kill()
                raise DaemonFailed(f"homewardd does not stop\n{self.log_text()}") from None
        return self.process.returncode if self.process else None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGKILL)

    def log_text(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def homeward(self, *args, **kw):
        return command(os.path.join(self.build, "cli", "homeward"), "--socket", self.socket, *args,
                       **kw)

    def ask(self, *args):
        """What `homeward --json` answers. It prints these as they come, so they are asked of the API."""
        if args in (("status",), ("drops",)):
            return self.get(f"/v1/{args[0]}")
        return json.loads(self.homeward("--json", *args).stdout)

    def get(self, path):
        """Asks the API without a process: tests ask for counters many thousand times."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(ANSWER_S)
            s.connect(self.socket)
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(s)
            answer.begin()
            assert answer.status == 200, (path, answer.status)
            return json.load(answer)

    def drops(self):
        """{reason: packets} without the zeros."""
        return {d["reason"]: d["packets"] for d in self.ask("drops")["drops"] if d["packets"]}

    def answered(self):
        """{answer: packets} without the zeros."""
        return {a["name"]: a["packets"] for a in self.ask("drops")["answers"] if a["packets"]}

    def flows(self, *filters):
        return self.ask("flows", "--limit", "1000", *filters)["flows"]

    def unaccounted(self):
        """Law 3, from outside: what is wrong with rx = tx + held + drops; "" if it holds."""
        status, drops = self.ask("status"), self.ask("drops")
        for w in status["workers"]:
            if (w["rx"] + w["injected"] + w["handed_in"] + w["fragments_made"] !=
                    w["tx"] + w["held"] + w["drops"] + w["handed_out"] + w["fragments_joined"]):
                return f"worker {w['index']}: {w}"
        if not status["accounted"]:
            return f"homewardd says so itself: {status['packets']}"
        if drops["total"] != sum(d["packets"] for d in drops["drops"]):
            return f"drops do not add up to {drops['total']}: {drops['drops']}"
        return ""

    def settle(self, seconds=5):
        """Waits until no packet is on its way: the counters stand still."""
        before, end = None, time.monotonic() + seconds
        while time.monotonic() < end:
            now = self.ask("status")["packets"]
            if now == before:
                return
            before = now
            time.sleep(0.1)
