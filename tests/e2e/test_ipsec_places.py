"""charon's place, what comes over its sockets, and what `homeward peer-config` says.

  berlin-host -- berlin: charon, ipsec0 ==ESP in UDP== gateway: homewardd -- internet
                                                          | ike0
                                                       ike: charon, in a namespace of its own

The kernel of the gateway passes IKE for 192.0.2.1 on to the other namespace, where charon has the same
address: docs/ipsec.md has the same lines.
"""
import os
import re
import socket
import struct

import pytest

from bed import charon
from bed.ipsec import KEY, IpsecBed, far_end, ipsec_site
from bed.netns import link, wait_until
from bed.topology import berlin

MAGIC, HELLO = 0x484f4d45, 1
USUAL_FAR = {"settings": "routing_table_prio = 32767"}  # its routes come after those of the topology


class PlacesBed(IpsecBed):
    def __init__(self, prefix, build, folder):
        self.berlin = berlin(device="ipsec0", make_tunnel=self.start_far)
        psk = os.path.join(str(folder), "psk")
        super().__init__(prefix, build, folder, [self.berlin], {"berlin": ipsec_site(
            self.berlin, f"identity: hub.example\npeer-identity: berlin.example\npsk: {psk}")})

    def start_far(self, branch):
        branch.charon = charon.Charon(branch.router, os.path.join(self.folder, "berlin"),
                                      "kernel-libipsec", **USUAL_FAR)
        branch.charon.start()
        branch.charon.load(far_end(branch))

    def restart_hub(self, ns, backend="kernel-homeward"):
        self.gateway_charon.kill(15)
        self.gateway_charon = charon.Charon(
            ns, os.path.join(self.folder, "hub"), backend,
            plugins=f"kernel-homeward {{\n socket = {self.socket}\n }}")
        self.gateway_charon.start()

    def say(self, *messages):
        """To the plugin's socket; what the last one is answered with, b"" if it is closed."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(3)
            s.connect(self.socket)
            for message in messages:
                s.send(message)
            return s.recv(4096)


@pytest.fixture(scope="module", autouse=True)
def plugins(build, tmp_path_factory):
    charon.mount_plugins(str(build), str(tmp_path_factory.mktemp("plugins") / "all"))
    yield
    charon.unmount_plugins()


@pytest.fixture(scope="module")
def bed(prefix, build, tmp_path_factory):
    b = PlacesBed(f"{prefix}-place", build, tmp_path_factory.mktemp("place"))
    yield b
    b.down()


def test_peer_config(bed):
    """What it prints for strongSwan is pasted there, with the key, and the tunnel is up."""
    router = bed.berlin.router
    router.switch_on_ipv6(("2001:db8:1::1/64", "lan0"))
    text = bed.daemon.homeward("peer-config", "--config", bed.daemon.file, "berlin-ipsec", "--for",
                               "strongswan").stdout
    bed.berlin.charon.load(text.replace('"KEY"', f'"{KEY}"'))
    bed.berlin.charon.swanctl("--terminate", "--ike", "hub", "--force", "--timeout", "2", check=False)
    bed.wait_up()
    router.ip("route", "replace", "default", "dev", "ipsec0")
    bed.check_ping(bed.berlin)
    bed.berlin.charon.load(far_end(bed.berlin))
    bed.berlin.charon.swanctl("--terminate", "--ike", "homeward", "--force", "--timeout", "2", check=False)
    bed.wait_up()


def hello(version=1, connection=1):
    return struct.pack("=IHHIIII", MAGIC, HELLO, version, 1, 0, connection, os.getpid())


def test_bad_input(bed):
    """Over the plugin's socket; the tunnel and its charon notice nothing."""
    bed.wait_up()
    spis = {s["spi"] for s in bed.tunnel()["sas"]}
    for garbage in (b"x", b"\0" * 4096, os.urandom(64), hello()[:-1], hello(connection=9),
                    struct.pack("=IHHII", MAGIC, 99, 1, 1, 0)):
        assert bed.say(garbage) == b"", garbage
    assert bed.say(hello(version=2))[:4] == struct.pack("=I", MAGIC)
    wait_until("the sentence", lambda: "install both from one release" in bed.daemon.log_text())
    assert bed.is_up() and spis == {s["spi"] for s in bed.tunnel()["sas"]}
    bed.check_ping(bed.berlin)


def test_own_namespace(bed):
    gateway = bed.topology.gateway
    ike = bed.topology.namespace("ike")
    link(gateway, "ike0", "169.254.77.1/30", ike, "ike0", "169.254.77.2/30")
    ike.ip("addr", "add", "192.0.2.1/32", "dev", "lo")
    ike.ip("route", "add", "default", "via", "169.254.77.1", "src", "192.0.2.1")
    gateway.sysctl("net.ipv4.ip_forward=1", "net.ipv4.conf.ike0.accept_local=1")
    gateway.nft("""table ip ike {
        chain in {
            type filter hook prerouting priority mangle
            iifname underlay0 ip daddr 192.0.2.1 udp dport { 500, 4500 } meta mark set 500
        }
    }""")
    gateway.ip("route", "add", "default", "via", "169.254.77.2", "table", "500")
    gateway.ip("rule", "add", "pref", "10", "fwmark", "500", "lookup", "500")
    gateway.ip("rule", "add", "pref", "100", "lookup", "local")
    gateway.ip("rule", "del", "pref", "0")
    bed.restart_hub(ike)
    bed.wait_up()
    assert bed.tunnel()["remote"] == bed.berlin.outer
    bed.check_ping(bed.berlin)
    bed.gateway_charon.swanctl("--rekey", "--child", bed.connection("berlin"))
    bed.check_ping(bed.berlin)


def test_without_plugin(bed):
    """charon answers, but its SAs would go to the kernel: an alarm says so, until the plugin is there."""
    bed.restart_hub(bed.topology.gateway, backend="")
    alarm = wait_until("the alarm", lambda: bed.alarms("ipsec_plugin"), 20)[0]
    assert "its plugin has not connected" in alarm["text"]
    assert re.search("kernel-homeward", alarm["help"])
    bed.gateway_charon.kill()
    wait_until("the alarm", lambda: bed.alarms("ipsec_charon"))
