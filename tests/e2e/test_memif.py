"""memif ports, with another program behind them: dpdk-testpmd passes frames on to real interfaces.

    carrier ------ underlay0 [testpmd] memif === homewardd === memif [testpmd] uplink0 ------ internet
                             net_memif 0                       net_memif 1

The kernel of the gateway has no address on either interface. testpmd is the client or the server of
both memifs, by DPDK's own driver net_memif, which has nothing in common with ours.
"""
import os
import shutil
import signal
import subprocess

import pytest

from ask import echo_tcp, echo_udp, tcp_socket, token, udp_socket
from bed import servers
from bed.daemon import Daemon, site, state_directory
from bed.echo import mac
from bed.netns import wait_until
from bed.topology import SERVER, Topology, berlin, madrid

pytestmark = pytest.mark.skipif(shutil.which("dpdk-testpmd") is None, reason="there is no dpdk-testpmd")


START_S = 120  # testpmd takes a second, and half a minute on a busy machine


class Bridge:
    """testpmd: port 0 and 1 are a pair, and so are 2 and 3."""

    def __init__(self, net, role, queues=1):
        self.net, self.role, self.queues, self.program = net, role, queues, None

    def devices(self):
        for i, interface in enumerate(("underlay0", "uplink0")):
            yield (f"net_memif{i},role={self.role},id={i},socket={self.net.socket(i)},"
                   "socket-abstract=no,rsize=9")
            yield f"net_af_packet{i},iface={interface},qpairs={self.queues}"

    def start(self):
        eal = ["--no-huge", "-m", "128", "--no-pci", "--no-telemetry", "--lcores=0@(0-1),1@(0-1)",
               f"--file-prefix=bridge{os.getpid()}", "--log-level=pmd.net.memif:debug"]
        for device in self.devices():
            eal += ["--vdev", device]
        own = ["--forward-mode=io", "--auto-start", "--disable-link-check", "--nb-cores=1",
               "--total-num-mbufs=8192", f"--rxq={self.queues}", f"--txq={self.queues}"]
        with open(self.net.log("testpmd"), "a", encoding="utf-8") as log:
            self.program = subprocess.Popen(
                ["ip", "netns", "exec", self.net.gateway.name, "dpdk-testpmd", *eal, "--", *own],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)

    def end(self, number=signal.SIGKILL):
        if self.program and self.program.poll() is None:
            self.program.send_signal(number)
            self.program.wait(10)
        for i in range(2):  # a killed server leaves them; its successor does not remove them
            if self.role == "server" and os.path.exists(self.net.socket(i)):
                os.unlink(self.net.socket(i))


class Net(Topology):
    def socket(self, i):
        return os.path.join(self.folder, f"memif{i}")

    def port(self, i, name, neighbour, role, more=""):
        return (f"  - {{name: {name}, driver: memif, role: {role}, socket: {self.socket(i)}, id: {i}, "
                f"next-hop-mac: \"{neighbour}\"{more}}}\n")

    def configuration(self, socket, role, workers=1, more=""):
        return f"""\
flows:
  capacity: 65536
workers: {workers}
api:
  socket: {socket}
state-directory: {state_directory(socket)}
ports:
{self.port(0, "underlay", mac(self.carrier, "gateway0"), role, more)}\
{self.port(1, "uplink", mac(self.internet, "uplink0"), role)}\
sites:
{"".join(site(b) for b in self.branches)}\
egress:
  - name: internet
    port: uplink
    addresses:
      - address: 203.0.113.10
        slices: [1, 2, 5-7]
"""


class Gateway:
    """The daemon and testpmd."""

    def __init__(self, net):
        self.net = net
        self.daemon = Daemon(net)
        self.bridge = None

    def run(self, role, queues=1, **kw):
        """Both; the daemon first. @role is ours."""
        self.configure(role, **kw)
        self.daemon.start()
        self.bridge = Bridge(self.net, "client" if role == "server" else "server", queues)
        self.bridge.start()
        self.wait_for("up")

    def configure(self, role, **kw):
        self.daemon.configure(self.net.configuration(self.daemon.socket, role, **kw))

    def ports(self):
        return self.daemon.ask("status")["ports"]

    def wait_for(self, state):
        """A bridge may forward a moment later than it is connected."""
        wait_until(f"both ports to be {state}",
                   lambda: [p["state"] for p in self.ports()] == [state, state], START_S)
        for b in self.net.branches if state == "up" else ():
            wait_until("an answer", lambda b=b: b.host.run("ping", "-n", "-c", 1, "-W", 1, SERVER,
                                                           check=False).returncode == 0, START_S)

    def alarms(self):
        return [(a["alarm"], a["subject"]) for a in self.daemon.ask("status")["alarms"]]

    def end(self):
        if self.bridge:
            self.bridge.end()
        self.daemon.stop()


@pytest.fixture(scope="module")
def net(prefix, build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("memif")
    topology = Net(f"{prefix}-memif", str(build), [berlin(), madrid()], str(folder))
    for interface in ("underlay0", "uplink0"):
        topology.gateway.ip("addr", "flush", "dev", interface)
    servers.start(topology)
    yield topology
    topology.down()


@pytest.fixture
def gateway(net):
    g = Gateway(net)
    yield g
    try:
        if g.daemon.process and g.daemon.process.poll() is None:
            g.daemon.settle()
            assert g.daemon.unaccounted() == ""
            assert net.strangers() == 0
    finally:
        g.end()


def check_flows(net, first_port, n=10):
    """Equal flows of both branches, all open at once."""
    for open_socket, echo in ((udp_socket, echo_udp), (tcp_socket, echo_tcp)):
        sockets = [(b, open_socket(b, first_port + i)) for i in range(n) for b in net.branches]
        for branch, s in sockets * 2:
            text = token(branch)
            assert echo(s, text)[0] == text
        for _, s in sockets:
            s.close()


def check_ports(gateway):
    for port in gateway.ports():
        assert port["rx_packets"] > 0 and port["tx_packets"] > 0
        assert port["lost_packets"] == 0


@pytest.mark.parametrize("role", ["server", "client"])
def test_peer_leaves_and_returns(net, gateway, role):
    """It is killed while packets pass. The port is down until it is there again, and open flows go on."""
    gateway.run(role)
    check_flows(net, 25000)
    check_ports(gateway)
    assert gateway.daemon.drops() == {}
    open_flow = udp_socket(net.branches[0], 25099)
    seen = echo_udp(open_flow, "before")[1]
    ping = net.branches[0].host.start("ping", "-i", "0.002", "198.51.100.80", log=net.log("ping"))
    gateway.bridge.end()
    gateway.wait_for("down")
    assert {("port_down", "underlay"), ("port_down", "uplink")} <= set(gateway.alarms())
    assert net.socket(0) in gateway.ports()[0]["reason"]
    gateway.bridge.start()
    gateway.wait_for("up")
    assert gateway.alarms() == []
    ping.kill()
    ping.wait()
    assert echo_udp(open_flow, "after") == ("after", seen)
    open_flow.close()
    check_flows(net, 25100)


@pytest.mark.parametrize("queues", [2, 1], ids=["as many as workers", "fewer"])
def test_several_workers(net, gateway, queues):
    gateway.run("server", workers=2, queues=queues)
    check_flows(net, 25200)
    check_ports(gateway)
    assert "no_flow" not in gateway.daemon.drops()
    hint = "2 workers, 1 queue: packets of the others change workers to be received or sent: " \
        "let the peer have 2 queues"
    assert {p["hint"] for p in gateway.daemon.ask("status")["ports"] if p["driver"] == "memif"} == \
        {hint if queues < 2 else None}


def test_change_at_run_time(net, gateway):
    """Another size of the rings makes another port; the socket passes from the old one to the new."""
    gateway.run("server")
    check_flows(net, 25300, 2)
    gateway.configure("server", more=", ring-size: 128")
    gateway.daemon.homeward("config", "apply", gateway.daemon.file)
    gateway.bridge.end()
    gateway.wait_for("down")
    gateway.bridge.start()
    gateway.wait_for("up")
    check_flows(net, 25400, 2)
