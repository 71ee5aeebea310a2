"""The control thread waits for nobody: not for who reads the log, not for who asks."""
import fcntl
import os
import signal
import socket
import subprocess

import pytest

from bed.netns import wait_until
from bed.replay import START_S, Replay


@pytest.fixture
def replay(build, tmp_path):
    r = Replay(build, tmp_path, 20)
    yield r
    r.end()


def full_pipe():
    """A pipe that takes not one byte more. (where to read, where to write)"""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    for size in (65536, 1):
        try:
            while True:
                os.write(writer, b"." * size)
        except BlockingIOError:
            pass
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    return reader, writer


def test_nobody_reads_the_log(replay):
    """It starts, answers and stops, though its log takes nothing."""
    reader, writer = full_pipe()
    replay.process = subprocess.Popen(
        [replay.daemon, "--config", replay.file, "--log-level", "debug"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer)
    os.close(writer)
    wait_until("homewardd to answer", replay.answers, START_S)
    assert replay.stop() == 0
    os.close(reader)


def test_watchdog(replay, tmp_path):
    """The service manager hears of the loop, and SIGHUP does not end it."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(START_S)
    replay.start(os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify"),
                               "WATCHDOG_USEC": "200000"})
    assert manager.recv(100) == b"READY=1"
    replay.process.send_signal(signal.SIGHUP)
    assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    replay.process.send_signal(signal.SIGSTOP)
    manager.settimeout(1)
    with pytest.raises(TimeoutError):
        for _ in range(20):  # those that are on their way; a stopped loop sends no more
            manager.recv(100)
    replay.process.send_signal(signal.SIGCONT)
    assert replay.stop() == 0
    assert "SIGHUP" in replay.log.read_text()
