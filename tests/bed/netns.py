"""Network namespaces: create and join them, run programs in them, and remove all of them."""
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
import zlib

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
STOP_S = 5


class CommandFailed(Exception):
    pass


def command(*args, check=True, timeout=60, **kw):
    """Runs a command to its end; its text output and status."""
    r = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, errors="replace", timeout=timeout, **kw)
    if check and r.returncode != 0:
        text = " ".join(str(a) for a in args)
        raise CommandFailed(f"{text}: status {r.returncode}\n{r.stdout}{r.stderr}")
    return r


class Namespace:
    """One network namespace; made on construction, gone after delete()."""

    def __init__(self, name):
        self.name = name
        delete(name)
        command("ip", "netns", "add", name)
        command("ip", "-n", name, "link", "set", "lo", "up")
        self.sysctl("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")

    def sysctl(self, *settings):
        self.run("sysctl", "-q", "-w", *settings)

    def switch_on_ipv6(self, *addresses):
        """And adds (address, interface); without the second that duplicate detection takes."""
        self.run("sh", "-c", "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 >$f; done")
        self.sysctl("net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.default.disable_ipv6=0",
                    "net.ipv6.conf.all.forwarding=1", "net.ipv6.icmp.ratelimit=0")
        for address, interface in addresses:
            self.ip("-6", "addr", "add", address, "dev", interface, "nodad")

    def run(self, *args, **kw):
        return command("ip", "netns", "exec", self.name, *args, **kw)

    def ip(self, *args, **kw):
        return command("ip", "-n", self.name, *args, **kw)

    def nft(self, rules):
        r = subprocess.run(["ip", "netns", "exec", self.name, "nft", "-f", "-"], input=rules,
                           capture_output=True, text=True)
        if r.returncode:
            raise CommandFailed(f"nft in {self.name}: {r.stderr}")

    def start(self, *args, log=None, **kw):
        """Starts a program that goes on running; its output goes to the file @log."""
        out = open(log, "ab") if log else subprocess.DEVNULL
        try:
            return subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, args)],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    start_new_session=True, **kw)
        finally:
            if log:
                out.close()

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in the namespace; what it opens stays there."""
        here = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            enter(there)
            yield
        finally:
            enter(here)
            os.close(there)
            os.close(here)

    def socket(self, *args, **kw):
        with self.inside():
            s = socket.socket(*args, **kw)
        s.settimeout(5)
        return s

    def delete(self):
        delete(self.name)


def enter(fd):
    if LIBC.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def pids(name):
    r = command("ip", "netns", "pids", name, check=False)
    return [int(p) for p in r.stdout.split()]


def delete(name):
    """Ends what runs in the namespace, politely first, and removes it."""
    if not os.path.exists(f"/run/netns/{name}"):
        return
    for sig in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        end = time.monotonic() + STOP_S
        while pids(name) and time.monotonic() < end:
            time.sleep(0.02)
    command("ip", "netns", "del", name, check=False)


def names(prefix):
    """Namespaces whose names begin so."""
    if not os.path.isdir("/run/netns"):
        return []
    return sorted(n for n in os.listdir("/run/netns") if n.startswith(prefix))


def checkout_prefix(root):
    """Begins the names that tests of this checkout give: two checkouts do not meet."""
    return f"hw{zlib.crc32(os.fsencode(root)) & 0xffff:04x}"


def delete_all(prefix):
    for name in names(prefix):
        delete(name)


def link(a, a_if, a_address, b, b_if, b_address, queues=None):
    """
    Joins two namespaces by a pair of interfaces with an address each ("192.0.2.1/24").

    @queues: how many queues to receive and to transmit each of them has; None: one.
    """
    many = ["numrxqueues", queues, "numtxqueues", queues] if queues else []
    command("ip", "link", "add", a_if, "netns", a.name, *many, "type", "veth",
            "peer", "name", b_if, "netns", b.name, *many)
    for ns, name, address in ((a, a_if, a_address), (b, b_if, b_address)):
        if address:
            ns.ip("addr", "add", address, "dev", name)
        ns.ip("link", "set", name, "up")


def plain_packets(ns, interface):
    """No partial checksums and no giant packets: what is sent looks as on a cable."""
    for feature in ("tx", "tso", "gso", "gro"):
        ns.run("ethtool", "-K", interface, feature, "off", check=False)


def wait_until(what, condition, seconds=10):
    """Waits for @condition() to be true; @what names it in the error."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.05)
