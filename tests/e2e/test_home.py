"""Law 1: a reply goes to the branch that asked, although both use the same inner addresses.

    berlin 10.0.1.10:P ==GRE== gateway ---- 198.51.100.80
    madrid 10.0.1.10:P ==GRE==/
"""
import concurrent.futures
import json
import re

import pytest

from ask import ECHO, echo_tcp, echo_udp, tcp_socket, token, udp_socket, unanswered
from bed.servers import IPERF
from bed.topology import EGRESS, HOST, SERVER
from conftest import SLICES

IPERF_S = 30


def in_slice(seen):
    address, port = seen.rsplit(":", 1)
    return address == EGRESS and any(int(port) in s for s in SLICES)


def both(bed, function):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, bed.branches))


def test_ping(bed):
    """The same identifier, at once; ping checks the payload of every reply."""
    def ping(branch):
        return unanswered(branch.host, 20, "-e", 77, "-p", token(branch)[-12:], SERVER)

    assert both(bed, ping) == [[], []]


@pytest.mark.parametrize("open_socket, echo", [(udp_socket, echo_udp), (tcp_socket, echo_tcp)],
                         ids=["udp", "tcp"])
def test_equal_five_tuples(bed, open_socket, echo):
    """Twenty rounds on one flow each, in turns: own token, own egress port, from our slices."""
    sockets = [open_socket(b, 30000) for b in bed.branches]
    seen = [set(), set()]
    for _ in range(20):
        for i, branch in enumerate(bed.branches):
            text = token(branch)
            answer, port = echo(sockets[i], text)
            assert answer == text
            seen[i].add(port)
    assert len(seen[0]) == len(seen[1]) == 1, "a flow keeps its egress port"
    assert seen[0] != seen[1], "two flows to one destination have two egress ports"
    assert all(in_slice(p) for p in seen[0] | seen[1])
    for s in sockets:
        s.close()


def test_many_flows(bed):
    """300 source ports in each branch, all open at once, answered in another order."""
    ports = range(31000, 31300)
    asked = {}
    for port in ports:
        for branch in bed.branches:
            s = udp_socket(branch, port)
            asked[branch.name, port] = (s, token(branch))
            s.send(asked[branch.name, port][1].encode())
    seen = set()
    for key in sorted(asked, key=lambda k: (k[1] * 7919) % 1000):
        s, text = asked[key]
        address, port, answer = s.recv(1000).decode().split(" ")
        assert answer == text, key
        assert in_slice(f"{address}:{port}")
        seen.add(port)
        s.close()
    assert len(seen) == 2 * len(ports)


def test_flows_side_by_side(bed):
    """The list shows both flows with their sites, and filters select only those of one site."""
    sockets = [udp_socket(b, 30500) for b in bed.branches]
    seen = {b.name: echo_udp(s, token(b))[1] for b, s in zip(bed.branches, sockets)}
    flows = bed.daemon.flows("--port", "30500", "--protocol", "udp")
    assert {f["site"]: f"{f['egress']}:{f['egress_port']}" for f in flows} == seen
    for f in flows:
        assert (f["source"], f["source_port"]) == (HOST, 30500)
        assert (f["destination"], f["destination_port"]) == (SERVER, ECHO)
        assert f["tunnel"] == f"{f['site']}-gre"
        assert (f["packets_out"], f["packets_in"]) == (1, 1)
    only = bed.daemon.flows("--port", "30500", "--site", "madrid")
    assert [f["site"] for f in only] == ["madrid"]
    for s in sockets:
        s.close()


def test_dns(bed):
    for name, out in zip(("berlin", "madrid"), both(bed, lambda b: b.host.run(
            "dig", "-b", f"{HOST}#30053", f"@{SERVER}", "+tries=1", "+noall", "+answer",
            f"{b.name}.demo.example").stdout)):
        assert re.match(rf"{name}\.demo\.example\.\s.*\s{re.escape(SERVER)}$", out.strip()), out


def test_real_traffic_both_ways(bed):
    """iperf3 TCP, both directions at once, on the same five-tuples in both branches."""
    before = {b.name: bed.topology.came_home(b)[b.name] for b in bed.branches}
    drops = bed.daemon.drops()

    def iperf(branch):
        r = branch.host.run("iperf3", "-c", SERVER, "-p", IPERF, "--cport", 35000, "--bidir", "-t",
                            IPERF_S, "-J", check=False, timeout=IPERF_S + 30)
        return json.loads(r.stdout)

    for branch, result in zip(bed.branches, both(bed, iperf)):
        assert "error" not in result, result["error"]
        for stream in result["start"]["connected"]:
            assert stream["local_host"] == HOST and stream["local_port"] in (35000, 35001)
        assert result["end"]["sum_received"]["bits_per_second"] > 5e6
        assert result["end"]["sum_received_bidir_reverse"]["bits_per_second"] > 5e6
        assert bed.topology.came_home(branch)[branch.name] - before[branch.name] > 10000
    assert bed.topology.strangers() == 0
    new = {k: n - drops.get(k, 0) for k, n in bed.daemon.drops().items()}
    assert not {k for k, n in new.items() if n > 0} - {"port_busy"}, new
