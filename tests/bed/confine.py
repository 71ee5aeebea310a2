#!/usr/bin/python3
"""Runs homewardd under the restrictions of its systemd unit, without systemd.

    confine.py UNIT RUNDIR STATEDIR PROGRAM CONFIGURATION

Each setting of [Service] is a row of SETTINGS, done as systemd.exec(5) describes it; a setting without a row
ends the run, so every new restriction must be tested. RUNDIR becomes
/run/homeward, and STATEDIR the folder of StateDirectory=.
"""
import ctypes
import errno
import os
import resource
import sys

import seccomp

LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 1, 4096, 8192, 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWUTS = 0x20000, 0x4000000
NAMESPACES = (CLONE_NEWNS, CLONE_NEWUTS, 0x2000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
CAPABILITIES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
    LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE
    SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
    SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
    WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17, "AF_XDP": 44}
FAMILY_MAX = 64
STANDARD_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "rtc0")
RUN, STAGE = "/run/homeward", "/mnt"


def call(function, *args):
    if function(*args) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{function.__name__}{args}: {os.strerror(code)}")


def mount(source, target, kind=None, flags=0, options=None):
    call(LIBC.mount, *(a and a.encode() for a in (source, target, kind)), flags,
         options and options.encode())


def bind(source, target):
    mount(source, target, flags=MS_BIND | MS_REC)


def set_read_only(path, on=True):
    attr = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY if on else 0, 0 if on else MOUNT_ATTR_RDONLY, 0, 0)
    call(LIBC.syscall, SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), AT_RECURSIVE, attr, 32)


def hide(path):
    if os.path.isdir(path):
        mount("tmpfs", path, "tmpfs", MS_RDONLY, "mode=0000")


class Confinement:
    """Applies the settings in the order in which systemd does it."""

    def __init__(self, settings):
        self.settings = settings
        self.rules = seccomp.SyscallFilter(seccomp.ALLOW)
        self.dropped = set()
        self.devices = None  # None: all

    def get(self, name):
        return self.settings.get(name, [""])[-1]

    def deny(self, *calls):
        for name in calls:
            self.rules.add_rule(seccomp.ERRNO(errno.EPERM), name)

    def deny_clock(self, value):
        self.deny("adjtimex", "clock_adjtime", "clock_settime", "settimeofday")
        self.dropped |= {"SYS_TIME", "WAKE_ALARM"}
        self.devices = STANDARD_DEVICES  # DeviceAllow=char-rtc is implied, and so all others are not

    def deny_modules(self, value):
        self.deny("init_module", "finit_module", "delete_module")
        self.dropped.add("SYS_MODULE")

    def deny_kernel_logs(self, value):
        self.deny("syslog")
        self.dropped.add("SYSLOG")

    def deny_hostname(self, value):
        self.deny("sethostname", "setdomainname")

    def deny_namespaces(self, value):
        self.deny("setns")
        self.rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
        for flag in NAMESPACES:
            wanted = seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag)
            for name in ("clone", "unshare"):
                self.rules.add_rule(seccomp.ERRNO(errno.EPERM), name, wanted)

    def deny_realtime(self, value):
        self.deny("sched_setattr")
        for policy in (1, 2, 6):  # FIFO, RR, DEADLINE
            self.rules.add_rule(seccomp.ERRNO(errno.EPERM), "sched_setscheduler",
                                seccomp.Arg(1, seccomp.EQ, policy))

    def deny_suid(self, value):
        for name, arg in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2)):
            for bit in (0o4000, 0o2000):
                self.rules.add_rule(seccomp.ERRNO(errno.EPERM), name,
                                    seccomp.Arg(arg, seccomp.MASKED_EQ, bit, bit))

    def deny_personality(self, value):
        self.deny("personality")

    def allow_families(self, value):
        allowed = {FAMILIES[name] for name in value.split()}
        refuse = seccomp.ERRNO(errno.EAFNOSUPPORT)
        for family in set(range(FAMILY_MAX)) - allowed:
            self.rules.add_rule(refuse, "socket", seccomp.Arg(0, seccomp.EQ, family))
        self.rules.add_rule(refuse, "socket", seccomp.Arg(0, seccomp.GE, FAMILY_MAX))

    def bound_capabilities(self, value):
        kept = {name.removeprefix("CAP_") for name in value.split()}
        assert kept <= set(CAPABILITIES), value
        self.dropped |= set(CAPABILITIES) - kept

    def limit(self, name):
        def set_limit(value):
            number = resource.RLIM_INFINITY if value == "infinity" else int(value)
            hard = resource.getrlimit(name)[1]  # a container may not raise it
            if hard != resource.RLIM_INFINITY and (number == resource.RLIM_INFINITY or number > hard):
                number = hard
            resource.setrlimit(name, (number, number))
        return set_limit

    def mount_all(self, rundir, statedir, program, configuration):
        """STAGE holds what the real unit finds in /usr/local and /etc."""
        call(LIBC.unshare, CLONE_NEWNS | CLONE_NEWUTS)
        mount("none", "/", flags=MS_REC | MS_PRIVATE)
        mount("tmpfs", STAGE, "tmpfs")
        for name, folder in (("bin", os.path.dirname(program)), ("etc", os.path.dirname(configuration))):
            os.mkdir(f"{STAGE}/{name}")
            bind(folder, f"{STAGE}/{name}")
        os.makedirs(RUN, exist_ok=True)
        bind(rundir, RUN)
        state = f"/var/lib/{self.get('StateDirectory')}"
        mount("tmpfs", "/var/lib", "tmpfs")  # that of the machine stays as it is
        os.mkdir(state)
        bind(statedir, state)
        writable = [RUN, state, "/proc", "/sys", "/dev"]
        writable += [p.lstrip("-") for p in self.get("ReadWritePaths").split()]
        if self.devices is not None:
            self.mount_devices()
        if self.get("ProtectHome") == "yes":
            for path in ("/home", "/root", "/run/user"):
                hide(path)
        if self.get("ProtectProc"):
            mount("proc", "/proc", "proc", 0, f"hidepid={self.get('ProtectProc')}")
        if self.get("ProtectKernelModules") == "yes":
            hide("/usr/lib/modules")
        if self.get("ProtectSystem") == "strict":
            writable = list(filter(os.path.exists, writable))
            for path in writable:
                if not os.path.ismount(path):
                    bind(path, path)
            set_read_only("/")
            for path in writable:
                set_read_only(path, False)
        if self.get("ProtectControlGroups") == "yes" and os.path.ismount("/sys/fs/cgroup"):
            set_read_only("/sys/fs/cgroup")
        if self.get("PrivateTmp") == "yes":
            for path in ("/tmp", "/var/tmp"):
                mount("tmpfs", path, "tmpfs")

    def mount_devices(self):
        """A /dev with the allowed nodes alone: systemd refuses to open the others."""
        allowed = [f"/dev/{name}" for name in self.devices]
        allowed += [line.split()[0] for line in self.settings.get("DeviceAllow", [])]
        new = f"{STAGE}/dev"
        os.mkdir(new)
        mount("tmpfs", new, "tmpfs")
        for path in ["/dev/hugepages", "/dev/shm", *allowed]:
            if not os.path.exists(path):
                continue
            target = STAGE + path
            os.makedirs(target if os.path.isdir(path) else os.path.dirname(target), exist_ok=True)
            if not os.path.isdir(path):
                os.close(os.open(target, os.O_CREAT))
            bind(path, target)
        mount(new, "/dev", flags=MS_MOVE)

    def finish(self):
        """Nothing of this can be taken back."""
        for name in self.dropped:
            if os.path.exists("/proc/self/status"):
                LIBC.prctl(PR_CAPBSET_DROP, CAPABILITIES.index(name), 0, 0, 0)
        call(LIBC.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        self.rules.load()


def rows(c):
    """Every setting of the unit: what to do, or None where the mounts or the service manager do it."""
    return {
        "CapabilityBoundingSet": c.bound_capabilities, "LimitMEMLOCK": c.limit(resource.RLIMIT_MEMLOCK),
        "LimitNOFILE": c.limit(resource.RLIMIT_NOFILE), "LockPersonality": c.deny_personality,
        "ProtectClock": c.deny_clock, "ProtectHostname": c.deny_hostname,
        "ProtectKernelLogs": c.deny_kernel_logs, "ProtectKernelModules": c.deny_modules,
        "RestrictAddressFamilies": c.allow_families, "RestrictNamespaces": c.deny_namespaces,
        "RestrictRealtime": c.deny_realtime, "RestrictSUIDSGID": c.deny_suid,
        # mount_all()
        "DeviceAllow": None, "PrivateTmp": None, "ProtectControlGroups": None, "ProtectHome": None,
        "ProtectProc": None, "ProtectSystem": None, "ReadWritePaths": None, "RuntimeDirectory": None,
        "StateDirectory": None,
        # finish(); seccomp of one architecture refuses the others by itself
        "NoNewPrivileges": None, "SystemCallArchitectures": None,
        # of the service manager
        "ExecStart": None, "ExecReload": None, "Restart": None, "RestartPreventExitStatus": None, "RestartSec": None,
        "RuntimeDirectoryPreserve": None, "Type": None, "WatchdogSec": None, "TimeoutStartSec": None,
    }


def read_unit(path):
    """{setting: [values]} of [Service]."""
    settings, section = {}, ""
    with open(path, encoding="utf-8") as lines:
        for line in map(str.strip, lines):
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and line[0] not in "#;":
                name, value = line.split("=", 1)
                settings.setdefault(name, []).append(value)
    return settings


def main(unit, rundir, statedir, program, configuration):
    settings = read_unit(unit)
    confinement = Confinement(settings)
    todo = rows(confinement)
    for name, values in settings.items():
        if name not in todo:
            sys.exit(f"confine.py has no row for {name}= of {unit}")
        for value in values if todo[name] else []:
            todo[name](value)
    confinement.mount_all(rundir, statedir, program, configuration)
    os.chdir("/")
    program, configuration = (os.path.basename(p) for p in (program, configuration))
    confinement.finish()
    os.execv(f"{STAGE}/bin/{program}", [program, "--config", f"{STAGE}/etc/{configuration}"])


if __name__ == "__main__":
    main(*sys.argv[1:])
