"""Hosts behind the gateway reach each other by the address and port that the Internet sees.

    berlin 10.0.1.10:P ==GRE==\\
                               gateway 203.0.113.10 ---- internet
    madrid 10.0.1.10:P ==GRE==/

The pool is endpoint-independent, so a host can ask a third party (the echo server) for its outside
address and port, and tell others. Packets from berlin leave by madrid's tunnel here, on purpose: the
branches do not mark their packets, and tokens name the receiver.
"""
import errno
import itertools
import socket
import threading

import pytest

from ask import ECHO, echo_tcp, echo_udp, tcp_socket, token, udp_socket
from bed.daemon import configuration
from bed.netns import wait_until
from bed.topology import EGRESS, HOST, SERVER

OPEN, CLOSED = "endpoint-independent", "address-and-port-dependent"
BIG = 1 << 20
TCP_PORTS = itertools.count(26200)  # the last one is in TIME-WAIT
WAIT_S = 5


def pool(filtering):
    return ("    port: uplink\n",
            f"    port: uplink\n    mapping: endpoint-independent\n    filtering: {filtering}\n")


@pytest.fixture(scope="module")
def quiet_bed(module_bed):
    for branch in module_bed.branches:
        branch.host.run("nft", "delete", "table", "ip", "marks")
    return module_bed


@pytest.fixture(params=[(OPEN, 1), (OPEN, 2), (CLOSED, 1)], scope="module",
                ids=["open", "open-two-workers", "closed"])
def hairpin(request, quiet_bed):
    """The daemon with such a pool. (bed, does the Internet get in?)"""
    filtering, workers = request.param
    daemon = quiet_bed.daemon
    usual = configuration(quiet_bed.topology, daemon.socket)
    egress = usual.index("egress:")
    text = usual[:egress] + usual[egress:].replace(*pool(filtering))
    daemon.stop()
    daemon.configure(text.replace("workers: 1", f"workers: {workers}"))
    daemon.start()
    yield quiet_bed, filtering == OPEN
    quiet_bed.check_laws()


def address(seen):
    host, port = seen.rsplit(":", 1)
    assert host == EGRESS
    return host, int(port)


def udp_endpoint(branch, port):
    """(a socket of the branch's host, how the Internet sees it); it may talk to anybody."""
    s = udp_socket(branch, port)
    text = token(branch)
    answer, seen = echo_udp(s, text)
    assert answer == text
    s.close()
    s = branch.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((HOST, port))
    s.settimeout(WAIT_S)
    return s, address(seen)


def knock(bed, s, place):
    """No program receives it, but from now on @place may answer."""
    before = bed.daemon.drops().get("no_flow", 0)
    s.sendto(b"knock", place)
    wait_until("the knock", lambda: bed.daemon.drops().get("no_flow", 0) > before)


def test_udp(hairpin):
    """Equal addresses and equal ports; each knows the other by its egress port only."""
    bed, is_open = hairpin
    mine, my_place = udp_endpoint(bed.berlin, 26000)
    theirs, their_place = udp_endpoint(bed.madrid, 26000)
    if not is_open:
        knock(bed, theirs, my_place)
    for i in range(20):
        question, answer = token(bed.berlin).encode(), token(bed.madrid).encode()
        mine.sendto(question, their_place)
        assert theirs.recvfrom(2000) == (question, my_place)
        theirs.sendto(answer, my_place)
        assert mine.recvfrom(2000) == (answer, their_place), i
    mine.close()
    theirs.close()


def test_nobody_is_let_in_unasked(hairpin):
    """From the Internet and from the other branch alike."""
    bed, is_open = hairpin
    theirs, their_place = udp_endpoint(bed.madrid, 26100)
    mine, my_place = udp_endpoint(bed.berlin, 26101)
    stranger = bed.internet.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind((SERVER, 999))
    theirs.settimeout(WAIT_S if is_open else 0.5)
    for s, place in (stranger, (SERVER, 999)), (mine, my_place):
        s.sendto(b"unasked", their_place)
        if is_open:
            assert theirs.recvfrom(2000) == (b"unasked", place)
        else:
            with pytest.raises(TimeoutError):
                theirs.recvfrom(2000)
    for s in mine, theirs, stranger:
        s.close()


def receive_all(s, n):
    data = bytearray()
    while len(data) < n:
        part = s.recv(65536)
        assert part, f"only {len(data)} of {n} bytes"
        data += part
    return bytes(data)


def serve(listener, received):
    """One connection: takes BIG bytes and sends them back, the last first."""
    s, peer = listener.accept()
    with s:
        data = receive_all(s, BIG)
        received.append((peer, data))
        s.sendall(data[::-1])


def test_tcp_service(hairpin):
    """A connection from one branch to a server in the other, and a megabyte each way."""
    bed, is_open = hairpin
    if not is_open:
        pytest.skip("a TCP server is called, it does not call")
    port = next(TCP_PORTS)
    keep = bed.madrid.host.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener = bed.madrid.host.socket(socket.AF_INET, socket.SOCK_STREAM)
    for s in keep, listener:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind((HOST, port))
    keep.connect((SERVER, ECHO))
    place = address(echo_tcp(keep, token(bed.madrid))[1])
    listener.listen()
    received = []
    server = threading.Thread(target=serve, args=(listener, received), daemon=True)
    server.start()
    data = bytes(i * i % 251 for i in range(BIG))
    client = tcp_socket(bed.berlin, port, to=place)
    client.settimeout(30)
    client.sendall(data)
    assert receive_all(client, BIG) == data[::-1]
    server.join(WAIT_S)
    (peer, got), = received
    assert got == data
    assert peer[0] == EGRESS and peer[1] != place[1]
    states = {f["state"] for f in bed.daemon.flows("--port", str(place[1]))}
    assert states == {"established", "fin-sent", "fin-received"}  # the server has closed its end
    for s in client, keep, listener:
        s.close()


def test_icmp_error_comes_back(hairpin):
    """The port is closed: the sender gets an ICMP error from the egress address."""
    bed, is_open = hairpin
    theirs, their_place = udp_endpoint(bed.madrid, 26300)
    mine, my_place = udp_endpoint(bed.berlin, 26301)
    if not is_open:
        knock(bed, theirs, my_place)
    theirs.close()
    mine.connect(their_place)
    mine.send(b"anybody there?")
    with pytest.raises(OSError) as refused:
        mine.recv(2000)
    assert refused.value.errno == errno.ECONNREFUSED
    mine.close()


def test_ping_of_an_egress_address(hairpin):
    bed, _ = hairpin
    out = bed.berlin.host.run("ping", "-n", "-c", 3, "-i", "0.1", "-W", 2, EGRESS).stdout
    assert "3 received" in out


def test_it_is_counted(hairpin):
    bed, _ = hairpin
    workers = bed.daemon.ask("status")["workers"]
    assert sum(w["hairpinned"] for w in workers) > 40
