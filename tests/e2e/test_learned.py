"""Routes from BIRD in kernel tables, BGP through tunnels, and our own prefixes for announcement.

    berlin: BIRD 169.254.240.1 == GRE == 169.254.240.0 gateway: BIRD, tables 1007, 1008, 1900
    madrid: BIRD 169.254.240.3 == GRE == 169.254.240.2
    internet: BIRD 203.0.113.1 --------- 203.0.113.2
"""
import json
import os
import pathlib
import re
import signal
import socket
import time

import pytest
from scapy.layers.inet import IP, TCP

from bed.netns import wait_until
from bed.topology import berlin, madrid
from conftest import Bed

BGP_MD = pathlib.Path(__file__).resolve().parents[2] / "docs" / "bgp.md"
TABLES = {"berlin": 1007, "madrid": 1008}
LINKS = {"berlin": ("169.254.240.0", "169.254.240.1"), "madrid": ("169.254.240.2", "169.254.240.3")}
LINKS6 = {"berlin": ("fd00:240::", "fd00:240::1"), "madrid": ("fd00:240::2", "fd00:240::3")}


def with_bgp(text, limit=5000):
    """The configuration of the bed, with a session and a table for each site."""
    text = text.replace("sites:\n", "announce: {table: 1900}\nsites:\n", 1)
    text = text.replace("flows:\n", "flows:\n  capacity-ipv6: 1024\n", 1)
    for name, table in TABLES.items():
        ours, peer = LINKS[name]
        ours6, peer6 = LINKS6[name]
        inner = {"berlin": "10.255.0.1", "madrid": "10.255.0.5"}[name]
        text = text.replace(
            f"  - name: {name}\n",
            f"  - name: {name}\n    learn: {{table: {table}}}\n    limits: {{routes: {limit}}}\n", 1)
        text = text.replace(f"        address: {inner}\n",
                            f"        address: {ours}\n        peer: {peer}\n"
                            f"        address6: '{ours6}'\n        peer6: '{peer6}'\n", 1)
    return text


class LearnedBed(Bed):
    limit = 5000

    def __init__(self, prefix, build, folder, *others):
        """@others: branches without BGP."""
        super().__init__(prefix, build, folder, [berlin(), madrid(), *others],
                         change=lambda text: with_bgp(text, self.limit))
        self.folder, self.birds = folder, {}
        self.gateway.switch_on_ipv6()  # the addresses that were refused are set at the next try
        wait_until("the addresses of homeward0", lambda: not any(
            a == "bgp_device" for a, _ in self.alarms()))

    def bird(self, ns, name, conf, *options):
        paths = {kind: os.path.join(self.folder, f"{name}.{kind}") for kind in ("conf", "ctl", "pid")}
        pathlib.Path(paths["conf"]).write_text(conf, encoding="utf-8")
        self.birds[name] = ns.start("bird", "-f", "-c", paths["conf"], "-s", paths["ctl"], "-P",
                                    paths["pid"], *options, log=os.path.join(self.folder, f"{name}.log"))

    def site_bird(self, branch, routes, routes6=""):
        ours, peer = LINKS[branch.name]
        ours6, peer6 = LINKS6[branch.name]
        asn = 65001 if branch.name == "berlin" else 65002
        branch.router.ip("addr", "add", peer, "peer", ours, "dev", "gre0")
        branch.router.switch_on_ipv6()
        branch.router.ip("-6", "addr", "add", peer6, "peer", ours6, "dev", "gre0", "nodad")
        channel = "ipv6 { import none; export where source = RTS_STATIC; };"
        self.bird(branch.router, branch.name, f"""
            router id {peer};
            protocol device {{}}
            protocol static mine {{ ipv4; {routes} }}
            protocol static mine6 {{ ipv6; {routes6} }}
            protocol bgp hub {{ local {peer} as {asn}; neighbor {ours} as 65000; hold time 90;
              connect retry time 2; connect delay time 1; ttl security on;
              ipv4 {{ import none; export where source = RTS_STATIC; }}; }}
            protocol bgp hub6 {{ local {peer6} as {asn}; neighbor {ours6} as 65000;
              connect retry time 2; connect delay time 1; {channel} }}
            """)

    def learned(self, name):
        """The gateway's view of a site's table."""
        return next(t for t in self.daemon.ask("status")["learned"]["tables"] if t["owner"] == name)

    def counts(self):
        return self.daemon.ask("status")["learned"]

    def kernel(self, table, *options):
        out = self.gateway.ip("-j", *options, "route", "show", "table", str(table), check=False)
        return json.loads(out.stdout) if out.returncode == 0 and out.stdout else []

    def kernel_count(self, table):
        return len(self.kernel(table)) + len(self.kernel(table, "-6"))

    def batch(self, commands):
        path = os.path.join(self.folder, "batch")
        pathlib.Path(path).write_text("\n".join(commands) + "\n", encoding="utf-8")
        self.gateway.ip("-force", "-batch", path)

    def await_routes(self, name, n, seconds=20):
        wait_until(f"{n} routes of {name}", lambda: self.learned(name)["routes"] == n, seconds)

    def alarms(self):
        return {(a["alarm"], a["subject"]): a["text"] for a in self.daemon.ask("status")["alarms"]}


@pytest.fixture
def bed(prefix, build, tmp_path):
    bed = LearnedBed(prefix, build, str(tmp_path))
    yield bed
    bed.check_laws()
    bed.daemon.stop()


def documented():
    """The BIRD configuration of docs/bgp.md: what a reader would paste."""
    return "\n".join(re.findall(r"<!-- bird.conf -->\n```\n(.*?)```", BGP_MD.read_text(), re.S))


def for_madrid(conf):
    """The same for a second site, which the page does not repeat."""
    start, end = conf.index("ipv4 table berlin4"), conf.index("ipv4 table ours4")
    text = conf[start:end].replace("berlin", "madrid").replace("1007", "1008")
    return text.replace("65001", "65002").replace("240.1 ", "240.3 ").replace("240.0 ", "240.2 ")


def for_six(name):
    ours6, peer6 = LINKS6[name]
    return f"""
        ipv6 table {name}6;
        protocol bgp {name}_six {{ local {ours6} as 65000; neighbor {peer6} as
          {65001 if name == "berlin" else 65002}; check link off;
          ipv6 {{ table {name}6; import all; export none; }}; }}
        protocol kernel kernel_{name}6 {{ kernel table {TABLES[name]}; metric 0; scan time 20;
          ipv6 {{ table {name}6; import none; export all; }}; }}
        """


def same_prefixes(n):
    return " ".join(f"route 10.{100 + i // 256}.{i % 256}.0/24 blackhole;" for i in range(n))


def test_two_sites_announce_the_same(bed):
    """The page's configuration works; each site's table is its own, in both families."""
    six = "route fd00:77::/32 blackhole; route fd00:78::/32 blackhole;"
    for branch in bed.branches:
        bed.site_bird(branch, same_prefixes(1000), six)
    conf = documented()
    bed.bird(bed.gateway, "near", conf + for_madrid(conf) + for_six("berlin") + for_six("madrid"))
    for name in TABLES:
        bed.await_routes(name, 1002, 40)
        assert bed.learned(name)["unknown_gateway"] == 0
        gateways = {r["gateway"] for r in bed.kernel(TABLES[name])}
        assert gateways == {LINKS[name][1]}
    assert bed.alarms().keys() & {("learned_refused", "berlin"), ("bgp_device", "homeward0")} == set()
    counts = bed.counts()
    assert counts["sessions_in"] > 0 and counts["sessions_out"] > 0 and counts["sessions_lost"] == 0

    # the daemon restarts: the session, the routes and homeward0 stay
    before = bed.gateway.ip("-j", "link", "show", "homeward0").stdout
    bed.daemon.kill()
    bed.daemon.start()
    assert bed.learned("berlin")["routes"] == bed.learned("madrid")["routes"] == 1002
    assert json.loads(before)[0]["ifindex"] == json.loads(
        bed.gateway.ip("-j", "link", "show", "homeward0").stdout)[0]["ifindex"]
    sent = bed.counts()["sessions_in"]
    wait_until("keepalives of the old session", lambda: bed.counts()["sessions_in"] > sent, 40)

    # a site's router dies: its routes go, the other's stay
    bed.birds["berlin"].send_signal(signal.SIGTERM)
    wait_until("BIRD here takes its routes away", lambda: bed.kernel_count(TABLES["berlin"]) == 0)
    bed.await_routes("berlin", 0, 3)
    assert bed.learned("madrid")["routes"] == 1002


def test_nobody_speaks_for_another_site(bed):
    """BGP from another address than the tunnel's own far end is refused by name."""
    branch = bed.madrid
    syn = bytes(IP(src=LINKS["berlin"][1], dst=LINKS["madrid"][0]) / TCP(sport=40000, dport=179))
    with branch.router.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"gre0")
        s.sendto(syn, (LINKS["madrid"][0], 0))
    wait_until("the drop", lambda: bed.daemon.drops().get("bgp_source") == 1)
    assert "bgp_delivered" not in bed.daemon.drops()


def test_kinds_of_routes(bed):
    """Multipath, nexthop objects, routes without a gateway, and those that are refused."""
    peer = LINKS["berlin"][1]
    for line in (f"route add 10.8.0.0/16 via {peer} table 1007",
                 "route add 10.9.0.0/16 dev homeward0 table 1007",
                 "route add blackhole 10.10.0.0/16 table 1007",
                 f"nexthop add id 1 via {peer} dev homeward0",
                 "nexthop add id 2 group 1",
                 "route add 10.11.0.0/16 nhid 2 table 1007",
                 f"route add 10.12.0.0/16 table 1007 nexthop via {peer} dev homeward0 weight 3 "
                 f"nexthop via {LINKS['madrid'][1]} dev homeward0",
                 f"route add default via {peer} table 1007",
                 f"route add 192.0.2.18/32 via {peer} table 1007"):
        bed.gateway.ip(*line.split())
    bed.await_routes("berlin", 7)
    # a table is looked at once for a burst, up to a second after its first change
    wait_until("one refusal of each kind", lambda: {
        bed.learned("berlin")[why] for why in ("unknown_gateway", "too_short", "own_far_end")} == {1})
    wait_until("the alarm", lambda: "learned_refused" in {a for a, _ in bed.alarms()})
    bed.gateway.ip("nexthop", "del", "id", "1")
    bed.await_routes("berlin", 6)


def test_limit(bed):
    """The 5,001st is refused with an alarm, and the others stay; with room again it is taken."""
    peer = LINKS["berlin"][1]
    routes = [f"route add 10.{100 + i // 256}.{i % 256}.0/24 via {peer} table 1007"
              for i in range(5001)]
    bed.batch(routes)
    bed.await_routes("berlin", 5000)
    wait_until("the alarm", lambda: ("learned_refused", "berlin") in bed.alarms())
    bed.gateway.ip(*routes[0].replace("add", "del").split())
    wait_until("the alarm's end", lambda: ("learned_refused", "berlin") not in bed.alarms(), 20)
    assert bed.learned("berlin")["routes"] == bed.kernel_count(1007) == 5000


def test_ready_route(bed):
    """Our prefixes are offered while we run, and gone within two seconds after kill -9."""
    def offered():
        return {(r["dst"], r["metric"]) for r in bed.kernel(1900)}

    assert offered() == {("203.0.113.10", 1), ("192.0.0.8", 4)}
    assert {r["protocol"] for r in bed.kernel(1900)} == {"252"}
    bed.bird(bed.gateway, "near", documented())
    bed.bird(bed.internet, "router", """
        router id 203.0.113.1;
        protocol device {}
        protocol bgp hub { local 203.0.113.1 as 65010; neighbor 203.0.113.2 as 65000;
          connect delay time 1; ipv4 { import all; export none; }; }
        protocol kernel main { ipv4 { export all; import none; }; }
        """)

    def announced():
        return "203.0.113.10" in bed.internet.ip("route", "show").stdout

    wait_until("the announcement", announced, 40)
    began = time.monotonic()
    bed.daemon.kill()
    assert bed.kernel(1900) == []
    wait_until("the withdrawal", lambda: not announced(), 10)
    print(f"withdrawn after {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 2
    bed.daemon.start()
    wait_until("the announcement again", announced, 40)


def test_stopped_reader(bed):
    """Changes while the process is stopped: afterwards the mirror equals the kernel's table."""
    peer = LINKS["berlin"][1]
    add = [f"route add 10.{100 + i // 256}.{i % 256}.0/24 via {peer} table 1007"
           for i in range(4000)]
    bed.batch(add[:2000])
    bed.await_routes("berlin", 2000)
    bed.daemon.process.send_signal(signal.SIGSTOP)
    bed.batch([line.replace("add", "del") for line in add[:1500]])
    bed.batch(add[2000:])
    time.sleep(1)
    bed.daemon.process.send_signal(signal.SIGCONT)
    bed.await_routes("berlin", 2500, 20)
    assert bed.kernel_count(1007) == 2500
