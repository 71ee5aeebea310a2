"""A private /run/homeward, so that parallel runs do not share its locks.

Only this process and its children see it. Network namespaces stay visible to `ip netns` of the whole
machine, so that the rest of a killed run can be found and removed.
"""
import ctypes
import os

from bed.netns import LIBC, command

CLONE_NEWNS = 0x20000
MS_PRIVATE = 1 << 18
RUN = "/run/homeward"


def call(function, *args):
    if function(*args) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{function.__name__}: {os.strerror(code)}")


def share_namespaces(name):
    """Once one was made, their folder is a mount that is shared with the machine."""
    if not os.path.ismount("/run/netns"):
        command("ip", "netns", "add", name)
        command("ip", "netns", "del", name)


def mount_point(path):
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path


def take_run_folder(name):
    """@name is free for a network namespace."""
    os.makedirs(RUN, exist_ok=True)
    share_namespaces(name)
    call(LIBC.unshare, CLONE_NEWNS)
    call(LIBC.mount, b"none", mount_point(RUN).encode(), None, MS_PRIVATE, None)
    call(LIBC.mount, b"tmpfs", RUN.encode(), b"tmpfs", 0, b"mode=0755")
