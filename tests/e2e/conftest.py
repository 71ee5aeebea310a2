"""What the recipes share: where the programs are, names for namespaces."""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from bed import netns  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--build", default=str(ROOT / "build"), help="the build folder to test")


@pytest.fixture(scope="session")
def build(request):
    return pathlib.Path(request.config.getoption("--build")).resolve()


@pytest.fixture(scope="session")
def tools(build):
    return build / "tests" / "tools"


@pytest.fixture(scope="session")
def prefix():
    """Begins the names of all our namespaces: one for each checkout, so that two do not meet."""
    name = netns.checkout_prefix(ROOT)
    netns.delete_all(f"{name}-")
    yield name
    netns.delete_all(f"{name}-")
