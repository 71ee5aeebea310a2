"""The control thread does not wait for the reader of the log or for clients of the API."""
import fcntl
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import time

import pytest

from bed.netns import wait_until
from bed.replay import START_S, Replay


FLOWS = 600  # of each of two sites
PAGES = b"GET /v1/flows?limit=1000 HTTP/1.1\r\n\r\n"


@pytest.fixture
def replay(build, tmp_path):
    r = Replay(build, tmp_path, FLOWS)
    yield r
    r.end()


@pytest.fixture(scope="module")
def running(build, tmp_path_factory):
    r = Replay(build, tmp_path_factory.mktemp("control"), FLOWS)
    r.start()
    wait_until("the flows", lambda: r.get("/v1/status")[1]["flows"]["now"] > 2 * FLOWS, START_S)
    yield r
    r.end()


def memory_mb(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1000


def awake_s(process):
    """Seconds in which the first thread, the control thread, ran or wanted to: all of them if it spins."""
    ran, waited, _ = pathlib.Path(f"/proc/{process.pid}/schedstat").read_text().split()
    return (int(ran) + int(waited)) / 1e9


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


def test_clients_that_do_not_read(running):
    """150 requests in one go on each of 20 connections: others are answered, memory stays."""
    before = memory_mb(running.process)
    clients = [running.connect() for _ in range(20)]
    for c in clients:
        c.setblocking(False)
        try:
            c.sendall(PAGES * 150)
        except BlockingIOError:
            pass  # its socket is full, too
    for _ in range(10):
        assert running.get("/v1/status")[0] == 200
    assert memory_mb(running.process) - before < 20
    for c in clients:
        c.close()


def test_clients_that_leave(running):
    """2,000 that ask for three pages and leave."""
    for _ in range(2000):
        with running.connect() as c:
            c.sendall(PAGES * 3)
    assert running.get("/v1/status")[0] == 200


def test_out_of_descriptors(running):
    """An alarm, one line in the log, no spinning; when there are descriptors again, all is well."""
    pid, log = running.process.pid, running.log
    free = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free + 2, before[1]))
    clients = [running.connect() for _ in range(20)]
    wait_until("the alarm", lambda: "cannot accept an API client" in log.read_text(), START_S)
    awake, size = awake_s(running.process), log.stat().st_size
    time.sleep(3)
    assert awake_s(running.process) - awake < 2
    assert log.stat().st_size - size < 1000
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    for c in clients:
        c.close()
    wait_until("no alarm", lambda: not running.get("/v1/status")[1]["alarms"], START_S)


def test_the_command_line_gives_up(running):
    """If the daemon is stopped, homeward waits no longer than --timeout."""
    running.process.send_signal(signal.SIGSTOP)
    r = running.homeward("--timeout", "1", "status", check=False)
    running.process.send_signal(signal.SIGCONT)
    assert r.returncode == 1 and "has not answered" in r.stderr and "--timeout" in r.stderr
    assert running.homeward("status").returncode == 0


def test_another_program_listens(replay):
    """Its socket is not taken over, nor removed."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(replay.socket))
        other.listen()
        r = replay.run_daemon("--config", replay.file)
        assert r.returncode == 1 and "another program listens" in r.stderr
        assert replay.socket.exists()
    replay.start()  # what it left behind is in nobody's way
    assert replay.stop() == 0
    assert not replay.socket.exists()
