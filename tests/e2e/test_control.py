"""The control thread waits for nobody: not for who reads the log, not for who asks."""
import fcntl
import os
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
