"""What the machine is, and its huge pages for as long as a benchmark needs them."""
import fcntl
import os
import platform
import subprocess

HUGE = "/sys/kernel/mm/hugepages/hugepages-2048kB/"


def read(path):
    try:
        with open(path, encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


def cpu_model():
    for line in read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False,
                          cwd=os.path.dirname(os.path.abspath(__file__)))
    return done.stdout.strip()


def facts():
    caches = {}
    for i in range(4):
        folder = f"/sys/devices/system/cpu/cpu0/cache/index{i}/"
        if read(folder + "size"):
            caches[f"L{read(folder + 'level')} {read(folder + 'type').lower()}"] = \
                read(folder + "size")
    return {"cpu": cpu_model(), "cores": os.cpu_count(), "caches": caches,
            "memory_kb": int(read("/proc/meminfo").split()[1]), "kernel": platform.release(),
            "hypervisor": "hypervisor" in read("/proc/cpuinfo"), "commit": commit(),
            "load_before": os.getloadavg()[0]}


class HugePages:
    """Sees to @mib of free huge pages, and gives back what it took. Without rights: as it is."""

    def __init__(self, mib):
        self.wanted = mib // 2
        self.added = 0

    def __enter__(self):
        free, total = int(read(HUGE + "free_hugepages") or 0), self.total()
        if free < self.wanted:
            self.write(total + self.wanted - free)
            self.added = self.total() - total
        return self

    def __exit__(self, *_):
        if self.added > 0:
            self.write(max(0, self.total() - self.added))

    @staticmethod
    def total():
        return int(read(HUGE + "nr_hugepages") or 0)

    @staticmethod
    def write(pages):
        try:
            with open(HUGE + "nr_hugepages", "w", encoding="ascii") as f:
                f.write(str(pages))
        except OSError:
            pass

    @staticmethod
    def free():
        return int(read(HUGE + "free_hugepages") or 0)


def alone(say):
    """One benchmark at a time on a machine; holds until the process ends."""
    lock = open("/run/homeward-bench.lock", "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another benchmark is running on this machine: waiting for it to end")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def come_first(pid="self"):
    """A process, and what it starts, goes before what else the machine does. Without rights: no.

    Where the kernel groups processes by session, a nice value counts inside the group alone and the
    group has one of its own.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0 if pid == "self" else pid, -20)
        with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as f:
            f.write("-20")
    except OSError:
        pass
