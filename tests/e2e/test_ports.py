"""Ports on real interfaces: the gateway takes its packets, the rest stays with the kernel.

`port-echo` opens the port as the daemon does and sends back what comes to an egress address; the
topology is in bed/echo.py.
"""
import os
import re
import signal
import subprocess
import time

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, GRE, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from bed.echo import GW, ON_LINK, OURS, PEER, ROUTED, Cable, Echo, Starter, mac, make_pair, pings
from bed.netns import wait_until

DRIVERS = ["af_xdp", "af_packet"]


@pytest.fixture
def pair(prefix):
    gw, peer = make_pair(prefix)
    yield gw, peer
    gw.delete()
    peer.delete()


@pytest.fixture
def echo(pair, tools, tmp_path):
    start = Starter(pair[0], tools, tmp_path)
    yield start
    start.end()


def traces(ns):
    """Whatever of ours is on the interface: the XDP program, tc filters, a clsact qdisc."""
    found = []
    if "homeward" in ns.ip("-d", "link", "show", "eth0").stdout:
        found.append("xdp")
    found += re.findall(r"homeward_\w+", ns.run("bpftool", "net", check=False).stdout)
    if "clsact" in ns.run("tc", "qdisc", "show", "dev", "eth0").stdout:
        found.append("clsact")
    return found


@pytest.mark.parametrize("driver", DRIVERS)
def test_ours_and_the_kernels(pair, echo, driver):
    """Egress addresses answer by us; the kernel's own address, its ARP and its TCP go on."""
    gw, peer = pair
    e = echo(f"{driver}:eth0", *OURS)
    assert pings(peer, GW) == 3
    assert pings(peer, ON_LINK) == 3
    assert pings(peer, ROUTED) == 3

    server = gw.socket()
    server.bind((GW, 2222))
    server.listen()
    client = peer.socket()
    client.connect((GW, 2222))
    accepted = server.accept()[0]
    client.sendall(b"ssh goes on")
    assert accepted.recv(64) == b"ssh goes on"

    counts, _ = e.ask()
    assert counts["counts"]["egress"] == 6
    assert counts["counts"]["arp"] >= 1
    assert counts["steer 0"]["egress"] == 6
    assert counts["steer 0"]["passed"] > 3
    assert counts["steer 0"]["lost"] == 0
    neighbour = peer.ip("neigh", "show", ON_LINK).stdout
    assert mac(gw) in neighbour
    assert e.stop() == 0


TAKEN = [
    ("tunnel", IP(src=PEER, dst=GW) / GRE() / IP() / UDP(), "GRE to a tunnel end"),
    ("tunnel", IP(src=PEER, dst=GW, proto=47, frag=100) / Raw(b"x" * 64), "a later fragment of it"),
    ("tunnel", IP(src=PEER, dst=GW, proto=47, flags="MF") / Raw(b"x" * 64), "its first fragment"),
    ("tunnel", IP(src=PEER, dst=GW, proto=47, options=b"\x01" * 4) / Raw(b"x"), "with IP options"),
    ("egress", IP(src=PEER, dst=ROUTED) / UDP(dport=9) / b"x", "UDP to an egress address"),
    ("egress", IP(src=PEER, dst=ROUTED, proto=132) / Raw(b"x" * 20), "any protocol"),
    ("egress", IP(src=PEER, dst=ROUTED, frag=8) / Raw(b"x" * 20), "a fragment"),
    ("arp", ARP(op=1, psrc=PEER, pdst=ON_LINK), "a request for an on-link egress address"),
    ("passed", ARP(op=1, psrc=PEER, pdst=ROUTED), "for a routed one: not our place to answer"),
    ("passed", ARP(op=2, psrc=PEER, pdst=ON_LINK), "an ARP reply"),
    ("passed", ARP(op=1, psrc=ON_LINK, pdst=ON_LINK), "somebody else announces an address of ours"),
    ("arp", ARP(op=1, psrc="0.0.0.0", pdst=ON_LINK), "asks whether anybody has it"),
    ("passed", ARP(op=1, psrc=PEER, pdst=GW), "ARP for the kernel"),
    ("passed", IP(src=PEER, dst=GW, proto=50) / Raw(b"x" * 20), "not GRE"),
    ("passed", IP(src=PEER, dst="192.0.2.101", proto=47) / Raw(b"x" * 20), "GRE to another"),
    ("egress", Dot1Q(vlan=0, prio=7) / IP(src=PEER, dst=ROUTED) / UDP() / Raw(b"x" * 40), "a priority tag"),
    ("tunnel", Dot1Q(vlan=0) / IP(src=PEER, dst=GW) / GRE() / IP() / UDP(), "in front of a tunnel"),
    ("arp", Dot1Q(vlan=0) / ARP(op=1, psrc=PEER, pdst=ON_LINK), "of a question, too"),
    ("egress", Dot1AD(vlan=0) / IP(src=PEER, dst=ROUTED) / UDP() / Raw(b"x" * 40), "a provider's"),
    ("egress", Dot1AD(vlan=0) / Dot1Q(vlan=0) / IP(src=PEER, dst=ROUTED) / UDP() / Raw(b"x" * 40), "two"),
    ("passed", Dot1AD(vlan=0) / Dot1Q(vlan=5) / IP(src=PEER, dst=ROUTED) / UDP(), "VLAN 5 behind it"),
    ("passed", Dot1AD(vlan=5) / IP(src=PEER, dst=ROUTED) / UDP(), "in a provider's VLAN"),
    ("passed", Dot1Q(vlan=5) / IP(src=PEER, dst=ROUTED) / UDP(), "in a VLAN"),
    ("passed", Raw(b"\x45"), "cut short"),
    ("passed", IP(version=6, src=PEER, dst=ROUTED) / UDP(), "IPv4 by type, not by version"),
]


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_the_kernel_program_takes(pair, echo, driver):
    gw, peer = pair
    e = echo(f"{driver}:eth0", *OURS)
    raw = Cable(peer)
    for name, packet, why in TAKEN:
        before = e.ask()[0]["steer 0"]
        raw.send(Ether(src=mac(peer), dst=mac(gw), type=packet_type(packet)) / packet)
        time.sleep(0.05)
        after = e.ask()[0]["steer 0"]
        taken = {k for k in after if after[k] != before[k] and k != "passed"}
        assert taken == ({name} - {"passed"}), why
        if name == "passed":
            assert after["passed"] > before["passed"], why


def packet_type(packet):
    return {ARP: 0x0806, Dot1Q: 0x8100, Dot1AD: 0x88a8}.get(type(packet), 0x0800)


@pytest.mark.parametrize("driver", DRIVERS)
def test_kernel_never_answers_for_ours(pair, echo, driver):
    """Neither an ICMP error nor a reset, for packets that the echo program swallows."""
    gw, peer = pair
    gw.sysctl("net.ipv4.ip_forward=1")
    echo(f"{driver}:eth0", *OURS)
    raw = Cable(peer)
    frame = Ether(src=mac(peer), dst=mac(gw))
    raw.send(frame / IP(src=PEER, dst=GW) / GRE() / IP() / UDP())
    for dst in (ON_LINK, ROUTED):
        raw.send(frame / IP(src=PEER, dst=dst, proto=6) / Raw(b"\x00" * 20))
        raw.send(frame / IP(src=PEER, dst=dst, proto=132) / Raw(b"\x00" * 20))
        raw.send(frame / IP(src=PEER, dst=dst, ttl=1, proto=132) / Raw(b"\x00" * 20))
    assert raw.received(lambda f: f.src == mac(gw) and IP in f) == 0


def kernel_answers_gre(gw, peer):
    """With "protocol unreachable", as a kernel without GRE does if the gateway does not take the packet."""
    raw = Cable(peer)
    raw.send(Ether(src=mac(peer), dst=mac(gw)) / IP(src=PEER, dst=GW) / GRE() / IP() / UDP())
    return raw.received(lambda f: f.src == mac(gw) and ICMP in f) > 0


@pytest.mark.parametrize("driver", DRIVERS)
def test_interface_is_left_as_it_is(pair, echo, driver):
    """Permanent neighbours stay, and so does promiscuous mode."""
    gw, _ = pair
    gw.ip("neigh", "add", "192.0.2.77", "lladdr", "02:00:00:00:00:77", "dev", "eth0", "nud", "permanent")
    gw.ip("neigh", "add", "192.0.2.78", "lladdr", "02:00:00:00:00:78", "dev", "eth0", "extern_learn")
    gw.ip("link", "set", "eth0", "promisc", "on")
    e = echo(f"{driver}:eth0", *OURS)
    neighbours = gw.ip("neigh", "show", "dev", "eth0").stdout
    assert re.search(r"192.0.2.77 lladdr 02:00:00:00:00:77 +PERMANENT", neighbours), neighbours
    assert re.search(r"192.0.2.78 lladdr 02:00:00:00:00:78 +extern_learn", neighbours), neighbours
    assert "PROMISC" in gw.ip("link", "show", "eth0").stdout
    assert e.stop() == 0
    assert "192.0.2.77" in gw.ip("neigh", "show", "dev", "eth0").stdout
    assert "PROMISC" in gw.ip("link", "show", "eth0").stdout


@pytest.mark.parametrize("driver", DRIVERS)
def test_clean_stop(pair, echo, driver):
    gw, peer = pair
    before = gw.ip("-d", "link", "show", "eth0").stdout
    e = echo(f"{driver}:eth0", *OURS)
    assert not kernel_answers_gre(gw, peer)
    assert e.stop() == 0
    assert traces(gw) == []
    assert kernel_answers_gre(gw, peer)
    assert gw.ip("-d", "link", "show", "eth0").stdout == before
    assert pings(peer, GW) == 3


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("after", DRIVERS)
def test_restart_after_kill(pair, echo, driver, after):
    """Whatever a killed program left, the next one works, and leaves nothing."""
    gw, peer = pair
    echo(f"{driver}:eth0", *OURS).kill()
    assert pings(peer, GW) == 3  # the kernel goes on
    e = echo(f"{after}:eth0", *OURS)
    assert pings(peer, ROUTED) == 3
    assert e.stop() == 0
    assert traces(gw) == []


def test_egress_stays_closed_after_kill(pair, echo):
    """An orphaned steer program still keeps our packets from the kernel."""
    gw, peer = pair
    echo("af_xdp:eth0", *OURS).kill()
    raw = Cable(peer)
    raw.send(Ether(src=mac(peer), dst=mac(gw)) / IP(src=PEER, dst=ROUTED, proto=132) / Raw(b"x" * 20))
    assert raw.received(lambda f: f.src == mac(gw) and IP in f) == 0


def refusal(ns, tools, *args):
    r = ns.run(tools / "port-echo", *args, check=False)
    assert r.returncode == 1
    return r.stderr


def test_one_at_a_time(pair, tools, echo):
    gw, peer = pair
    echo("af_xdp:eth0", *OURS)
    for driver in DRIVERS:
        assert "another homewardd serves interface eth0" in refusal(gw, tools, f"{driver}:eth0")
    assert pings(peer, ROUTED) == 3  # the first was not disturbed


def test_refusals_say_what_to_do(pair, tools):
    gw, peer = pair
    assert "no interface nope0" in refusal(gw, tools, "af_xdp:nope0")
    assert "not Ethernet" in refusal(gw, tools, "af_packet:lo")
    assert f"ip address del {GW} dev eth0" in refusal(gw, tools, "af_xdp:eth0", "--egress", GW, 0)
    assert "is more than interface eth0 has: 1500" in refusal(gw, tools, "af_xdp:eth0:9000")
    assert "already" in refusal(gw, tools, "tap:eth0")
    for ns in pair:
        ns.ip("link", "set", "eth0", "mtu", "3520")
    assert "veth does XDP up to 3519" in refusal(gw, tools, "af_xdp:eth0")
    gw.ip("link", "set", "eth0", "down")
    assert "interface eth0 is down" in refusal(gw, tools, "af_xdp:eth0")
    assert traces(gw) == []


def compile_bpf(folder, section):
    """A foreign program that lets every packet pass: returns 2 for XDP, 0 for tc."""
    source = folder / "other.c"
    source.write_text(f'__attribute__((section("{section}"), used)) '
                      f'int other_prog(void *c) {{ return {2 if section == "xdp" else 0}; }}\n')
    subprocess.run(["clang", "-target", "bpf", "-O2", "-c", source, "-o", folder / "other.o"],
                   check=True)
    return folder / "other.o"


def test_refuses_a_foreign_xdp_program(pair, tools, tmp_path):
    gw, _ = pair
    gw.ip("link", "set", "dev", "eth0", "xdp", "obj", compile_bpf(tmp_path, "xdp"), "sec", "xdp")
    text = refusal(gw, tools, "af_xdp:eth0")
    assert "another XDP program" in text and "xdp off" in text
    assert "xdp" in gw.ip("link", "show", "eth0").stdout  # it was left alone


def test_needs_rights(pair, tools):
    gw, _ = pair
    r = gw.run("setpriv", "--reuid", "65534", "--clear-groups", tools / "port-echo", "af_xdp:eth0",
               check=False)
    assert r.returncode == 1
    assert "CAP_NET_ADMIN" in r.stderr


CAPABILITIES = "-all,+net_raw,+net_admin,+bpf,+ipc_lock"


STRANGER = "02:00:00:00:99:99"


def steer_counts(e):
    return e.ask()[0]["steer 0"]


def counted(e, frames, cable, what):
    """By how much the steer counter @what grows by these frames."""
    before = steer_counts(e)[what]
    for frame in frames:
        cable.send(frame)
    time.sleep(0.3)
    return steer_counts(e)[what] - before


@pytest.mark.parametrize("driver", DRIVERS)
def test_other_stations_frames(pair, echo, driver):
    """Flooded and broadcast frames are left to the kernel; ARP requests may be broadcast."""
    gw, peer = pair
    e = echo(f"{driver}:eth0", *OURS)
    cable = Cable(peer)
    packet = IP(src=PEER, dst=ROUTED) / UDP() / Raw(b"x" * 20)
    assert counted(e, [Ether(dst=mac(gw)) / packet] * 5, cable, "egress") == 5
    assert counted(e, [Ether(dst=STRANGER) / packet] * 5, cable, "egress") == 0
    assert counted(e, [Ether(dst=STRANGER) / packet] * 5, cable, "passed") >= 5
    assert counted(e, [Ether(dst="ff:ff:ff:ff:ff:ff") / packet] * 5, cable, "egress") == 0
    ask = ARP(hwsrc=mac(peer), psrc=PEER, pdst=ON_LINK)
    assert counted(e, [Ether(dst="ff:ff:ff:ff:ff:ff") / ask] * 5, cable, "arp") == 5
    assert counted(e, [Ether(dst=mac(gw)) / ask] * 5, cable, "arp") == 5
    assert counted(e, [Ether(dst=STRANGER) / ask] * 5, cable, "arp") == 0


@pytest.mark.parametrize("driver", DRIVERS)
def test_follows_the_interface(pair, echo, driver):
    """Its Ethernet address and its networks may be changed while we run."""
    gw, peer = pair
    e = echo(f"{driver}:eth0", *OURS)
    cable = Cable(peer)
    old = mac(gw)
    gw.ip("link", "set", "eth0", "address", STRANGER)
    packet = IP(src=PEER, dst=ROUTED) / UDP() / Raw(b"x" * 20)
    wait_until("the new address",
               lambda: counted(e, [Ether(dst=STRANGER) / packet] * 5, cable, "egress") == 5)
    assert counted(e, [Ether(dst=old) / packet] * 5, cable, "egress") == 0

    def asked():
        ask = ARP(hwsrc=mac(peer), psrc=PEER, pdst=ON_LINK)
        return counted(e, [Ether(dst="ff:ff:ff:ff:ff:ff") / ask] * 5, cable, "arp")

    assert asked() == 5
    gw.ip("addr", "del", f"{GW}/24", "dev", "eth0")
    wait_until("that it is not on the link", lambda: asked() == 0)
    gw.ip("addr", "add", f"{GW}/24", "dev", "eth0")
    wait_until("that it is again", lambda: asked() == 5)


@pytest.mark.parametrize("driver", DRIVERS)
def test_few_rights_are_enough(pair, tools, tmp_path, driver):
    """The four capabilities of the documentation are enough, also to clean up after a kill."""
    gw, peer = pair

    def start(log):
        program = gw.start("setpriv", "--bounding-set", CAPABILITIES, tools / "port-echo",
                           f"{driver}:eth0", *OURS, log=log)
        wait_until("ready", lambda: "ready" in log.read_text())
        return program

    program = start(tmp_path / "first")
    assert pings(peer, ROUTED) == 3
    program.kill()
    program.wait(5)
    program = start(tmp_path / "second")
    assert pings(peer, ROUTED) == 3
    program.send_signal(signal.SIGTERM)
    assert program.wait(5) == 0
    assert traces(gw) == []


def test_tap(pair, echo):
    """The machine itself is the other side of a tap port."""
    gw, _ = pair
    e = echo("tap:hwtap0:1400", "--egress", ROUTED, 0)
    assert " mtu 1400 " in gw.ip("link", "show", "hwtap0").stdout
    gw.ip("addr", "add", "198.51.100.1/24", "dev", "hwtap0")
    gw.ip("route", "add", ROUTED, "dev", "hwtap0")
    assert e.hop()["to"] == mac(gw, "hwtap0")
    assert pings(gw, ROUTED) == 3
    assert e.stop() == 0
    assert "hwtap0" not in gw.ip("link").stdout


def test_pcap(pair, tools, tmp_path):
    """A file is read to its end; then nothing comes."""
    from scapy.utils import wrpcap
    wrpcap(str(tmp_path / "capture.pcap"),
           [Ether() / IP(src=PEER, dst=ROUTED) / UDP() / Raw(b"x" * 20)] * 5)
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        e = Echo(pair[0], tools, tmp_path / "log", "pcap:RX", "--egress", ROUTED, 0)
    finally:
        os.chdir(here)
    try:
        wait_until("5 packets", lambda: e.ask()[0]["counts"]["egress"] == 5)
    finally:
        e.kill()


def offload(ns, name):
    return re.search(rf"^{name}: (\w+)", ns.run("ethtool", "-k", "eth0").stdout, re.M).group(1)


def test_af_packet_sees_packets_as_they_came(pair, echo):
    """GRO would join segments before us; it is off while we run, also after a crash in between."""
    gw, _ = pair
    gw.run("ethtool", "-K", "eth0", "gro", "on")
    e = echo("af_packet:eth0", *OURS)
    assert offload(gw, "generic-receive-offload") == "off"
    e.kill()
    assert offload(gw, "generic-receive-offload") == "off"
    e = echo("af_packet:eth0", *OURS)
    assert e.stop() == 0
    assert offload(gw, "generic-receive-offload") == "on"


def hold_guard(gw, tools, log):
    program = gw.start(tools / "guard-hold", "eth0", ROUTED, log=log)
    wait_until("ready", lambda: "ready" in log.read_text())
    return program


def test_guard_of_older_kernels(pair, tools, tmp_path):
    """As a filter of clsact: it works, is removed, and is replaced after a kill; filters of others stay."""
    gw, peer = pair
    cable = Cable(peer)
    frame = Ether(src=mac(peer), dst=mac(gw)) / IP(src=PEER, dst=ROUTED, ttl=1) / UDP()
    gw.sysctl("net.ipv4.ip_forward=1")

    def kernel_answers():
        cable.send(frame)
        return cable.received(lambda f: f.src == mac(gw) and ICMP in f) > 0

    def stop(program):
        program.send_signal(signal.SIGTERM)
        assert program.wait(5) == 0

    assert kernel_answers()
    program = hold_guard(gw, tools, tmp_path / "1")
    assert not kernel_answers()
    assert "homeward_guard" in traces(gw)
    program.kill()
    program.wait(5)
    assert "homeward_guard" in traces(gw)
    stop(hold_guard(gw, tools, tmp_path / "2"))
    assert traces(gw) == []
    assert kernel_answers()

    for n, (direction, why) in enumerate([("ingress", "beside ours"), ("egress", "the other way")]):
        program = hold_guard(gw, tools, tmp_path / f"other{n}")
        gw.run("tc", "filter", "add", "dev", "eth0", direction, "bpf", "da", "obj",
               compile_bpf(tmp_path, "tc"), "sec", "tc")
        stop(program)
        assert "other.o" in gw.run("tc", "filter", "show", "dev", "eth0", direction).stdout, why
        assert traces(gw) == ["clsact"]
        gw.run("tc", "qdisc", "del", "dev", "eth0", "clsact")

    gw.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    stop(hold_guard(gw, tools, tmp_path / "3"))
    assert traces(gw) == ["clsact"]
