"""A port that DPDK drives itself. No card is needed: a TAP interface of DPDK stands for one.

    berlin ==GRE==  underlay0 [ gateway ] net_tap0 = dtap0 198.51.100.1, the machine's own end

dtap0 is in the namespace of the gateway, whose kernel answers at 198.51.100.1.
"""
import os
import re

import pytest

from ask import unanswered
from bed.daemon import DaemonFailed
from bed.netns import wait_until
from bed.topology import berlin
from conftest import EGRESS, Bed

HOST, MAC, WORKERS = "198.51.100.1", "02:00:00:00:00:77", 2


def configure(device):
    def change(text):
        port = f"driver: pci\n    device: {device}\n    next-hop-mac: {MAC}"
        text = text.replace("workers: 1", f"workers: {WORKERS}")
        return text.replace("driver: af_xdp\n    interface: uplink0", port)
    return change


@pytest.fixture
def bed(prefix, build, tmp_path):
    b = Bed(f"{prefix}-pci", build, tmp_path, [berlin()], None, configure("net_tap0"))
    ip = b.gateway.ip
    ip("link", "set", "dtap0", "address", MAC)
    ip("addr", "add", f"{HOST}/32", "dev", "dtap0")
    ip("route", "add", f"{EGRESS}/32", "dev", "dtap0")
    yield b
    b.daemon.settle()
    assert b.daemon.unaccounted() == ""
    b.down()


def uplink(bed):
    return next(p for p in bed.daemon.ask("status")["ports"] if p["name"] == "uplink")


def test_traffic_and_link(bed):
    """Pings and their answers; the link goes down and returns; frames are counted."""
    port = uplink(bed)
    assert (port["driver"], port["state"], len(port["queues"])) == ("pci", "up", WORKERS)
    assert unanswered(bed.berlin.host, 20, HOST) == []
    port = uplink(bed)
    assert port["rx_packets"] >= 20 and port["tx_packets"] >= 20 and port["lost_packets"] == 0

    bed.gateway.ip("link", "set", "dtap0", "down")
    wait_until("the link is down", lambda: uplink(bed)["state"] == "down")
    assert "net_tap0 has no link" in uplink(bed)["reason"]
    assert unanswered(bed.berlin.host, 3, HOST) == [1, 2, 3]
    bed.gateway.ip("link", "set", "dtap0", "up")
    bed.gateway.ip("route", "replace", f"{EGRESS}/32", "dev", "dtap0")
    wait_until("the link is up", lambda: uplink(bed)["state"] == "up")
    assert unanswered(bed.berlin.host, 5, HOST) == []


@pytest.mark.parametrize("device, says", [
    ("0000:ff:1f.7", r"there is no PCI device 0000:ff:1f\.7: lspci -D shows"),
    (None, r"has PCI device .*: give it to us by driverctl"),
])
def test_refusals(prefix, build, tmp_path, device, says):
    """A card that is not there, and one that the kernel or nobody has: a sentence, no start."""
    folder = "/sys/bus/pci/devices"
    given = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    if device is None and not given:
        pytest.skip("this machine has no PCI")
    with pytest.raises(DaemonFailed) as failed:
        Bed(f"{prefix}-nopci", build, tmp_path, [berlin()], None, configure(device or given[-1]))
    assert re.search(says, str(failed.value))
