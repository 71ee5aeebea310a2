"""The demo as a test: every answer is right, and nothing is left behind."""
import subprocess

from bed import netns
from conftest import ROOT


def test_demo(prefix, build):
    name = f"{prefix}-demo"
    r = subprocess.run([ROOT / "demo" / "demo", "--build", build, "--prefix", name],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    assert r.returncode == 0, r.stdout + r.stderr
    assert "FAIL" not in r.stdout and "171 of 171 answers right, 0 packets at the wrong branch" in r.stdout
    assert netns.names(f"{name}-") == []
