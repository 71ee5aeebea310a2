"""homewardd under all restrictions of its systemd unit: every feature works.

    berlin 10.0.1.10:P ==GRE over IPv4==    af_xdp
    madrid 10.0.1.10:P ==GRE over IPv6== gateway ---- 198.51.100.80
                                              af_packet

The unit file itself is read (bed/confine.py), so a restriction that is added there is tested here.
"""
import os
import re

import pytest

from ask import echo_tcp, echo_udp, tcp_socket, token, udp_socket
from bed import servers
from bed.daemon import Daemon, configuration
from bed.netns import command
from bed.topology import SERVER, Topology, berlin, madrid
from test_outer6 import MADRID6, over_ipv6

NARROW = 1330
CONFINE = os.path.join(os.path.dirname(__file__), "..", "bed", "confine.py")


class ConfinedDaemon(Daemon):
    """As the unit starts it. Its /run/homeward and /var/lib/homeward are folders of the test."""
    has_own_state = True

    def __init__(self, topology, rundir, statedir):
        super().__init__(topology)
        self.statedir = statedir
        self.rundir, self.socket = rundir, os.path.join(rundir, "api.sock")
        self.unit = os.path.join(topology.build, "packaging", "homewardd.service")

    def command(self):
        return ("/usr/bin/python3", CONFINE, self.unit, self.rundir, self.statedir,
                os.path.join(self.build, "src", "homewardd"), self.file)


def usual(topology):
    text = configuration(topology, "/run/homeward/api.sock")
    text = text.replace("state-directory: /run/homeward/api.state\n", "")
    at = text.index("- name: uplink")
    return text[:at] + text[at:].replace("af_xdp", "af_packet", 1)


@pytest.fixture(scope="module")
def net(prefix, build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unit")
    (folder / "run").mkdir()
    (folder / "state").mkdir()
    topology = Topology(f"{prefix}-unit", str(build), [berlin(), over_ipv6(madrid(), MADRID6)], str(folder))
    servers.start(topology)
    daemon = ConfinedDaemon(topology, str(folder / "run"), str(folder / "state"))
    daemon.configure(usual(topology))
    try:
        daemon.start()
        yield topology, daemon
        daemon.settle()
        assert daemon.unaccounted() == ""
        assert topology.strangers() == 0
        assert daemon.stop() == 0, daemon.log_text()
    finally:
        daemon.kill()
        topology.down()


def test_restrictions_hold(net):
    """Few capabilities, a seccomp filter, no new privileges: the conditions of this file."""
    with open(f"/proc/{net[1].process.pid}/status", encoding="ascii") as f:
        status = dict(re.findall(r"^(\w+):\s+(.*)$", f.read(), re.M))
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    effective, bounding = int(status["CapEff"], 16), int(status["CapBnd"], 16)
    assert effective == bounding and bin(bounding).count("1") == 5
    assert not os.access(f"/proc/{net[1].process.pid}/root/tmp/x", os.F_OK)


@pytest.mark.parametrize("open_socket, echo", [(udp_socket, echo_udp), (tcp_socket, echo_tcp)],
                         ids=["udp", "tcp"])
def test_flows_come_home(net, open_socket, echo):
    for branch in net[0].branches:
        s, text = open_socket(branch, 27000), token(branch)
        assert echo(s, text)[0] == text
        s.close()


def test_path_mtu(net):
    """The kernel passes on ICMP errors about tunnel packets, for IPv4 and for IPv6."""
    topology, daemon = net
    overhead = {"berlin": 28, "madrid": 48}
    for branch in topology.branches:
        topology.carrier.ip("link", "set", f"{branch.name}0", "mtu", NARROW)
        branch.host.run("iperf3", "-c", SERVER, "-R", "-n", "300K", timeout=30)
        mtus = {t["site"]: t["path_mtu"] for t in daemon.ask("tunnels")["tunnels"]}
        assert mtus[branch.name] == NARROW - overhead[branch.name]
    assert "path_mtu_deaf" not in [a["alarm"] for a in daemon.ask("status")["alarms"]]


def test_killed_and_started_again(net):
    """Notes in the runtime directory are undone, and starts are counted."""
    def starts():
        with open(os.path.join(net[1].statedir, "epoch"), encoding="ascii") as f:
            return int(f.read())

    before = starts()
    net[1].kill()
    net[1].start()
    assert starts() == (before + 1) % 2**32
    assert "epoch" not in [a["alarm"] for a in net[1].ask("status")["alarms"]]
    test_flows_come_home(net, udp_socket, echo_udp)


def test_tap(net, tmp_path):
    """A port that has a device node: the unit lets it be opened."""
    topology, daemon = net
    text = usual(topology)
    daemon.stop()
    at = text.index("- name: uplink")
    daemon.configure(text[:at] + text[at:].replace("driver: af_packet\n    interface: uplink0",
                                                   "driver: tap\n    interface: hwtap0"))
    daemon.start()
    assert "hwtap0" in topology.gateway.ip("link", "show").stdout
    daemon.stop()
    daemon.configure(text)
    daemon.start()


def test_a_new_restriction_is_not_overlooked(net, tmp_path):
    """One without a row in confine.py ends the run."""
    topology, daemon = net
    with open(daemon.unit, encoding="utf-8") as f:
        (tmp_path / "new.service").write_text(f.read().replace(
            "[Service]\n", "[Service]\nProtectEverything=yes\n"))
    r = command(*daemon.command()[:2], tmp_path / "new.service", *daemon.command()[3:], check=False)
    assert r.returncode == 1 and "no row for ProtectEverything=" in r.stderr
