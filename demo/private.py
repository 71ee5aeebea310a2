"""The second act: a private server behind another tunnel, and a failover in mid-transfer."""
import json
import re
import time

import show
import traffic
from bed import centre
from bed.netns import wait_until
from show import heading, say

TRANSFER_S, CUT_S, HTTP_PORT, IPERF_PORT = 10, 3, 40001, 45001

SITE = f"""\
  - name: centre
    prefixes: [{centre.NET}]
    tunnels:
      - {{name: centre-1, local: 192.0.2.1, remote: 192.0.2.50, key: 33, mtu: 1400, port: underlay,
         address: {centre.INNER}, peer: {centre.PEER}, health: {{rate: high}}}}
      - {{name: centre-2, local: {centre.GATEWAY2}, remote: {centre.OUTER2}, key: {centre.KEY2}, mtu: 1400, port: underlay,
         address: {centre.INNER2}, peer: {centre.PEER2}, health: {{rate: high}}}}
"""
NETWORKS = f"""\
networks:
  - name: default
    routes:
      - {{prefix: {centre.NET}, to: [{{site: centre}}]}}
"""


def used(daemon):
    """{tunnel: the one that is used for it}."""
    return {h["tunnel"]: h["used"] for h in daemon.ask("health")["health"]}


def add_centre(topology, daemon):
    """The data centre is there, and the gateway learns of it while it runs."""
    heading("Another tunnel leads to a data centre. The gateway gets a site and a route, while it runs:")
    data_centre = centre.Centre(topology)
    with open(daemon.file, encoding="utf-8") as f:
        head, rest = f.read().split("egress:\n")
    show.quote(SITE + NETWORKS)
    daemon.configure(f"{head}{SITE}egress:\n{rest}{NETWORKS}")
    daemon.homeward("config", "apply", daemon.file)
    wait_until("both tunnels of the centre to answer", lambda: all(
        h["answered"] > 0 for h in daemon.ask("health")["health"] if h["site"] == "centre"), 30)
    return data_centre


def curl(branch):
    return traffic.curl(branch, centre.SERVER, HTTP_PORT)


def iperf(branch):
    """Is there traffic, both ways, in the last second?"""
    out = traffic.iperf_output(branch, centre.SERVER, IPERF_PORT, TRANSFER_S)
    good, still = 0, 0
    try:
        report = json.loads(out)
        seconds = [(i["sum"]["bytes"], i["sum_bidir_reverse"]["bytes"])
                   for i in report["intervals"] if i["sum"]["seconds"] > 0.5]
        if "error" not in report:
            good = sum(n > 0 for n in seconds[-1])
        still = sum(0 in both for both in seconds)
    except (ValueError, KeyError, IndexError):
        pass
    return traffic.Check(branch.name, f"iperf3, from port {IPERF_PORT}", good, 2,
                         f"goes on both ways; {still} of {TRANSFER_S} seconds without traffic"
                         if good == 2 else "it ended", out)


def show_private(topology):
    """Both branches ask the private server, from one port. The checks, and what it saw."""
    heading("All branches ask the private server, same source port. Nothing translates their addresses:")
    checks = traffic.together(topology.branches, curl)
    seen = [re.findall(r" (\S+) (\d+)$", c.output, re.M) for c in checks]
    for check in checks:
        show.check(check)
    addresses = {address for answers in seen for address, _ in answers}
    kept = [all(int(port) == HTTP_PORT for _, port in answers) for answers in seen]
    say("    The server sees 10.0.1.10 each time. The other branches had the very same five-tuple, so they got")
    say("    other ports; the first one kept its own.")
    return checks, addresses == {"10.0.1.10"} and sum(kept) == 1


def show_failover(topology, daemon, data_centre):
    """The link of the first tunnel fails during a transfer. The checks, and whether flows moved."""
    heading(f"iperf3 to the private server, {TRANSFER_S} seconds, all branches, both directions; "
            f"after {CUT_S} the link fails:")

    def part(branch):
        if branch is not None:
            return iperf(branch)
        time.sleep(CUT_S)
        data_centre.cut()
        began = time.monotonic()
        wait_until("centre-2 to be used", lambda: used(daemon).get("centre-1") == "centre-2", 20)
        return time.monotonic() - began

    *checks, found = traffic.together([*topology.branches, None], part)
    for check in checks:
        show.check(check)
    say(f"    The gateway found out in {found:.1f} s and moved all flows by one write, their state untouched:")
    show.quote(daemon.homeward("health").stdout)
    sent = {t["name"]: t["tx_packets"] for t in daemon.ask("tunnels")["tunnels"]}
    return checks, sent["centre-2"] > 100


def run(topology, daemon):
    """Returns the checks, and {what must be true: whether it is}."""
    say(show.PICTURE_PRIVATE)
    data_centre = add_centre(topology, daemon)
    asked, kept = show_private(topology)
    moved, by_other = show_failover(topology, daemon, data_centre)
    return asked + moved, {
        "the private server saw the branches' own address, and one port was kept": kept,
        "the flows went on by centre-2": by_other,
    }
