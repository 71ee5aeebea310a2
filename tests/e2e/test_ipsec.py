"""IPsec: charon beside the gateway gives us the keys, strongSwan with its own ESP is the far end.

  10.0.1.10 berlin-host -- berlin charon, ipsec0 ==ESP in UDP==\\
                                                                  gateway: homewardd, charon -- internet
  10.0.1.10 madrid-host -- madrid gre0           ==GRE==========/

Both branches have the same addresses. Nobody writes a file of the gateway's charon: its connections
come from homewardd, by vici.
"""
import concurrent.futures
import os
import re
import time

import pytest

from ask import token
from bed import charon, servers
from bed.daemon import Daemon, configuration
from bed.netns import wait_until
from bed.topology import EGRESS, GATEWAY_OUTER, SERVER, Topology, berlin, madrid

KEY = "a long secret of two branches"
ESP = "aes256gcm16-x25519,aes256gcm16"


def far_end(branch, esp=ESP, rekey="1h", key=KEY):
    """swanctl.conf of a branch."""
    return f"""
        connections {{
          hub {{
            version = 2
            local_addrs = {branch.outer}
            remote_addrs = {branch.gateway4}
            proposals = aes256gcm16-prfsha384-ecp384,aes256gcm16-prfsha256-x25519
            local {{
              auth = psk
              id = {branch.name}.example
            }}
            remote {{
              auth = psk
              id = hub.example
            }}
            children {{
              hub {{
                local_ts = 10.0.1.0/24
                remote_ts = 198.51.100.0/24
                esp_proposals = {esp}
                rekey_time = {rekey}
              }}
            }}
          }}
        }}
        secrets {{
          ike-hub {{
            secret = "{key}"
          }}
        }}
        """


def ipsec_site(branch, folder, more=""):
    psk = os.path.join(folder, f"{branch.name}.psk")
    return f"""\
  - name: {branch.name}
    prefixes: [10.0.1.0/24]
    tunnels:
      - name: {branch.name}-ipsec
        type: ipsec
        local: {branch.gateway4}
        remote: {branch.outer}
        address: {branch.inner}
        port: underlay
        ipsec:
          identity: hub.example
          peer-identity: {branch.name}.example
          psk: {psk}
{more}"""


class IpsecBed:
    """berlin by IPsec, madrid by GRE."""

    def __init__(self, prefix, build, folder, more=""):
        self.folder, self.more = str(folder), more
        self.charons = {}
        self.berlin, self.madrid = berlin(device="ipsec0", make_tunnel=self.start_branch), madrid()
        self.topology = Topology(prefix, str(build), [self.berlin, self.madrid], str(folder))
        servers.start(self.topology)
        self.daemon = Daemon(self.topology)
        socket = os.path.join(self.folder, "plugin")
        self.gateway_charon = charon.gateway(self.topology, os.path.join(self.folder, "hub"), socket)
        self.gateway_charon.write(os.path.join("..", "berlin.psk"), KEY + "\n")
        text = configuration(self.topology, self.daemon.socket)
        gre = re.search(r"  - name: berlin\n.*?(?=  - name: madrid)", text, re.S).group(0)
        text = text.replace(gre, ipsec_site(self.berlin, self.folder, more))
        self.text = (f"ipsec: {{vici-socket: {self.gateway_charon.vici}, plugin-socket: {socket}}}\n"
                     + text)
        self.daemon.configure(self.text)
        self.daemon.start()

    def start_branch(self, branch):
        far = charon.branch(branch.router, os.path.join(self.folder, branch.name))
        far.start()
        far.load(far_end(branch))
        self.charons[branch.name] = far
        wait_until("ipsec0", lambda: branch.router.ip("link", "show", branch.device,
                                                      check=False).returncode == 0)

    def tunnel(self):
        return self.daemon.ask("ipsec")["ipsec"][0]

    def is_up(self):
        return self.tunnel()["state"] == "up"

    def ping(self, branch, *options):
        return branch.host.run("ping", "-c", "3", "-i", "0.2", "-W", "1", *options, SERVER,
                               check=False)

    def down(self):
        self.daemon.kill()
        self.topology.down()


@pytest.fixture(scope="module", autouse=True)
def plugins(build, tmp_path_factory):
    charon.mount_plugins(str(build), str(tmp_path_factory.mktemp("plugins") / "all"))
    yield
    charon.unmount_plugins()


@pytest.fixture(scope="module")
def bed(prefix, build, tmp_path_factory):
    b = IpsecBed(f"{prefix}-ipsec", build, tmp_path_factory.mktemp("ipsec"))
    try:
        yield b
        b.daemon.settle()
        assert b.daemon.unaccounted() == ""
        assert b.topology.strangers() == 0
        assert b.daemon.stop() == 0, b.daemon.log_text()
    finally:
        b.down()


def test_up(bed):
    """Without charon the tunnel is down and an alarm says why; with it, it is up by itself."""
    assert bed.tunnel()["state"] == "down"
    bed.gateway_charon.start()
    wait_until("the tunnel", bed.is_up, 30)
    t = bed.tunnel()
    assert t["remote_identity"] == "berlin.example"
    assert {s["algorithms"] for s in t["sas"]} == {"AES-GCM-256"}
    assert {s["direction"] for s in t["sas"]} == {"in", "out"}


def test_home(bed):
    """Both branches at once, with the same addresses."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for r in pool.map(bed.ping, bed.topology.branches):
            assert " 0% packet loss" in r.stdout, r.stdout
    assert bed.tunnel()["sas"][0]["packets"] >= 3


def test_iperf(bed):
    for options in ([], ["-R"]):
        r = bed.berlin.host.run("iperf3", "-c", SERVER, "-t", "2", "-J", *options, timeout=60)
        assert '"error"' not in r.stdout


def test_rekey(bed):
    """By us, by the far end, and of IKE: not one ping is lost."""
    host = bed.berlin.host
    before = {s["spi"] for s in bed.tunnel()["sas"]}
    pings = host.start("ping", "-i", "0.02", "-c", "300", "-W", "1", SERVER,
                       log=os.path.join(bed.folder, "ping.log"))
    time.sleep(1)
    bed.gateway_charon.swanctl("--rekey", "--child", bed.gateway_charon.children()[0])
    time.sleep(1.5)
    bed.charons["berlin"].swanctl("--rekey", "--child", "hub")
    time.sleep(1.5)
    bed.charons["berlin"].swanctl("--rekey", "--ike", "hub")
    pings.wait(30)
    with open(os.path.join(bed.folder, "ping.log"), encoding="utf-8") as f:
        text = f.read()
    assert re.search(r"300 packets transmitted, (299|300) received", text), text[-300:]
    assert not before & {s["spi"] for s in bed.tunnel()["sas"] if s["used"]}


def test_wrong_psk(bed):
    """Another secret: the tunnel stays down, GRE is not disturbed, and it is up again with the right
    one."""
    far = bed.charons["berlin"]
    far.load(far_end(bed.berlin, key="another secret"))
    far.swanctl("--terminate", "--ike", "hub", "--force")
    wait_until("the end", lambda: not bed.is_up(), 20)
    assert " 0% packet loss" in bed.ping(bed.madrid).stdout
    assert "100% packet loss" in bed.ping(bed.berlin).stdout
    far.load(far_end(bed.berlin))
    wait_until("the tunnel", bed.is_up, 60)
    assert " 0% packet loss" in bed.ping(bed.berlin).stdout


def test_charon_killed(bed):
    """Traffic goes on without it, and a new one makes new SAs."""
    bed.gateway_charon.kill()
    wait_until("the state", lambda: bed.tunnel()["state"] == "keys", 10)
    assert " 0% packet loss" in bed.ping(bed.berlin).stdout
    bed.gateway_charon.start()
    wait_until("the tunnel", bed.is_up, 60)
    assert " 0% packet loss" in bed.ping(bed.berlin).stdout


def test_daemon_restarted(bed):
    """Its keys are gone: new ones at once."""
    bed.daemon.stop()
    bed.daemon.start()
    wait_until("the tunnel", bed.is_up, 20)
    assert " 0% packet loss" in bed.ping(bed.berlin).stdout


def test_removed(bed):
    """A tunnel that leaves the configuration is gone in charon, too."""
    text = re.sub(r"  - name: berlin\n.*?(?=  - name: madrid)", "", bed.text, flags=re.S)
    bed.daemon.configure(text)
    bed.daemon.homeward("config", "apply", bed.daemon.file)
    wait_until("the end", lambda: "homeward-" not in bed.gateway_charon.swanctl("--list-conns").stdout)
    assert bed.daemon.ask("ipsec")["ipsec"] == []
    bed.daemon.configure(bed.text)
    bed.daemon.homeward("config", "apply", bed.daemon.file)
    wait_until("the tunnel", bed.is_up, 60)
    assert " 0% packet loss" in bed.ping(bed.berlin).stdout
