"""IPsec behind NAT: two branches behind one address, told apart by who they are.

  10.0.1.10 berlin-host -- berlin 192.0.2.18 --\\
                                               carrier: masquerade to 192.0.2.14 -- gateway -- internet
  10.0.1.10 madrid-host -- madrid 192.0.2.34 --/

Both have the same addresses inside, and the gateway knows no address of them outside: its tunnels have
no `remote`. So the branches begin. What NAT does to them is done here: their ports change under traffic,
and a branch gets another address.
"""
import concurrent.futures
import os
import re
import socket
import struct

import pytest

from bed import charon
from bed.ipsec import IpsecBed, far_end, ipsec_site, start_far
from bed.netns import wait_until
from bed.topology import SERVER, berlin, madrid

NETLINK_NETFILTER, FLUSH_CONNTRACK, REQUEST, ACK = 12, 0x102, 1, 4


def settings(branch, psk):
    return f"identity: hub.example\npeer-identity: {branch.name}.example\npsk: {psk}"


def far_text(branch):
    return far_end(branch).replace(f"local_addrs = {branch.outer}", "local_addrs = %any")


class NatBed(IpsecBed):
    def __init__(self, prefix, build, folder):
        branches = [make(device="ipsec0", make_tunnel=start_far(folder, far_text))
                    for make in (berlin, madrid)]
        psk = os.path.join(str(folder), "psk")
        sites = {b.name: ipsec_site(b, settings(b, psk), remote=False) for b in branches}
        super().__init__(prefix, build, folder, branches, sites)
        self.carrier = self.topology.carrier
        self.masquerade("20000-29999")

    def masquerade(self, ports):
        self.carrier.nft(f"""
            table ip nat
            delete table ip nat
            table ip nat {{
                chain post {{
                    type nat hook postrouting priority srcnat
                    oifname gateway0 udp dport {{ 500, 4500 }} masquerade to :{ports}
                }}
            }}""")

    def forget_connections(self):
        """As when the NAT is started again: what it knows is gone."""
        message = struct.pack("=IHHIIBBH", 20, FLUSH_CONNTRACK, REQUEST | ACK, 1, 0, 0, 0, 0)
        with self.carrier.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as s:
            s.send(message)
            assert struct.unpack_from("=i", s.recv(4096), 16)[0] == 0

    def begin(self, branch):
        branch.charon.swanctl("--initiate", "--child", "hub", "--timeout", "20")
        self.wait_up(branch.name)

    @property
    def branches(self):
        return self.topology.branches


@pytest.fixture(scope="module", autouse=True)
def plugins(build, tmp_path_factory):
    charon.mount_plugins(str(build), str(tmp_path_factory.mktemp("plugins") / "all"))
    yield
    charon.unmount_plugins()


@pytest.fixture(scope="module")
def bed(prefix, build, tmp_path_factory):
    b = NatBed(f"{prefix}-nat", build, tmp_path_factory.mktemp("nat"))
    yield b
    b.down()


def test_told_apart(bed):
    """Both from one address; each gets its own answers, at the same time."""
    for branch in bed.branches:
        bed.begin(branch)
    tunnels = {t["site"]: t for t in bed.daemon.ask("ipsec")["ipsec"]}
    assert {t["remote"] for t in tunnels.values()} == {"192.0.2.14"}
    assert all(20000 <= int(t["remote_port"]) < 30000 for t in tunnels.values())
    assert tunnels["berlin"]["remote_port"] != tunnels["madrid"]["remote_port"]
    assert tunnels["berlin"]["remote_identity"] == "berlin.example"
    assert {t["nat"] for t in tunnels.values()} <= {"remote", "both"}
    assert {s["form"] for t in tunnels.values() for s in t["sas"]} == {"udp"}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for r in pool.map(bed.ping, bed.branches):
            assert " 0% packet loss" in r.stdout, r.stdout


def test_port_moves(bed):
    """Other ports in mid-flow: one packet of each branch is lost at most, and charon is told.

    With pings that do not overlap: all answers that are on the way to the old port are lost.
    """
    before = {t["site"]: t["remote_port"] for t in bed.daemon.ask("ipsec")["ipsec"]}
    logs = [bed.path(f"{b.name}.ping") for b in bed.branches]
    pings = [b.host.start("ping", "-i", "0.3", "-c", "20", "-W", "1", SERVER, log=log)
             for b, log in zip(bed.branches, logs)]
    received = bed.tunnel("berlin")["sas"][0]["packets"]
    wait_until("the pings", lambda: bed.tunnel("berlin")["sas"][0]["packets"] > received + 5)
    bed.masquerade("30000-39999")
    bed.forget_connections()
    for process, log in zip(pings, logs):
        process.wait(30)
        with open(log, encoding="utf-8") as f:
            text = f.read()
        assert re.search(r"20 packets transmitted, (19|20) received", text), text[-300:]
    for t in bed.daemon.ask("ipsec")["ipsec"]:
        assert 30000 <= int(t["remote_port"]) < 40000, t
        assert t["remote_port"] != before[t["site"]]
    listed = bed.gateway_charon.swanctl("--list-sas").stdout
    for t in bed.daemon.ask("ipsec")["ipsec"]:
        assert f"192.0.2.14[{t['remote_port']}]" in listed, listed


def test_rekey_after_move(bed):
    """IKE has moved, too: both ends can renew."""
    before = {s["spi"] for s in bed.tunnel("berlin")["sas"]}
    bed.gateway_charon.swanctl("--rekey", "--child", bed.connection("berlin"))
    wait_until("new SAs", lambda: not before & {s["spi"] for s in bed.tunnel("berlin")["sas"] if s["used"]})
    bed.check_ping(bed.branches[0])


def test_other_address(bed):
    """A road warrior: its address changes, its flows go on from the new one."""
    branch = bed.branches[0]
    branch.router.ip("addr", "del", f"{branch.outer}/28", "dev", "wan0")
    branch.router.ip("addr", "add", "192.0.2.19/28", "dev", "wan0")
    branch.router.ip("route", "replace", f"{branch.gateway4}/32", "via", branch.carrier)
    branch.router.ip("route", "replace", "default", "dev", branch.device)
    wait_until("the tunnel", lambda: " 0% packet loss" in bed.ping(branch).stdout, 40)
    bed.check_ping(bed.branches[1])
    assert bed.is_up("berlin")


def test_unknown_identity(bed):
    """Nobody gets in from behind the NAT by another name; the others are not disturbed."""
    far = bed.branches[1].charon
    far.load(far_end(bed.branches[1], ident="lisbon.example").replace(
        f"local_addrs = {bed.branches[1].outer}", "local_addrs = %any"))
    far.swanctl("--terminate", "--ike", "hub", "--force", "--timeout", "2", check=False)
    assert far.swanctl("--initiate", "--child", "hub", "--timeout", "3", check=False).returncode != 0
    wait_until("the end", lambda: not bed.is_up("madrid"))
    bed.check_ping(bed.branches[0])
    far.load(far_text(bed.branches[1]))
    bed.begin(bed.branches[1])
    bed.check_ping(bed.branches[1])
