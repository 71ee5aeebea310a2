"""Flows live through a restart of the gateway: stopped, killed, with other workers, another configuration.

Each conversation is made before the restart and goes on after it: the same socket, the same answer from
the same egress port, into the right branch.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from ask import echo_tcp, echo_udp, tcp_socket, token, udp_socket
from bed.daemon import site, state_directory
from bed.topology import SERVER
from bed.servers import IPERF

CONVERSATIONS = 8  # of each branch and protocol; both branches use the same ports


@pytest.fixture(scope="module")
def place(prefix):
    """Where flows are kept: a directory in memory."""
    path = pathlib.Path("/dev/shm") / f"{prefix}-flows"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    yield path
    shutil.rmtree(path)


class Gateway:
    def __init__(self, bed, place):
        self.bed, self.daemon, self.place = bed, bed.daemon, place
        self.text = pathlib.Path(bed.daemon.file).read_text(encoding="utf-8").replace(
            "flows:\n", f"flows:\n  directory: {place}\n")
        self.conversations = []

    def end(self, how=signal.SIGTERM):
        self.daemon.process.send_signal(how)
        self.daemon.process.wait(10)

    def start(self, text=None):
        self.daemon.configure(text or self.text)
        self.daemon.start()

    def kept(self):
        return self.daemon.ask("status")["flows"]["kept"]

    def talk(self, first_port, branches=None):
        """Opens conversations, and asks once in each."""
        for branch in branches or self.bed.branches:
            for port in range(first_port, first_port + CONVERSATIONS):
                for make, ask in ((tcp_socket, echo_tcp), (udp_socket, echo_udp)):
                    s = make(branch, port)
                    s.settimeout(5)
                    self.conversations.append((branch, s, ask, self.ask(branch, s, ask)))

    @staticmethod
    def ask(branch, s, ask):
        text = token(branch)
        back, seen = ask(s, text)
        assert back == text, branch.name
        return seen

    def go_on(self):
        """Every conversation goes on, by its own egress port."""
        for branch, s, ask, seen in self.conversations:
            assert self.ask(branch, s, ask) == seen, branch.name

    def hang_up(self):
        for _, s, _, _ in self.conversations:
            s.close()
        self.conversations = []


@pytest.fixture(scope="module")
def module_gateway(module_bed, place):
    return Gateway(module_bed, place)


@pytest.fixture
def gateway(bed, module_gateway):
    """It has no flows, and keeps those that come."""
    g = module_gateway
    g.end(signal.SIGKILL)
    for file in g.place.iterdir():
        file.unlink()
    g.start()
    yield g
    g.hang_up()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_conversations_go_on(gateway, how):
    gateway.talk(31000)
    for _ in range(2):
        gateway.end(how)
        gateway.start()
        assert gateway.kept() >= 4 * CONVERSATIONS
        gateway.go_on()
    gateway.bed.check_laws()


def test_iperf3_goes_on(gateway):
    """TCP that sends all the time, from both branches, while the gateway is killed and stopped."""
    senders = [b.host.start("iperf3", "-c", SERVER, "-p", IPERF, "-b", "20M", "-t", 12, "--cport", 32000,
                            "--connect-timeout", 3000, "-J", log=gateway.bed.topology.log(f"iperf3-{b.name}"))
               for b in gateway.bed.branches]
    for how in (signal.SIGKILL, signal.SIGTERM):
        time.sleep(2)
        gateway.end(how)
        gateway.start()
    for sender in senders:
        try:
            assert sender.wait(30) == 0
        except subprocess.TimeoutExpired:
            sender.kill()
            raise


@pytest.mark.parametrize("workers, capacity", [(2, 200000), (2, 4096)])
def test_other_workers_and_capacity(gateway, workers, capacity):
    gateway.talk(33000)
    gateway.end()
    gateway.start(gateway.text.replace("workers: 1", f"workers: {workers}").replace(
        "capacity: 65536", f"capacity: {capacity}"))
    gateway.go_on()
    gateway.talk(33100)
    gateway.end(signal.SIGKILL)
    gateway.start()
    gateway.go_on()


def test_other_configuration(gateway):
    """A site that is gone loses its flows, and the order of the others does not matter."""
    berlin, madrid = gateway.bed.branches
    gateway.talk(34000)
    gateway.end()
    gateway.start(gateway.text.replace(site(berlin) + site(madrid), site(madrid)))
    assert gateway.kept() == 2 * CONVERSATIONS
    assert f"site_removed: {2 * CONVERSATIONS}" in gateway.daemon.log_text()
    gateway.conversations = [c for c in gateway.conversations if c[0] is madrid]
    gateway.go_on()
    gateway.end()
    gateway.start(gateway.text.replace(site(berlin) + site(madrid), site(madrid) + site(berlin)))
    gateway.go_on()
    gateway.talk(34100, [berlin])


def test_egress_address_gone(gateway):
    gateway.talk(34500)
    gateway.end()
    gateway.start(gateway.text.replace("203.0.113.10", "203.0.113.11"))
    assert gateway.kept() == 0
    assert f"slice_lost: {4 * CONVERSATIONS}" in gateway.daemon.log_text()


def test_numbers_of_sites(gateway):
    """The directory says whose the numbers in its records are, whatever the state directory says."""
    berlin, madrid = gateway.bed.branches
    gateway.talk(39000)
    gateway.end()
    os.unlink(os.path.join(state_directory(gateway.daemon.socket), "identities"))
    gateway.start(gateway.text.replace(site(berlin) + site(madrid), site(madrid) + site(berlin)))
    assert gateway.kept() == 4 * CONVERSATIONS
    gateway.go_on()
    gateway.end()
    (gateway.place / "identities").unlink()
    gateway.start()
    assert gateway.kept() == 0
    assert "identities: No such file" in gateway.daemon.log_text()


def test_site_comes_while_flows_live(gateway):
    """A site that is removed and another that is added do not inherit each other's flows, killed at once."""
    berlin, madrid = gateway.bed.branches
    gateway.talk(39500)
    for text in (site(berlin), site(berlin) + site(madrid).replace("name: madrid", "name: malaga")):
        gateway.daemon.configure(gateway.text.replace(site(berlin) + site(madrid), text))
        gateway.daemon.homeward("config", "apply", gateway.daemon.file)
    gateway.end(signal.SIGKILL)
    gateway.start()
    assert gateway.kept() == 2 * CONVERSATIONS
    gateway.conversations = [c for c in gateway.conversations if c[0] is berlin]
    gateway.go_on()


def test_forget(gateway):
    """`forget` says so: the flows are new ones, and nothing is left in the directory."""
    gateway.talk(35000)
    gateway.end()
    gateway.start(gateway.text.replace("flows:\n", "flows:\n  memory: forget\n"))
    assert gateway.kept() == 0
    branch, s, ask, _ = next(c for c in gateway.conversations if c[2] is echo_tcp)
    with pytest.raises(OSError):
        s.settimeout(1)
        gateway.ask(branch, s, ask)


def spoil(path, at, text):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(text)


BLOCK = 2 << 20
# what is done to the file of the records, the sentence
SPOILED = {
    "cut": (lambda p: os.truncate(p, BLOCK + 100), "it is damaged"),
    "foreign": (lambda p: spoil(p, 0, b"something else"), "it is damaged"),
    "lying": (lambda p: spoil(p, 64 + 24 + 16, b"\xff\xff\xff\x0f"), "it is damaged"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_damaged_file(gateway, how):
    change, sentence = SPOILED[how]
    gateway.talk(36000)
    gateway.end()
    change(gateway.place / "4-0")
    gateway.start()
    assert sentence in gateway.daemon.log_text()
    assert gateway.kept() == 0
    gateway.hang_up()
    gateway.talk(36200)


def test_damaged_records(gateway):
    """Records of garbage are dropped and counted; the others live."""
    gateway.talk(37000)
    gateway.end()
    spoil(gateway.place / "4-0", BLOCK + 60000 * 64, os.urandom(5000 * 64))
    gateway.start()
    assert gateway.kept() == 4 * CONVERSATIONS
    assert " damaged" in gateway.daemon.log_text()
    gateway.go_on()
