"""Start, stop, kill and restart; configurations that are refused."""
import fcntl
import os
import pathlib
import re
import signal
import struct

import pytest

from ask import echo_udp, token, udp_socket
from bed.daemon import Daemon, configuration


def works(bed, port):
    for branch in bed.branches:
        s = udp_socket(branch, port)
        text = token(branch)
        assert echo_udp(s, text)[0] == text
        s.close()


def interfaces(bed):
    """The gateway's interfaces as the kernel shows them, without what changes by itself."""
    out = bed.gateway.ip("-details", "link", "show").stdout + bed.gateway.ip("addr").stdout
    return re.sub(r"promiscuity \d+|allmulti \d+|prog/xdp id \d+ ?", "", out)


def xdp(bed):
    return re.findall(r"(\w+)@\S+:.*\bxdp", bed.gateway.ip("link", "show").stdout)


def test_clean_stop(bed):
    """The XDP program is on both interfaces while it runs, and gone afterwards."""
    assert sorted(xdp(bed)) == ["underlay0", "uplink0"]
    works(bed, 22000)
    assert bed.daemon.stop() == 0
    assert xdp(bed) == []
    before = interfaces(bed)
    bed.daemon.start()
    works(bed, 22001)
    assert bed.daemon.signal(signal.SIGINT) == 0
    assert xdp(bed) == []
    assert interfaces(bed) == before
    bed.daemon.start()


def test_killed_and_started_again(bed):
    """A daemon starts although a killed one left things behind."""
    for port in (22010, 22011):
        bed.daemon.kill()
        bed.daemon.start()
        works(bed, port)


LOCKS = pathlib.Path("/run/homeward")
PROGRAM_GONE = 0x7fffffff


def test_leftovers(bed):
    """The next start removes lock files of killed daemons, except files that are held or name what to undo."""
    files = {name: LOCKS / f"port-{os.getpid()}-{name}.lock" for name in ("gone", "held", "notes")}
    for name, path in files.items():
        path.write_bytes(struct.pack("=B3xI", name == "notes", PROGRAM_GONE))
    bed.daemon.stop()
    with open(files["held"], "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        bed.daemon.start()
    left = {name for name, path in files.items() if path.exists()}
    for name in left:
        files[name].unlink()
    assert left == {"held", "notes"}
    works(bed, 22030)


def test_second_daemon_is_refused(bed):
    """The ports are taken: a sentence, a status, and the first one goes on."""
    second = Daemon(bed.topology, "second")
    second.configure(configuration(bed.topology, second.socket))
    r = bed.gateway.run(bed.topology.build + "/src/homewardd", "-c", second.file, check=False, timeout=20)
    assert r.returncode not in (0, -11, -6), r.stderr
    assert r.stderr.strip()
    works(bed, 22020)


# what is wrong, the text to replace, by what, what the sentence has to say
BAD = [
    ("unknown setting", "capacity:", "capasity:", "capacity"),
    ("wrong type", "workers: 1", "workers: many", "workers"),
    ("range", "slice-size: 2048", "slice-size: 100000", "slice-size"),
    ("not a power of two", "slice-size: 2048", "slice-size: 2000", "power of two"),
    ("duplicate name", "name: madrid\n", "name: berlin\n", "berlin"),
    ("two equal tunnels", "remote: 192.0.2.34\n        key: 22", "remote: 192.0.2.18\n        key: 11",
     "192.0.2.18 and key 11"),
    ("overlapping slices", "[1, 2, 5-7]", "[1, 2, 2-7]", "slice"),
    ("no YAML", "workers: 1", "workers: [1", ""),
]


@pytest.mark.parametrize("old, new, says", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_configuration(bed, old, new, says):
    """Exit status 2 and a sentence with file, line and column; nothing is started."""
    bad = Daemon(bed.topology, "bad")
    text = configuration(bed.topology, bad.socket)
    assert old in text
    bad.configure(text.replace(old, new))
    r = bed.gateway.run(bed.topology.build + "/src/homewardd", "-c", bad.file, check=False, timeout=20)
    assert r.returncode == 2, r.stdout + r.stderr
    assert re.search(rf"^{re.escape(bad.file)}:\d+:\d+: .*{re.escape(says)}", r.stderr, re.M), r.stderr


def test_all_errors_at_once(bed):
    bad = Daemon(bed.topology, "bad")
    text = configuration(bed.topology, bad.socket)
    for _, old, new, _ in BAD[:4:2]:
        text = text.replace(old, new)
    bad.configure(text.replace("type: gre", "type: gra"))
    r = bad.homeward("check", bad.file, check=False)
    assert r.returncode == 2
    lines = {int(n) for n in re.findall(rf"^{re.escape(bad.file)}:(\d+):\d+: ", r.stderr, re.M)}
    assert len(lines) >= 4, r.stderr


def test_check_accepts_the_good_one(bed):
    assert bed.daemon.homeward("check", bed.daemon.file, check=False).returncode == 0


def test_unreadable_configuration(bed):
    r = bed.gateway.run(bed.topology.build + "/src/homewardd", "-c", "/nonexistent.yaml", check=False)
    assert r.returncode == 2 and "/nonexistent.yaml" in r.stderr
