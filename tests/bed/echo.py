"""A gateway with `port-echo` on it and a peer, for tests of ports and neighbours without a daemon.

    peer ---------------------- gw
    192.0.2.2                   192.0.2.1
                                192.0.2.100            egress, in the link's network: ARP by us
                                203.0.113.5            egress, routed to us
"""
import re
import signal
import socket
import time

from scapy.layers.l2 import Ether

from bed.netns import CommandFailed, Namespace, link, plain_packets, wait_until

SO_RCVBUFFORCE = 33
GW, PEER = "192.0.2.1", "192.0.2.2"
ON_LINK, ROUTED = "192.0.2.100", "203.0.113.5"
OURS = ("--tunnel", GW, PEER, 0, "--egress", ON_LINK, 0, "--egress", ROUTED, 0)


def make_pair(prefix):
    gw, peer = Namespace(f"{prefix}-gw"), Namespace(f"{prefix}-peer")
    link(gw, "eth0", f"{GW}/24", peer, "eth0", f"{PEER}/24")
    for ns in (gw, peer):
        plain_packets(ns, "eth0")
    gw.ip("route", "add", "default", "via", PEER)
    peer.ip("route", "add", ROUTED, "via", GW)
    return gw, peer


class Starter:
    """Starts echo programs in one namespace, and ends what a test left running."""

    def __init__(self, ns, tools, folder):
        self.ns, self.tools, self.folder, self.running = ns, tools, folder, []

    def __call__(self, *args):
        log = self.folder / f"echo{len(self.running)}"
        self.running.append(Echo(self.ns, self.tools, log, *args))
        return self.running[-1]

    def end(self):
        for e in self.running:
            if e.program.poll() is None:
                e.kill()


class Echo:
    """One running port-echo."""

    def __init__(self, ns, tools, log, *args):
        self.log = log
        self.program = ns.start(tools / "port-echo", *args, log=log)
        wait_until("ready", self.is_ready)

    def is_ready(self):
        if self.program.poll() is not None:
            raise CommandFailed(self.log.read_text())
        return "ready" in self.log.read_text()

    def ask(self):
        """What it prints on request: lines by their first words."""
        before = len(self.log.read_text())
        self.program.send_signal(signal.SIGUSR1)
        text = wait_until("an answer", lambda: self.complete(before))
        counts = {name: dict(zip(words[::2], map(int, words[1::2])))
                  for name, words in re_lines(text)}
        hops = {f"{what} {n}": {"id": int(i), "mtu": int(mtu), "resolved": state == "resolved",
                                "to": to, "from": source}
                for what, n, i, mtu, state, to, source in re.findall(
                    r"^(default|tunnel) (\d+) hop (\d+) port \d+ mtu (\d+) (\w+) to (\S+) from (\S+)$",
                    text, re.M)}
        return counts, hops

    def complete(self, before):
        text = self.log.read_text()[before:]
        return text if re.search(r"^end tables \d+$", text, re.M) else None

    def ways(self):
        """{address: MAC, or what a route says} of the addresses in the file of --asks."""
        before = len(self.log.read_text())
        self.program.send_signal(signal.SIGUSR1)
        text = wait_until("an answer", lambda: self.complete(before))
        return {a: to or said for a, to, said in re.findall(
            r"^way (\S+) (?:hop .* to (\S+) from .*|(\w+))$", text, re.M)}

    def hop(self, name="default 0"):
        return self.ask()[1][name]

    def stop(self):
        self.program.send_signal(signal.SIGTERM)
        return self.program.wait(5)

    def kill(self):
        self.program.kill()
        self.program.wait(5)


def re_lines(text):
    for name, rest in re.findall(r"^(counts|steer \d+) (.*)$", text, re.M):
        yield name, rest.split()


def pings(ns, address, count=3):
    r = ns.run("ping", "-n", "-c", count, "-i", "0.1", "-W", "1", address, check=False)
    return int(re.search(r"(\d+) received", r.stdout).group(1))


def mac(ns, interface="eth0"):
    return re.search(r"link/ether (\S+)", ns.ip("link", "show", interface).stdout).group(1)


class Cable:
    """A packet socket on an interface: frames as they are on the cable."""

    def __init__(self, ns, interface="eth0"):
        self.socket = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((interface, 3))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)  # until somebody reads

    def send(self, frame):
        self.socket.send(bytes(frame))

    def received(self, wanted, seconds=0.5):
        """How many frames come within @seconds for which @wanted(frame) is true."""
        end, found = time.monotonic() + seconds, 0
        self.socket.settimeout(0.05)
        while time.monotonic() < end:
            try:
                found += bool(wanted(Ether(self.socket.recv(65535))))
            except TimeoutError:
                pass
        return found
