"""If the kernel gets an egress address while the daemon runs, an alarm stands until it is removed.

The usual bed: tests/bed/topology.py.
"""
import pytest

from bed.netns import wait_until
from bed.topology import EGRESS

WITHIN_S = 20


def standing(bed, name):
    return [a for a in bed.daemon.ask("status")["alarms"] if a["alarm"] == name]


@pytest.mark.parametrize("interface", ["uplink0", "underlay0", "lo"])
def test_alarm_while_it_is_there(bed, interface):
    assert standing(bed, "address_in_kernel") == []
    bed.gateway.ip("addr", "add", f"{EGRESS}/32", "dev", interface)
    alarm = wait_until("the alarm", lambda: standing(bed, "address_in_kernel"), WITHIN_S)[0]
    assert alarm["subject"] == EGRESS
    assert f"ip address del {EGRESS}/32 dev {interface}" in alarm["text"]
    assert EGRESS in bed.daemon.homeward("status").stdout
    bed.gateway.ip("addr", "del", f"{EGRESS}/32", "dev", interface)
    wait_until("its end", lambda: not standing(bed, "address_in_kernel"), WITHIN_S)
