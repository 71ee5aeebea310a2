"""A site reaches its limits: by a capture file, with the operator's view; by a host, with the host's view."""
import errno

import pytest

from ask import echo_tcp, echo_udp, tcp_socket, token, udp_socket
from bed.daemon import configuration
from bed.netns import wait_until
from bed.replay import Replay

EACH = 150  # UDP flows of each of the two sites; and a ping each
FLOWS = 40  # that madrid may have


def limited(build, folder, limits):
    """Madrid is the last site of the file: the limits are put behind its tunnels."""
    replay = Replay(build, folder, EACH)
    text = replay.file.read_text()
    assert text.count("egress:\n") == 1
    replay.file.write_text(text.replace("egress:\n", f"    limits: {limits}\negress:\n"))
    replay.start()
    wait_until("the packets", lambda: replay.get("/v1/status")[1]["packets"]["rx"] == 2 * EACH + 3,
               10)
    return replay


def test_berlin_uses_up_the_ports(build, tmp_path):
    """64 ports, of which four are reserved for sites with few flows: the others are used up, and this is shown."""
    replay = Replay(build, tmp_path, EACH)
    text = replay.file.read_text()
    text = text.replace("  - name: madrid\n", "  - name: madrid\n    prefixes: [10.9.9.0/24]\n")
    replay.file.write_text(text.replace("    addresses:\n", "    slice-size: 64\n    addresses:\n")
                           .replace("slices: [1, 2, 5-7]", "slices: [16]"))
    try:
        replay.start()
        wait_until("the packets", lambda: replay.get("/v1/status")[1]["packets"]["rx"] == 2 * EACH + 3, 10)
        berlin, madrid = replay.get("/v1/sites")[1]["sites"]
        assert (berlin["refused"], madrid["refused_no_room"]) == (0, 0)
        assert berlin["refused_no_room"] == EACH + 1 - berlin["flows"] > 0
        counts = replay.get("/v1/drops")[1]
        drops = {d["reason"]: d["packets"] for d in counts["drops"]}
        told = {a["name"]: a["packets"] for a in counts["answers"]}["exhausted"]
        assert drops["egress_exhausted"] + told == berlin["refused_no_room"]
        assert replay.homeward("sites").stdout.splitlines()[1].split()[-2:] == [
            str(berlin["refused_no_room"])] * 2
        assert "93.8 % full" in replay.homeward("egress").stdout
    finally:
        replay.end()


def test_a_port_has_a_timeout_of_its_own(build, tmp_path):
    """Replayed UDP goes to port 53: 20 seconds there, the default for the pings."""
    replay = Replay(build, tmp_path, EACH)
    text = replay.file.read_text()
    own = "  timeouts: {per-port: [{protocol: udp, port: 53, idle: 20s}]}\n"
    replay.file.write_text(text.replace("flows:\n", f"flows:\n{own}"))
    try:
        replay.start()
        wait_until("the packets", lambda: replay.get("/v1/status")[1]["packets"]["rx"] == 2 * EACH + 3, 10)
        udp = replay.get("/v1/flows?protocol=udp")[1]["flows"]
        assert len(udp) > 10 and all(f["expires_s"] + f["idle_s"] == 20 for f in udp)
        pings = replay.get("/v1/flows?protocol=icmp")[1]["flows"]
        assert pings and all(f["expires_s"] + f["idle_s"] == 60 for f in pings)
    finally:
        replay.end()


@pytest.mark.parametrize("limits, reason", [
    (f"{{flows: {FLOWS}}}", "site_flows"),
    (f"{{new-flows-per-second: {FLOWS}}}", "site_rate"),
])
def test_madrid_is_held_and_berlin_is_not(build, tmp_path, limits, reason):
    replay = limited(build, tmp_path, limits)
    try:
        berlin, madrid = replay.get("/v1/sites")[1]["sites"]
        assert (berlin["flows"], berlin["refused"]) == (EACH + 1, 0)
        assert FLOWS <= madrid["flows"] < EACH  # a slow replay earns a token or two
        assert madrid["flows"] + madrid["refused"] == EACH + 1
        counts = replay.get("/v1/drops")[1]
        drops = {d["reason"]: d["packets"] for d in counts["drops"]}
        told = {a["name"]: a["packets"] for a in counts["answers"]}["limited"]  # by ICMP, at first
        assert 0 < told < madrid["refused"]
        assert drops[reason] + told == madrid["refused"]
        assert replay.get("/v1/status")[1]["accounted"]
        table = replay.homeward("sites").stdout.splitlines()
        assert table[2].split()[-1] == str(madrid["refused"])
        assert reason in replay.homeward("drops").stdout
    finally:
        replay.end()


def test_connect_ends_at_once(bed):
    """Linux accepts ICMP host unreachable about a SYN: connect() fails at once, without a timeout."""
    usual = configuration(bed.topology, bed.daemon.socket)
    bed.daemon.stop()
    bed.daemon.configure(usual.replace("  - name: berlin\n",
                                       "  - name: berlin\n    limits: {flows: 1}\n"))
    bed.daemon.start()
    first = udp_socket(bed.berlin, 26000)
    text = token(bed.berlin)
    assert echo_udp(first, text)[0] == text
    with pytest.raises(OSError) as refused:
        tcp_socket(bed.berlin, 26001)
    assert refused.value.errno == errno.EHOSTUNREACH
    s = tcp_socket(bed.madrid, 26001)
    text = token(bed.madrid)
    assert echo_tcp(s, text)[0] == text
    assert bed.daemon.answered()["limited"] == 1
    s.close()
    first.close()
