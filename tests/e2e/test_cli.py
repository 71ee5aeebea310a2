"""homewardd and homeward at a terminal: output, errors, exit status."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from bed.netns import command, wait_until
from bed.replay import Replay, configuration

EACH = 60
ALL = 2 * EACH + 2


@pytest.fixture(scope="module")
def replay(build, tmp_path_factory):
    r = Replay(build, tmp_path_factory.mktemp("cli"), EACH)
    r.start()
    wait_until("the flows", lambda: r.get("/v1/status")[1]["flows"]["now"] == ALL, 10)
    yield r
    r.end()


@pytest.fixture
def fresh(build, tmp_path):
    r = Replay(build, tmp_path)
    yield r
    r.end()


def test_flows(replay):
    """Both branches side by side: equal inside, different outside."""
    lines = replay.homeward("flows", "--port", "10000").stdout.splitlines()
    assert lines[0].split() == ["SITE", "TUNNEL", "PROTO", "SOURCE", "DESTINATION", "EGRESS", "STATE",
                                "PACKETS", "OUT/IN", "BYTES", "OUT/IN", "IDLE"]
    assert sorted(line.split()[0] for line in lines[1:]) == ["berlin", "madrid"]
    for line in lines[1:]:
        assert "10.0.1.10:10000  ->  198.51.100.80:53" in line
        assert "1 / 0" in line and "128 B / 0 B" in line


def test_ping_has_no_port(replay):
    line = replay.homeward("flows", "--protocol", "icmp", "--site=berlin").stdout.splitlines()[1]
    assert "10.0.1.10:4242  ->  198.51.100.80  " in line


def test_pages(replay):
    short = replay.homeward("flows", "--limit", "5").stdout.splitlines()
    assert len(short) == 1 + 5 + 1 and "--all" in short[-1]
    assert len(replay.homeward("flows", "--all").stdout.splitlines()) == 1 + ALL
    every = json.loads(replay.homeward("flows", "--all", "--json").stdout)
    assert len(every["flows"]) == ALL and every["next_cursor"] is None


def test_status(replay):
    out = replay.homeward("status").stdout
    assert f"{ALL} of 65,536" in out and "all accounted for" in out and "pcap" in out
    assert "fragmentation" not in out, "nothing was fragmented"


def test_tables(replay):
    assert "192.0.2.10" in replay.homeward("tunnels").stdout
    assert "madrid" not in replay.homeward("tunnels", "--site", "berlin").stdout
    sites = replay.homeward("sites").stdout
    assert "10.0.1.0/24" in sites and "NEW/S LIMIT" in sites and "200,000" in sites
    assert "10240-12287" in replay.homeward("egress").stdout
    drops = replay.homeward("drops").stdout
    assert "gre_unknown" in drops and "no_flow" not in drops and "no port lost a packet" in drops
    assert "no_flow" in replay.homeward("drops", "--all").stdout


def test_unknown_tunnels(replay, tmp_path):
    """Senders of packets that match no tunnel are listed, as configuration to paste."""
    listed = replay.homeward("tunnels", "--unknown").stdout
    assert "# 1 packet, the last" in listed
    assert "remote: 192.0.2.99" in listed and "local: 192.0.2.1" in listed and "port: wire" in listed
    pasted = tmp_path / "pasted.yaml"
    pasted.write_text(replay.file.read_text().replace("egress:", listed + "egress:"))
    good = replay.homeward("check", pasted).stdout
    assert "sites 3, tunnels 3" in good
    unknown, = json.loads(replay.homeward("--json", "tunnels", "--unknown").stdout)["tunnels"]
    assert (unknown["reason"], unknown["key"], unknown["packets"]) == ("gre_unknown", None, 1)


@pytest.mark.parametrize("word", ["status", "sites", "tunnels", "flows", "egress", "drops"])
def test_json_is_the_api(replay, word):
    printed = json.loads(replay.homeward(word, "--json").stdout)
    assert set(printed) == set(replay.get(f"/v1/{word}")[1])


@pytest.mark.parametrize("args", [["help"], ["help", "flows"], ["flows", "--help"], ["--version"],
                                  ["size"], ["tunnels", "--unknown"]])
def test_json_of_the_rest(replay, args):
    assert isinstance(json.loads(replay.homeward("--json", *args).stdout), dict)


@pytest.mark.parametrize("args, status, sentence", [
    (["flow"], 2, "did you mean flows?"),
    (["flows", "--sit", "x"], 2, "did you mean --site?"),
    (["help", "flow"], 2, "did you mean flows?"),
    (["flows", "--site", "berlni"], 1, "did you mean berlin?"),
    (["flows", "--limit", "0"], 2, "--limit must be a number from 1 to"),
    (["sites", "--limit", "x"], 2, "--limit must be a number from 1 to"),
    (["flows", "--limit", "5", "--all"], 2, "exclude each other"),
    (["flows", "--all", "--site", "berlni"], 1, "did you mean berlin?"),
    (["flows", "--address", "x&y=z"], 1, "address must be an IPv4 or IPv6 address or prefix"),
])
def test_refusals(replay, args, status, sentence):
    r = replay.homeward(*args, check=False)
    assert (r.returncode, r.stdout) == (status, "")
    assert sentence in r.stderr


def test_daemon_not_there(fresh):
    r = fresh.homeward("status", check=False)
    assert r.returncode == 1
    assert f"is homewardd running? looked at {fresh.socket}" in r.stderr


def test_terminal_is_safe(fresh):
    """No answer on the socket can send control characters to the terminal."""
    evil = '{"sites":[{"name":"a\\u001b[2J\\u009b\x7f","tunnels":[],"prefixes":[]}]}'
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(evil)}\r\n\r\n{evil}".encode()
    for args in (["sites"], ["sites", "--json"]):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(fresh.socket))
            server.listen()
            pid = os.fork()
            if pid == 0:
                s, _ = server.accept()
                s.recv(4096)
                s.sendall(answer)
                s.close()
                os._exit(0)
            out = fresh.homeward(*args).stdout
            os.waitpid(pid, 0)
        fresh.socket.unlink()
        assert "a" in out and not set(out) & {"\x1b", "\x9b", "\x7f"}


def test_check(fresh):
    good = fresh.homeward("check", fresh.file)
    assert "is good" in good.stdout
    assert json.loads(fresh.homeward("--json", "check", fresh.file).stdout) == []
    fresh.file.write_text(configuration(fresh.folder).replace("capacity", "capcity"))
    bad = fresh.homeward("check", fresh.file, check=False)
    assert bad.returncode == 2 and f"{fresh.file}:2:3: " in bad.stderr
    bad = fresh.homeward("check", "--json", fresh.file, check=False)
    error, = json.loads(bad.stdout)
    assert (bad.returncode, error["line"], error["column"]) == (2, 2, 3)
    for args in (["--check", "-c", fresh.file], ["-c", fresh.file]):
        r = fresh.run_daemon(*args)
        assert r.returncode == 2 and f"{fresh.file}:2:3: " in r.stderr


def test_daemon_command_line(fresh):
    assert "usage: homewardd" in fresh.run_daemon("--help").stdout
    assert fresh.run_daemon("--version").stdout.startswith("homewardd ")
    for args in (["--no-such"], ["file"], ["--log-level", "loud"], ["-c"]):
        r = fresh.run_daemon(*args)
        assert r.returncode == 2 and r.stderr
    assert fresh.run_daemon("-c", fresh.file, "--check").returncode == 0
    assert not fresh.socket.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_clean_stop(fresh, number):
    fresh.start()
    assert oct(fresh.socket.stat().st_mode & 0o777) == "0o660"
    assert fresh.stop(number) == 0
    left = sorted(p.name for p in fresh.folder.iterdir())
    assert left == ["homeward.yaml", "in.pcap", "log", "state"]
    log = fresh.log.read_text()
    assert "ready: listening on" in log and "packets in" in log.splitlines()[-1]


def test_second_daemon_is_refused(fresh):
    fresh.start()
    r = fresh.run_daemon("-c", fresh.file)
    assert r.returncode == 1
    assert f"another homewardd (process {fresh.process.pid})" in r.stderr
    assert fresh.homeward("status").returncode == 0


def test_killed_and_started_again(fresh):
    for _ in range(2):
        fresh.start()
        fresh.stop(signal.SIGKILL)
        assert fresh.socket.exists()
    fresh.start()
    assert fresh.stop() == 0


def test_too_many_flows_for_the_machine(fresh):
    """Reported at once, before memory is used up. The daemon sees a machine with 64 MiB free."""
    fresh.file.write_text(configuration(fresh.folder).replace("65536", "16777216"))
    (fresh.folder / "meminfo").write_text(
        "MemAvailable: 65536 kB\nHugePages_Free: 0\nHugepagesize: 2048 kB\n")
    r = command("unshare", "--mount", "sh", "-c",
                f"mount --bind {fresh.folder}/meminfo /proc/meminfo && "
                f"exec {fresh.daemon} -c {fresh.file}", check=False)
    assert r.returncode == 1, "there may be more later"
    assert ("16777216 flows need 1280 MiB, but only 64 MiB of memory and 0 MiB of huge pages "
            "are free") in r.stderr


def test_something_else_in_the_way(fresh):
    fresh.socket.write_text("mine")
    r = fresh.run_daemon("-c", fresh.file)
    assert r.returncode == 1 and "not a socket" in r.stderr
    assert fresh.socket.read_text() == "mine"


def test_service_manager_is_told(fresh):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(fresh.folder / "notify"))
        manager.settimeout(10)
        fresh.start({**os.environ, "NOTIFY_SOCKET": str(fresh.folder / "notify")})
        assert manager.recv(100) == b"READY=1"
        assert fresh.stop() == 0
        assert manager.recv(100) == b"STOPPING=1"


def test_closed_standard_files(fresh):
    """Nothing of ours takes the number of a closed stdin, stdout or stderr."""
    fresh.process = subprocess.Popen(
        ["sh", "-c", 'exec "$0" --config "$1" <&- >&- 2>&-', fresh.daemon, fresh.file])
    wait_until("homewardd to answer",
               lambda: fresh.homeward("status", check=False).returncode == 0, 30)
    files = [os.readlink(f"/proc/{fresh.process.pid}/fd/{n}") for n in range(3)]
    assert files == ["/dev/null"] * 3
    assert fresh.stop() == 0


PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")


def test_huge_pages_that_vanish(fresh):
    """Free when we looked, taken when DPDK did: a warning, and ordinary memory. The daemon is made to see
    pages that are not there."""
    (fresh.folder / "free").write_text("4096\n")
    with open(fresh.log, "ab") as log:
        fresh.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", f"mount --bind {fresh.folder}/free {PAGES} && "
             f"exec {fresh.daemon} -c {fresh.file}"], stdout=log, stderr=log)
    wait_until("homewardd to answer", fresh.answers, 30)
    assert "other programs took the free huge pages" in fresh.log.read_text()
    assert fresh.get("/v1/status")[1]["pid"] == fresh.process.pid
    assert fresh.stop() == 0


GROUPS = pathlib.Path("/sys/fs/cgroup")


def test_limit_of_a_control_group(fresh):
    """A sentence and status 1, where the kernel would have killed the process."""
    parent, limit = (GROUPS / "memory", "memory.limit_in_bytes") if (GROUPS / "memory").is_dir() \
        else (GROUPS, "memory.max")
    group = parent / f"hw-{os.getpid()}"
    group.mkdir()
    try:
        (group / limit).write_text(str(64 << 20))
        r = command("sh", "-c", f"echo $$ >{group}/cgroup.procs && exec {fresh.daemon} -c {fresh.file}",
                    check=False)
    finally:
        group.rmdir()
    assert r.returncode == 1, r.stderr
    assert re.search(r"need \d+ MiB, but only \d+ MiB of memory are free on this machine and in this "
                     r"control group", r.stderr), r.stderr


def test_no_folder_of_dpdk_is_left(fresh, tmp_path):
    """Not even while it runs: a kill would leave it, and each start would add one."""
    run = tmp_path / "run"
    run.mkdir()
    fresh.start(env={**os.environ, "RUNTIME_DIRECTORY": str(run)})
    assert list((run / "dpdk").iterdir()) == []


def test_socket_removed(fresh):
    """It is made again; another file at its path stays, and an alarm names it."""
    fresh.start()
    fresh.socket.unlink()
    wait_until("a socket", fresh.answers, 10)
    assert "it has been made again" in fresh.log.read_text()

    fresh.socket.unlink()
    fresh.socket.write_text("somebody else's")
    wait_until("the alarm", lambda: "alarm api_socket" in fresh.log.read_text(), 10)
    assert fresh.socket.read_text() == "somebody else's"
    fresh.socket.unlink()
    wait_until("a socket", fresh.answers, 10)
    wait_until("its end", lambda: "alarm api_socket ended" in fresh.log.read_text(), 10)


@pytest.mark.parametrize("makes_room", [True, False])
def test_no_room_for_a_client(build, tmp_path, makes_room):
    """The backlog is full: homeward waits for room until --timeout."""
    path = str(tmp_path / "api.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as other:
        listener.bind(path)
        listener.listen(0)
        other.connect(path)
        homeward = subprocess.Popen([build / "cli" / "homeward", "--socket", path, "--timeout",
                                     "20" if makes_room else "1", "status"],
                                    stderr=subprocess.PIPE, text=True)
        if makes_room:
            with pytest.raises(subprocess.TimeoutExpired):
                homeward.wait(1)
            other.close()
            asked = b""
            while not asked:  # the first ask nothing
                client, _ = listener.accept()
                asked = client.recv(4096)
            with client:
                client.send(b'HTTP/1.1 503 Busy\r\nContent-Length: 17\r\n\r\n{"error": "busy"}')
                _, said = homeward.communicate(timeout=10)
        else:
            _, said = homeward.communicate(timeout=30)
    assert ("homeward: busy" if makes_room else "has not answered") in said
    assert homeward.returncode == 1
