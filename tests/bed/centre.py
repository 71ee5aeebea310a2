"""A data centre behind the gateway: a private server, and two tunnels over two links.

                           192.0.2.50
    gateway -- carrier ==GRE centre-1== centre -- 10.8.0.80    HTTP, echo, iperf3
        192.0.2.1, .2  ==GRE centre-2==    10.8.0.1
                           192.0.2.51

Its server answers each branch with the mark of the question, as the servers of the Internet do.
"""
import os

from bed import servers
from bed.netns import link, wait_until
from bed.topology import TUNNEL_MTU, Branch

SERVER, ROUTER, NET = "10.8.0.80", "10.8.0.1", "10.8.0.0/16"
OUTER2, GATEWAY2, KEY2 = "192.0.2.51", "192.0.2.2", 34
INNER, PEER, INNER2, PEER2 = "10.255.0.9", "10.255.0.10", "10.255.1.9", "10.255.1.10"


class Centre:
    """Its namespaces; the gateway's configuration is the user's."""

    def __init__(self, topology):
        self.topology, self.carrier = topology, topology.carrier
        self.branch = Branch("centre", "192.0.2.50", "192.0.2.62", 24, INNER, key=33)
        topology.add_branch(self.branch)
        self.router, self.host = self.branch.router, self.branch.host
        self.take_addresses()
        topology.mark_answers(self.host)
        self.add_second_tunnel()
        self.start_servers()

    def take_addresses(self):
        """Those of a data centre instead of a branch's."""
        for ns, interface, address in ((self.router, "lan0", ROUTER), (self.host, "eth0", SERVER)):
            ns.ip("addr", "flush", "dev", interface)
            ns.ip("addr", "add", f"{address}/16", "dev", interface)
        self.host.ip("route", "add", "default", "via", ROUTER)
        self.host.run("nft", "delete", "table", "ip", "marks")  # it asks nothing

    def add_second_tunnel(self):
        router = self.router
        link(router, "wan1", "192.0.2.66/28", self.carrier, "centre1", "192.0.2.78/28")
        router.ip("addr", "add", f"{OUTER2}/32", "dev", "lo")
        router.ip("route", "add", f"{GATEWAY2}/32", "via", "192.0.2.78", "src", OUTER2)
        self.carrier.ip("route", "add", f"{OUTER2}/32", "via", "192.0.2.66")
        tool = os.path.join(self.topology.build, "tests", "tools", "gre-tun")
        router.start(tool, "--local", OUTER2, "--remote", GATEWAY2, "--tun", "gre1", "--mtu",
                     TUNNEL_MTU, "--key", KEY2, log=self.topology.log("centre-gre1"))
        wait_until("the second tunnel of the centre",
                   lambda: router.ip("link", "show", "gre1", "up", check=False).stdout)
        for peer, ours, tunnel in ((PEER, INNER, "gre0"), (PEER2, INNER2, "gre1")):
            router.ip("addr", "add", f"{peer}/32", "dev", "lo")
            router.ip("route", "add", f"{ours}/32", "dev", tunnel)

    def start_servers(self):
        self.host.start(os.path.join(servers.TOOLS, "servers.py"), SERVER,
                        log=self.topology.log("centre-servers"))
        servers.start_iperf(self.topology, self.host)
        wait_until("the servers of the centre", lambda: servers.listening(self.host) >= {"7", "80"})

    def cut(self):
        """The first link fails. Its router uses the other tunnel at once, as its routing says."""
        self.carrier.ip("link", "set", "centre0", "down")
        self.router.ip("route", "replace", "default", "dev", "gre1")

    def heal(self):
        self.carrier.ip("link", "set", "centre0", "up")
        self.carrier.ip("route", "replace", "192.0.2.48/28", "dev", "centre0", "src", "192.0.2.62")
        self.router.ip("route", "replace", "default", "dev", "gre0")
