"""What the tests share: a bed with a running gateway, and the laws checked after every test."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from bed import netns, private, servers  # noqa: E402
from bed.daemon import Daemon, configuration  # noqa: E402
from bed.topology import EGRESS, Topology, berlin, madrid  # noqa: E402


SLICES = (range(2048, 3 * 2048), range(5 * 2048, 8 * 2048))  # of configuration()


def pytest_addoption(parser):
    parser.addoption("--build", default=str(ROOT / "build"), help="the build folder to test")
    parser.addoption("--slot", default="", help="letters; runs of this checkout at once have others")


@pytest.fixture(scope="session", autouse=True)
def run_folder():
    private.take_run_folder(f"hw-{os.getpid()}")


@pytest.fixture(scope="session")
def build(request):
    return pathlib.Path(request.config.getoption("--build")).resolve()


@pytest.fixture(scope="session")
def tools(build):
    return build / "tests" / "tools"


@pytest.fixture(scope="session")
def prefix(request):
    """Begins the names of all our namespaces: one for each run, so that two do not meet."""
    name = netns.checkout_prefix(str(ROOT)) + request.config.getoption("--slot")
    netns.delete_all(f"{name}-")
    yield name
    netns.delete_all(f"{name}-")


class Bed:
    """Branches, servers and a gateway that runs."""

    def __init__(self, prefix, build, folder, branches, queues=None, change=lambda text: text):
        """@change makes the text of another configuration."""
        self.topology = Topology(prefix, str(build), branches, str(folder), queues)
        self.branches = branches
        self.gateway, self.internet = self.topology.gateway, self.topology.internet
        self.carrier = self.topology.carrier
        servers.start(self.topology)
        self.daemon = Daemon(self.topology)
        self.daemon.configure(change(configuration(self.topology, self.daemon.socket)))
        self.daemon.start()

    @property
    def berlin(self):
        return self.branches[0]

    @property
    def madrid(self):
        return self.branches[1]

    def check_laws(self):
        """Laws 1 (home), 2 (slice), 3 (named), and that the daemon lives to be asked."""
        assert self.daemon.process.poll() is None, self.daemon.log_text()
        self.daemon.settle()
        assert self.daemon.unaccounted() == ""
        assert self.topology.strangers() == 0, [
            self.topology.came_home(b) for b in self.branches]
        foreign = [f for f in self.daemon.flows()
                   if f["egress"] != EGRESS or not any(f["egress_port"] in s for s in SLICES)]
        assert foreign == []

    def down(self):
        try:
            status = self.daemon.stop()
            assert status == 0, f"homewardd ended with status {status}\n{self.daemon.log_text()}"
        finally:
            self.topology.down()


@pytest.fixture(scope="module")
def make_bed(prefix, build, tmp_path_factory):
    """Makes beds that go down at the end of the module: make_bed(name, berlin, madrid)."""
    beds = []

    def make(name, *branches):
        folder = tmp_path_factory.mktemp(name)
        beds.append(Bed(f"{prefix}-{name}", build, folder, branches or [berlin(), madrid()]))
        return beds[-1]

    yield make
    for bed in beds:
        bed.down()


@pytest.fixture(scope="module")
def module_bed(make_bed, request):
    return make_bed(request.module.__name__.removeprefix("test_"))


@pytest.fixture
def bed(module_bed):
    """The usual bed, one a module; afterwards the laws have to hold."""
    yield module_bed
    module_bed.check_laws()
