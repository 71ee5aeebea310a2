"""Two branches with the same addresses, a carrier between them and the gateway, an Internet.

  berlin-host        madrid-host          both are 10.0.1.10 in 10.0.1.0/24
       |                  |
    berlin             madrid             routers, 10.0.1.1; GRE to the gateway
       |192.0.2.18        |192.0.2.34
       +---- carrier -----+               knows outer addresses only
                |192.0.2.14
                |192.0.2.1    underlay0
             gateway                      homewardd; no route, rule or NAT for 10.0.1.0/24
                |203.0.113.2  uplink0     egress address 203.0.113.10
                |203.0.113.1
            internet                      servers on 198.51.100.80

A branch with an `outer6` has its tunnel over IPv6, 2001:db8:f::/64 at the gateway, through the same
carrier.

Branch hosts mark what they send with a DSCP of their branch, and the servers answer with the mark of
the question. So each branch can count, in its kernel, what came out of its tunnel and whose it was,
whatever the protocol. The gateway knows nothing of the marks.
"""
import dataclasses
import json
import os

from bed import netns
from bed.netns import Namespace, link, plain_packets, wait_until

HOST, HOST_ROUTER, HOST_NET = "10.0.1.10", "10.0.1.1", "10.0.1.0/24"
GATEWAY_OUTER, GATEWAY_UPLINK, EGRESS = "192.0.2.1", "203.0.113.2", "203.0.113.10"
GATEWAY_OUTER6, CARRIER6 = "2001:db8:f::1", "2001:db8:f::e"
INTERNET_UPLINK, SERVER = "203.0.113.1", "198.51.100.80"
TUNNEL_MTU = 1400


@dataclasses.dataclass
class Branch:
    """One branch: how its tunnel is made and where it is."""

    name: str
    outer: str  # its address at the carrier
    carrier: str  # the carrier's address towards it
    dscp: int  # its mark
    inner: str  # the gateway's address inside the tunnel
    outer6: str | None = None  # the same over IPv6: then its tunnel is, too
    carrier6: str | None = None
    gateway4: str = GATEWAY_OUTER  # where its tunnel ends, over IPv4
    gateway6: str = GATEWAY_OUTER6  # and over IPv6
    key: int | None = None
    checksum: bool = False
    sequence: bool = False
    device: str = "gre0"  # its end of the tunnel
    make_tunnel: object = None  # function of the branch that makes it, instead of GRE
    router: Namespace = None
    host: Namespace = None

    @property
    def ends(self):
        """Of the tunnel: at the branch, at the gateway."""
        return (self.outer6, self.gateway6) if self.outer6 else (self.outer, self.gateway4)

    def gre_options(self):
        local, remote = self.ends
        options = ["--local", local, "--remote", remote, "--tun", "gre0",
                   "--mtu", str(TUNNEL_MTU)]
        if self.key is not None:
            options += ["--key", str(self.key)]
        return options + ["--checksum"] * self.checksum + ["--sequence"] * self.sequence


def berlin(**kw):
    return Branch("berlin", "192.0.2.18", "192.0.2.30", 8, "10.255.0.1", **{"key": 11, **kw})


def madrid(**kw):
    return Branch("madrid", "192.0.2.34", "192.0.2.46", 16, "10.255.0.5", **{"key": 22, **kw})


def lisbon(**kw):
    return Branch("lisbon", "192.0.2.82", "192.0.2.94", 32, "10.255.0.13", **kw)


class Topology:
    """All namespaces of the picture above; @prefix begins their names.

    @queues: of the interfaces on the way to and from the gateway. A veth receives by the queue by
    which its peer sends. The peer chooses that by a hash of the flow, or by the queue by which the
    packet came, if it forwards it.
    """

    def __init__(self, prefix, build, branches, folder, queues=None):
        self.prefix, self.build, self.folder = prefix, os.path.abspath(build), folder
        self.queues = queues
        self.branches = branches
        self.kernel_gre = False
        os.makedirs(folder, exist_ok=True)
        netns.delete_all(f"{prefix}-")
        self.carrier = self.namespace("carrier", forwards=True)
        self.gateway = self.namespace("gateway")
        self.internet = self.namespace("internet")
        self.internet.sysctl("net.ipv4.icmp_ratelimit=0")  # both branches are one address to it
        self.join_gateway()
        for branch in branches:
            self.add_branch(branch)
        self.mark_answers(self.internet)

    def namespace(self, name, forwards=False):
        ns = Namespace(f"{self.prefix}-{name}")
        if forwards:
            ns.sysctl("net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0")
        return ns

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def join_gateway(self):
        link(self.gateway, "underlay0", f"{GATEWAY_OUTER}/28", self.carrier, "gateway0",
             "192.0.2.14/28", self.queues)
        link(self.gateway, "uplink0", f"{GATEWAY_UPLINK}/24", self.internet, "uplink0",
             f"{INTERNET_UPLINK}/24", self.queues)
        self.gateway.ip("route", "add", "192.0.2.0/24", "via", "192.0.2.14")
        self.gateway.ip("route", "add", "default", "via", INTERNET_UPLINK)
        self.internet.ip("addr", "add", f"{SERVER}/32", "dev", "lo")
        plain_packets(self.carrier, "gateway0")
        plain_packets(self.internet, "uplink0")

    def add_branch(self, branch):
        branch.router = self.namespace(branch.name, forwards=True)
        branch.host = self.namespace(f"{branch.name}-host")
        link(branch.router, "wan0", f"{branch.outer}/28", self.carrier, f"{branch.name}0",
             f"{branch.carrier}/28", self.queues)
        link(branch.router, "lan0", f"{HOST_ROUTER}/24", branch.host, "eth0", f"{HOST}/24")
        branch.host.ip("route", "add", "default", "via", HOST_ROUTER)
        branch.router.ip("route", "add", f"{branch.gateway4}/32", "via", branch.carrier)
        if branch.outer6:
            self.join_over_ipv6(branch)
        self.add_tunnel(branch)
        branch.router.ip("route", "add", "default", "dev", branch.device, check=branch.make_tunnel is None)
        self.mark_questions(branch)

    def join_over_ipv6(self, branch):
        self.carrier.switch_on_ipv6((f"{branch.carrier6}/64", f"{branch.name}0"))
        branch.router.switch_on_ipv6((f"{branch.outer6}/64", "wan0"))
        branch.router.ip("-6", "route", "add", "2001:db8:f::/64", "via", branch.carrier6)
        if not self.gateway.ip("-6", "addr", "show", "dev", "underlay0", "scope", "global").stdout:
            self.carrier.switch_on_ipv6((f"{CARRIER6}/64", "gateway0"))
            self.gateway.switch_on_ipv6((f"{GATEWAY_OUTER6}/64", "underlay0"))
        self.gateway.ip("-6", "route", "add", f"{branch.outer6}/128", "via", CARRIER6)

    def add_tunnel(self, branch):
        """The kernel's GRE where it has one, otherwise ours on a TUN interface."""
        if branch.make_tunnel:
            branch.make_tunnel(branch)
            return
        if self.add_kernel_tunnel(branch):
            self.kernel_gre = True
            return
        tool = os.path.join(self.build, "tests", "tools", "gre-tun")
        branch.router.start(tool, *branch.gre_options(), log=self.log(f"{branch.name}-gre"))
        wait_until(f"the tunnel of {branch.name}", lambda: branch.router.ip(
            "link", "show", "gre0", "up", check=False).stdout)

    def add_kernel_tunnel(self, branch):
        options = ["key", branch.key] if branch.key is not None else []
        options += ["csum"] * branch.checksum + ["seq"] * branch.sequence
        local, remote = branch.ends
        made = branch.router.ip("link", "add", "gre0", "mtu", TUNNEL_MTU, "type",
                                "ip6gre" if branch.outer6 else "gre", "local", local, "remote",
                                remote, *options, check=False)
        if made.returncode != 0:
            return False
        branch.router.ip("link", "set", "gre0", "up")
        return True

    def mark_questions(self, branch):
        branch.host.nft(f"""table ip marks {{
            chain out {{ type route hook output priority mangle
                ip dscp set {branch.dscp}
            }}
        }}""")
        others = "".join(f"ip dscp {b.dscp} counter name {b.name}\n" for b in self.branches)
        counters = "".join(f"counter {b.name} {{ }}\n" for b in self.branches)
        branch.router.nft(f"""table ip home {{
            {counters}
            chain in {{ type filter hook prerouting priority raw
                iifname {branch.device} jump whose
            }}
            chain whose {{
                {others}
            }}
        }}""")

    def mark_answers(self, ns):
        """What servers in @ns answer has the mark of the question."""
        learn = "".join(f"ip dscp {b.dscp} ct mark set {b.dscp}\n" for b in self.branches)
        answer = "".join(f"ct mark {b.dscp} ip dscp set {b.dscp}\n" for b in self.branches)
        ns.nft(f"""table ip marks {{
            chain in {{ type filter hook prerouting priority mangle
                {learn}
            }}
            chain out {{ type route hook output priority mangle
                {answer}
            }}
        }}""")

    def came_home(self, branch):
        """{whose: packets} of what came out of the tunnel of @branch since the start."""
        listing = json.loads(branch.router.run("nft", "-j", "list", "counters").stdout)
        return {c["counter"]["name"]: c["counter"]["packets"]
                for c in listing["nftables"] if "counter" in c}

    def strangers(self):
        """How many packets came out of a tunnel that are answers to another branch."""
        return sum(n for branch in self.branches
                   for whose, n in self.came_home(branch).items() if whose != branch.name)

    def down(self):
        netns.delete_all(f"{self.prefix}-")
