"""The usual bed with several workers, other drivers, and a gateway whose card is replaced.

    berlin 10.0.1.10:P ==GRE== gateway ---- 198.51.100.80
    madrid 10.0.1.10:P ==GRE==/
"""
import pytest

from ask import echo_tcp, echo_udp, tcp_socket, token, udp_socket
from bed.daemon import configuration
from bed.netns import wait_until

FLOWS = 40
VARIANTS = {
    "two workers": ("workers: 1", "workers: 2"),
    "five workers": ("workers: 1", "workers: 5"),
    "af_packet": ("driver: af_xdp", "driver: af_packet"),
}


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def variant(request, module_bed):
    """The daemon of the module, started again with one line changed."""
    daemon = module_bed.daemon
    usual = configuration(module_bed.topology, daemon.socket)
    daemon.stop()
    daemon.configure(usual.replace(*request.param))
    daemon.start()
    yield module_bed
    module_bed.check_laws()
    daemon.stop()
    daemon.configure(usual)
    daemon.start()


@pytest.mark.parametrize("open_socket, echo", [(udp_socket, echo_udp), (tcp_socket, echo_tcp)],
                         ids=["udp", "tcp"])
def test_equal_five_tuples(variant, open_socket, echo):
    """Many flows, all open at once: with several workers each meets flows that are not its own."""
    sockets = [(b, open_socket(b, 24000 + i)) for i in range(FLOWS) for b in variant.branches]
    for _ in range(3):
        for branch, s in sockets:
            text = token(branch)
            assert echo(s, text)[0] == text
    for _, s in sockets:
        s.close()
    assert "no_flow" not in variant.daemon.drops()
    assert len(variant.daemon.flows("--port", "7")) == 2 * FLOWS


def test_router_gets_another_card(bed):
    """The uplink's router changes its Ethernet address and announces it: open flows go on."""
    s = udp_socket(bed.berlin, 24500)
    seen = echo_udp(s, token(bed.berlin))[1]
    bed.internet.ip("link", "set", "uplink0", "address", "02:00:00:00:00:77")
    bed.internet.run("arping", "-A", "-c", 3, "-w", 2, "-I", "uplink0", "203.0.113.1", check=False)
    s.settimeout(0.5)

    def answered():
        text = token(bed.berlin)
        try:
            return echo_udp(s, text) == (text, seen)
        except TimeoutError:
            return False

    wait_until("an answer", answered, 20)
    s.close()
