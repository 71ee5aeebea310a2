"""homeward config: a refused change changes nothing, an applied one is kept, an unconfirmed one is undone.

What a change does to flows is in other recipes. Here texts differ in a comment, which any gateway takes,
or in the number of workers, which none takes while it runs.
"""
import json
import pathlib
import signal
import subprocess
import time

import pytest

from bed.netns import command, wait_until
from bed.replay import START_S, Replay


@pytest.fixture
def replay(build, tmp_path):
    r = Replay(build, tmp_path)
    r.start()
    yield r
    r.end()


def text(replay, comment):
    """What it was started with, and a comment."""
    first = replay.file.read_text(encoding="utf-8").split("#", 1)[0]
    return f"{first}# {comment}\n"


def write(replay, comment, name="new.yaml"):
    path = replay.folder / name
    path.write_text(text(replay, comment), encoding="utf-8")
    return path


def config(replay, *args, status=0, **kw):
    r = replay.homeward("config", *args, check=False, **kw)
    assert r.returncode == status, (args, r.returncode, r.stdout, r.stderr)
    return r


def shown(replay):
    return config(replay, "show").stdout


def history(replay):
    """The newest one first: (revision, state, who, comment)."""
    revisions = json.loads(config(replay, "history", "--json").stdout)["revisions"]
    return [(r["revision"], r["state"], r["who"], r["comment"]) for r in revisions]


def state(replay):
    return json.loads(config(replay, "show", "--json").stdout)


def alarms(replay):
    return [a["alarm"] for a in json.loads(replay.homeward("--json", "status").stdout)["alarms"]]


def restart(replay, number=signal.SIGKILL):
    replay.stop(number)
    replay.start()


def test_applied_and_kept(replay):
    assert shown(replay) == replay.file.read_text(encoding="utf-8")
    new = write(replay, "one more")
    assert "is good: ports 1, sites 2, tunnels 2, egress addresses 1" in config(replay, "check", new).stdout
    assert config(replay, "diff", new).stdout == "nothing changes\n"
    out = config(replay, "apply", new, "--comment", "a test\x1b[2J").stdout
    assert "revision 2 runs" in out
    assert shown(replay) == text(replay, "one more")
    assert history(replay) == [(2, "running", "root", "a test?[2J"), (1, "applied", "start", "")]
    assert "REVISION" in config(replay, "history").stdout
    restart(replay)
    assert shown(replay) == text(replay, "one more")
    log = replay.log.read_text(encoding="utf-8")
    assert "configuration: revision 2 (root, 20" in log
    assert "revision 3 runs" in config(replay, "rollback").stdout
    assert shown(replay) == replay.file.read_text(encoding="utf-8")
    assert history(replay)[0] == (3, "running", "root", "back to revision 1")


def test_standard_input(replay):
    words = [replay.cli, "--socket", replay.socket, "config", "apply", "-"]
    r = subprocess.run(words, input=text(replay, "piped"), text=True, capture_output=True, check=True)
    assert "revision 2 runs" in r.stdout
    assert shown(replay) == text(replay, "piped")


def test_refused(replay):
    """A sentence each, status 2, and nothing has changed."""
    bad = replay.folder / "bad.yaml"
    bad.write_text("ports: 7\nnonsense: 1\n", encoding="utf-8")
    for word in ("check", "diff", "apply"):
        err = config(replay, word, bad, status=2).stderr
        assert f"{bad}:1:8: " in err and f"{bad}:2:1: " in err, err
        errors = json.loads(config(replay, word, bad, "--json", status=2).stdout)["errors"]
        assert errors[0]["file"] == str(bad) and errors[0]["line"] == 1
    restarts = replay.folder / "restarts.yaml"
    restarts.write_text(text(replay, "").replace("workers: 1", "workers: 2"), encoding="utf-8")
    assert "needs a restart" in config(replay, "diff", restarts).stdout
    err = config(replay, "apply", restarts, status=2).stderr
    assert "setting workers" in err and "cannot be changed while the daemon runs" in err
    assert "no revision 7" in config(replay, "rollback", "7", status=2).stderr
    assert "number from 1" in config(replay, "rollback", "seven", status=2).stderr
    assert "before the one that runs" in config(replay, "rollback", status=2).stderr
    assert "no revision awaits" in config(replay, "confirm", status=2).stderr
    assert "No such file" in config(replay, "apply", "/no/such", status=2).stderr
    assert "from 1s to 24h" in config(replay, "apply", bad, "--confirm", "never", status=2).stderr
    assert history(replay) == [(1, "running", "start", "")]
    assert shown(replay) == replay.file.read_text(encoding="utf-8")


def test_confirmed(replay):
    assert "on trial" in config(replay, "apply", write(replay, "a"), "--confirm", "60s").stdout
    assert "config_trial" in alarms(replay)
    err = config(replay, "apply", write(replay, "b"), status=2).stderr
    assert "revision 2 of root" in err and "awaits confirmation" in err
    assert "is kept" in config(replay, "confirm").stdout
    assert "config_trial" not in alarms(replay)
    restart(replay)
    assert shown(replay) == text(replay, "a")


def test_not_confirmed(replay):
    config(replay, "apply", write(replay, "a"), "--confirm", "1s")
    wait_until("the way back", lambda: state(replay)["state"] == "idle")
    assert shown(replay) == replay.file.read_text(encoding="utf-8")
    assert history(replay)[:2] == [(3, "running", "confirm timeout", "back to revision 1"),
                                   (2, "undone", "root", "")]
    assert "too late" in config(replay, "confirm", status=2).stderr
    assert "config_undone" in alarms(replay)


def test_killed_on_trial(replay):
    """Also if the file that it starts with was edited to be equal to the revision on trial."""
    write(replay, "a", replay.file.name)
    config(replay, "apply", replay.file, "--confirm", "1h")
    restart(replay)
    assert "# a" not in shown(replay)
    assert "config_undone" in alarms(replay)
    log = replay.log.read_text(encoding="utf-8")
    assert "revision 2 of root was not confirmed before the daemon ended: it is not used" in log
    restart(replay, signal.SIGTERM)
    assert "# a" not in shown(replay)
    write(replay, "b", replay.file.name)
    restart(replay, signal.SIGTERM)
    assert "# b" in shown(replay)


def test_power_loss(replay):
    """The newest revision is truncated, another is half written: both are named, and the one before runs."""
    for comment in ("a", "b"):
        config(replay, "apply", write(replay, comment))
    folder = pathlib.Path(replay.folder) / "state" / "revisions"
    replay.stop(signal.SIGKILL)
    newest = folder / "0000000003.applied"
    newest.write_bytes(newest.read_bytes()[:-7])
    (folder / "0000000004.new").write_bytes(b"homeward rev")
    replay.start()
    assert shown(replay) == text(replay, "a")
    log = replay.log.read_text(encoding="utf-8")
    assert "revision 3 is damaged: it is cut short" in log
    assert "revision 4 was half written" in log
    assert history(replay)[0][:2] == (3, "damaged")


def test_full_disk(build, tmp_path):
    r = Replay(build, tmp_path)
    (tmp_path / "state").mkdir()
    command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path / "state")
    try:
        r.start()
        long = write(r, "long\n" + "# filler\n" * 10000)
        err = config(r, "apply", long, status=2).stderr
        assert "cannot save revision 2" in err and "No space left on device" in err
        assert history(r) == [(1, "running", "start", "")]
        config(r, "apply", write(r, "short"), "--confirm", "1s")
        command("mount", "-o", "remount,ro", tmp_path / "state")
        wait_until("the way back", lambda: state(r)["state"] == "idle")
        assert shown(r) == r.file.read_text(encoding="utf-8")
        assert "config_store" in alarms(r)
        assert "Read-only file system" in config(r, "apply", write(r, "x"), status=2).stderr
        restart(r)
        assert shown(r) == r.file.read_text(encoding="utf-8")
    finally:
        r.end()
        command("umount", tmp_path / "state")


def test_storm_of_signals(replay):
    """100 SIGHUPs in a second: the file is read a few times, and applied once."""
    def hang_up():
        for _ in range(100):
            replay.process.send_signal(signal.SIGHUP)
            time.sleep(0.01)

    hang_up()
    time.sleep(0.3)
    said = replay.log.read_text(encoding="utf-8").count("SIGHUP: nothing changed: ")
    assert 1 <= said <= 20
    write(replay, "edited", replay.file.name)
    hang_up()
    wait_until("the edited file", lambda: "# edited" in shown(replay))
    assert history(replay)[0] == (2, "running", "SIGHUP", "")
    replay.file.write_text("nonsense: 1\n", encoding="utf-8")
    replay.process.send_signal(signal.SIGHUP)
    wait_until("what is wrong", lambda: '"nonsense" is not a setting' in replay.log.read_text())
    assert "# edited" in shown(replay)
    assert replay.process.poll() is None


def test_two_daemons(build, replay, tmp_path_factory):
    """Two daemons with one state directory: the second one runs its file, says so, and takes no change."""
    second = Replay(build, tmp_path_factory.mktemp("second"))
    text_of_second = second.file.read_text(encoding="utf-8")
    second.file.write_text(text_of_second.replace(
        f"state-directory: {second.folder}/state", f"state-directory: {replay.folder}/state"),
        encoding="utf-8")
    try:
        second.start()
        assert "config_store" in alarms(second)
        err = config(second, "apply", write(second, "x"), status=2).stderr
        assert "belongs to another homewardd" in err
    finally:
        second.end()
    assert "config_store" not in alarms(replay)


def test_not_there(build, tmp_path):
    r = Replay(build, tmp_path)
    assert "is homewardd running?" in config(r, "show", status=1).stderr
    wait_until("no daemon", lambda: config(r, "confirm", status=1), START_S)
