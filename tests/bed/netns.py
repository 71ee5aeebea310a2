"""Network namespaces: create and join them, run programs in them, and remove all of them."""
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib

CLONE_NEWNET = 0x40000000
MNT_DETACH = 2
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
LIBC = ctypes.CDLL(None, use_errno=True)
STOP_S = 5


class CommandFailed(Exception):
    pass


def command(*args, check=True, timeout=60, **kw):
    """Runs a command to its end; its text output and status."""
    if "input" not in kw:
        kw["stdin"] = subprocess.DEVNULL
    r = subprocess.run([str(a) for a in args], capture_output=True, text=True, errors="replace",
                       timeout=timeout, **kw)
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
        self.set_up("lo")
        self.sysctl("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")

    def set_up(self, interface):
        with self.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", interface.encode(), IFF_UP))

    def sysctl(self, *settings):
        """Each is "name=value"; dots in a name with slashes stay. A thread opens its own /proc/sys/net."""
        with self.inside():
            for setting in settings:
                name, value = setting.split("=", 1)
                path = name if "/" in name else name.replace(".", "/")
                with open(f"/proc/sys/{path}", "w", encoding="ascii") as f:
                    f.write(value)

    def switch_on_ipv6(self, *addresses):
        """And adds (address, interface); without the second that duplicate detection takes."""
        with self.inside():
            interfaces = os.listdir("/proc/sys/net/ipv6/conf")
        self.sysctl(*(f"net/ipv6/conf/{name}/accept_dad=0" for name in interfaces))
        self.sysctl("net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.default.disable_ipv6=0",
                    "net.ipv6.conf.all.forwarding=1", "net.ipv6.icmp.ratelimit=0")
        for address, interface in addresses:
            self.ip("-6", "addr", "add", address, "dev", interface, "nodad")

    def run(self, *args, **kw):
        """Runs a command to its end. It sees the /sys of the machine, unlike what start() starts.

        A child is in the namespace of the thread that forks it. `ip netns exec` would make a namespace
        of mounts as well, which takes longer than most commands.
        """
        with self.inside():
            return command(*args, **kw)

    def ip(self, *args, **kw):
        return command("ip", "-n", self.name, *args, **kw)

    def nft(self, rules):
        with self.inside():
            r = subprocess.run(["nft", "-f", "-"], input=rules, capture_output=True, text=True)
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


def pids(*names):
    """Of the processes in these namespaces."""
    wanted = {os.stat(f"/run/netns/{name}").st_ino for name in names}
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):  # it may have ended
            if entry.isdigit() and os.stat(f"/proc/{entry}/ns/net").st_ino in wanted:
                found.append(int(entry))
    return found


def end_processes(*names):
    """Politely first."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        running = pids(*names)
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        end = time.monotonic() + STOP_S
        while running and time.monotonic() < end:
            time.sleep(0.02)
            running = pids(*names)


def delete(*names):
    """Ends what runs in the namespaces, and removes them."""
    present = [name for name in names if os.path.exists(f"/run/netns/{name}")]
    if present:
        end_processes(*present)
    for name in present:
        LIBC.umount2(os.fsencode(f"/run/netns/{name}"), MNT_DETACH)
        os.unlink(f"/run/netns/{name}")


def names(prefix):
    """Namespaces whose names begin so."""
    if not os.path.isdir("/run/netns"):
        return []
    return sorted(n for n in os.listdir("/run/netns") if n.startswith(prefix))


def checkout_prefix(root):
    """Begins the names that tests of this checkout give: two checkouts do not meet."""
    return f"hw{zlib.crc32(os.fsencode(root)) & 0xffff:04x}"


def delete_all(prefix):
    delete(*names(prefix))


def link(a, a_if, a_address, b, b_if, b_address, queues=None):
    """
    Joins two namespaces by a pair of interfaces with an address each ("192.0.2.1/24").

    @queues: how many queues to receive and to transmit each of them has; None: one.
    """
    many = ["numrxqueues", queues, "numtxqueues", queues] if queues else []
    command("ip", "link", "add", a_if, "netns", a.name, *many, "type", "veth",
            "peer", "name", b_if, "netns", b.name, *many)
    for ns, name, address in ((a, a_if, a_address), (b, b_if, b_address)):
        lines = [f"addr add {address} dev {name}"] if address else []
        ns.ip("-batch", "-", input="\n".join([*lines, f"link set {name} up"]))


def plain_packets(ns, interface):
    """No partial checksums and no giant packets: what is sent looks as on a cable."""
    off = [word for feature in ("tx", "tso", "gso", "gro") for word in (feature, "off")]
    ns.run("ethtool", "-K", interface, *off, check=False)


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
