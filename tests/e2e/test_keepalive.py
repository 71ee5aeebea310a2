"""GRE keepalives, both ways.

    berlin, key 11 ---+
                      +--- gateway
    madrid, no key ---+
"""
import socket

import pytest
from scapy.layers.inet import IP
from scapy.layers.l2 import GRE

from bed.netns import wait_until
from bed.topology import GATEWAY_OUTER, berlin, madrid

ETH_P_IP = 0x0800


@pytest.fixture(scope="module")
def bed(make_bed):
    bed = make_bed("keepalive", berlin(), madrid(key=None))
    yield bed
    bed.check_laws()


def keepalive(branch):
    """As a Cisco router makes it: outer to the gateway, inner back to the branch."""
    key = {"key_present": 1, "key": branch.key} if branch.key is not None else {}
    inner = IP(src=GATEWAY_OUTER, dst=branch.outer, ttl=255) / GRE(proto=0, **key)
    outer = IP(src=branch.outer, dst=GATEWAY_OUTER) / GRE(proto=ETH_P_IP, **key) / inner
    return bytes(outer), bytes(inner)


@pytest.mark.parametrize("number", [0, 1])
def test_the_far_ends_come_back(bed, number):
    branch = bed.branches[number]
    outer, inner = keepalive(branch)
    with branch.router.inside():
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        heard.bind(("wan0", ETH_P_IP))
        heard.settimeout(10)
        out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with heard, out:
        out.sendto(outer, (GATEWAY_OUTER, 0))
        while True:
            packet = heard.recv(2048)
            if packet[9] == 47 and packet[12:16] == socket.inet_aton(GATEWAY_OUTER):
                break
    hops = packet[8]  # the carrier took one
    assert hops == 254
    assert packet[:8] + packet[12:len(inner)] == inner[:8] + inner[12:]
    tunnel = bed.daemon.ask("tunnels")["tunnels"][number]
    assert (tunnel["keepalive"], tunnel["keepalives_answered"]) == ("off", 1)


def tunnel_of(bed, name):
    return next(t for t in bed.daemon.ask("tunnels")["tunnels"] if t["site"] == name)


def alarms(bed):
    return [a["subject"] for a in bed.daemon.ask("status")["alarms"]
            if a["alarm"] == "tunnel_silent"]


def test_ours_are_sent_back_or_missed(bed):
    """A router that unpacks and forwards answers without knowing; one that does not is silent."""
    daemon = bed.daemon
    with open(daemon.file, encoding="utf-8") as f:
        before = f.read()
    text = before.replace("        port: underlay\n",
                          "        port: underlay\n"
                          "        keepalive: {interval: 1s, retries: 2}\n")
    for branch in bed.branches:
        branch.router.sysctl("net.ipv4.conf.gre0.accept_local=1", "net.ipv4.conf.gre0.rp_filter=0")
    daemon.stop()
    daemon.configure(text)
    daemon.start()
    try:
        for branch in bed.branches:
            wait_until("an answer", lambda b=branch: tunnel_of(bed, b.name)["keepalive"]
                       == "answered", 20)
        assert alarms(bed) == []
        bed.branches[0].router.sysctl("net.ipv4.conf.gre0.accept_local=0")
        wait_until("silence", lambda: alarms(bed) == ["berlin-gre"], 20)
        assert tunnel_of(bed, "berlin")["keepalive"] == "silent"
        assert tunnel_of(bed, "madrid")["keepalive"] == "answered"
        assert "silent" in daemon.homeward("tunnels").stdout
        bed.branches[0].router.sysctl("net.ipv4.conf.gre0.accept_local=1")
        wait_until("the end of it", lambda: alarms(bed) == [], 20)
        assert daemon.unaccounted() == ""
    finally:
        daemon.stop()
        daemon.configure(before)
        daemon.start()
