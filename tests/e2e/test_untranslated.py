"""Egress without translation by a route (RFC 6888 REQ-6), from two branches with one address.

    berlin 10.0.1.10 ==GRE==\\
                             gateway ---- internet 198.51.100.80, which has a route to 10.0.1.0/24
    madrid 10.0.1.10 ==GRE==/

The echo server says whose question it heard.
"""
import pathlib
import re
import socket

import pytest

from ask import echo_tcp, echo_udp, tcp_socket, token, udp_socket, unanswered
from bed.netns import wait_until
from bed.topology import EGRESS, GATEWAY_UPLINK, HOST, HOST_NET, SERVER, berlin, madrid
from conftest import Bed

ROUTE = f"""\
networks:
  - name: default
    routes:
      - {{prefix: {SERVER}/32, to: [{{egress: internet, untranslated: true}}]}}
"""


def with_route(driver, workers):
    def change(text):
        text = text.replace("driver: af_xdp", f"driver: {driver}")
        return text.replace("workers: 1", f"workers: {workers}") + ROUTE
    return change


@pytest.fixture(scope="module", params=[("af_xdp", 1), ("af_packet", 2)], ids=lambda p: f"{p[0]}-{p[1]}")
def place(prefix, build, tmp_path_factory, request):
    bed = Bed(f"{prefix}-untr", build, tmp_path_factory.mktemp("untranslated"),
              [berlin(), madrid()], change=with_route(*request.param))
    bed.internet.ip("route", "add", HOST_NET, "via", GATEWAY_UPLINK)
    yield bed
    bed.daemon.settle()
    assert bed.daemon.unaccounted() == ""
    bed.down()


def ask_both(bed, open_socket, echo, port):
    """What the server heard from both branches at once."""
    sockets = [open_socket(branch, port) for branch in bed.branches]
    heard = []
    for branch, s in zip(bed.branches, sockets):
        text = token(branch)
        back, source = echo(s, text)
        assert back == text
        heard.append(source)
    for branch, s in zip(bed.branches, sockets):  # each still has its own
        text = token(branch)
        assert echo(s, text) == (text, heard[bed.branches.index(branch)])
        s.close()
    return heard


@pytest.mark.parametrize("open_socket, echo, port", [(udp_socket, echo_udp, 40001), (tcp_socket, echo_tcp, 40002)],
                         ids=["udp", "tcp"])
def test_source_is_kept(place, open_socket, echo, port):
    heard = ask_both(place, open_socket, echo, port)
    assert heard[0] == f"{HOST}:{port}"
    address, other = heard[1].split(":")
    assert address == HOST and int(other) != port


def test_ping_and_large_answers(place, request):
    size = 3000 if "af_xdp" in request.node.name else 1200  # docs/ports.md: AF_PACKET and fragments
    for branch in place.branches:
        assert unanswered(branch.host, 20, "-s", size, SERVER) == []


def test_no_port_is_taken(place):
    pools = place.daemon.ask("egress")["pools"]
    assert sum(s["flows"] for pool in pools for a in pool["addresses"] for s in a["slices"]) == 0


def test_lookup_says_so(place):
    answer = place.daemon.ask("routes", "lookup", "default", SERVER)["answer"]
    assert answer == "new flows go to egress internet, untranslated"
    assert "egress internet, untranslated" in place.daemon.homeward("routes").stdout


def test_strangers_are_refused(place):
    """A packet to a source that has no flow with the sender is dropped by name."""
    before = place.daemon.drops().get("no_flow", 0)
    with place.internet.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"nobody asked", (HOST, 9))
    wait_until("the drop", lambda: place.daemon.drops().get("no_flow", 0) > before)


def test_route_goes(place):
    """The flow ends, and the next one is translated; with the route again the next one is not."""
    file = pathlib.Path(place.daemon.file)
    text = file.read_text()
    with udp_socket(place.berlin, 40009) as s:
        assert echo_udp(s, "one")[1] == f"{HOST}:40009"
        file.with_suffix(".next").write_text(text.replace(", untranslated: true", ""))
        said = place.daemon.homeward("config", "diff", file.with_suffix(".next")).stdout
        assert re.search("egress internet untranslated -> egress internet; .*far_route_lost", said), said
        place.daemon.homeward("config", "apply", file.with_suffix(".next"))
        assert echo_udp(s, "two")[1].startswith(f"{EGRESS}:")
    file.with_suffix(".next").write_text(text)
    place.daemon.homeward("config", "apply", file.with_suffix(".next"))
    with udp_socket(place.berlin, 40010) as s:
        assert echo_udp(s, "three")[1] == f"{HOST}:40010"


def test_kernel_has_such_an_address(place):
    """The gateway would take what is for the kernel: an alarm, until the address is gone."""
    def standing():
        return [a for a in place.daemon.ask("status")["alarms"] if a["subject"] == HOST_NET]

    place.gateway.ip("addr", "add", "10.0.1.77/32", "dev", "lo")
    try:
        wait_until("the alarm", standing)
    finally:
        place.gateway.ip("addr", "del", "10.0.1.77/32", "dev", "lo")
    wait_until("its end", lambda: not standing())
