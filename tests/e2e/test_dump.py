"""All flows in one answer, format=ndjson: slow readers, readers that leave, and flows that end meanwhile.

    a capture file -- homewardd -- API -- readers
"""
import json
import struct
import time

import pytest
from scapy.all import GRE, IP, UDP, Ether, Raw, RawPcapWriter

from bed.netns import wait_until
from bed.replay import Replay

LASTING, SHORT = 4000, 4000  # flows, to two ports; the others end while somebody reads
LASTING_PORT, SHORT_PORT = 4000, 4001
SPORT_AT = 14 + 20 + 8 + 20  # Ethernet, IP, GRE with a key, IP
ASK = b"GET /v1/flows?format=ndjson HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SLOW, STALLED_KIB = 10, 4096


def write_capture(path):
    """First packets of flows of both kinds in turns."""
    way = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:03") / IP(
        src="192.0.2.10", dst="192.0.2.1") / GRE(key_present=1, key=7) / IP(
        src="10.0.1.10", dst="198.51.100.80")
    kinds = [bytes(way / UDP(dport=port, chksum=0) / Raw(b"x")) for port in
             (LASTING_PORT, SHORT_PORT)]
    writer = RawPcapWriter(str(path), linktype=1)
    writer.write_header(None)
    for i in range(LASTING):
        for kind in kinds:
            packet = bytearray(kind)
            struct.pack_into("!H", packet, SPORT_AT, 10000 + i)
            writer.write_packet(bytes(packet))
    writer.close()


@pytest.fixture
def replay(build, tmp_path):
    r = Replay(build, tmp_path)
    write_capture(tmp_path / "in.pcap")
    timeouts = (f"  timeouts: {{udp: 1h, per-port: [{{protocol: udp, port: {SHORT_PORT}, idle: 20s}}]}}\n"
                f"  limits: {{flows: 60000, flows-per-source: 60000}}\n")
    r.file.write_text(r.file.read_text().replace("flows:\n", "flows:\n" + timeouts))
    r.start()
    wait_until("the flows", lambda: r.get("/v1/status")[1]["flows"]["created"] == LASTING + SHORT, 30)
    yield r
    r.end()


def now(replay):
    return replay.get("/v1/status")[1]["flows"]["now"]


def unchunked(data):
    """The body of an answer; it must be complete."""
    head, rest = data.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200") and b"application/x-ndjson" in head
    body = b""
    while True:
        size, rest = rest.split(b"\r\n", 1)
        if int(size, 16) == 0:
            return body
        body += rest[:int(size, 16)]
        rest = rest[int(size, 16) + 2:]


def read_slowly(connection, pause):
    """pause() is called when a tenth is read."""
    data, paused = b"", False
    while part := connection.recv(16384):
        data += part
        if len(data) > 200000 and not paused:
            pause()
            paused = True
    return data


def test_flows_that_end_meanwhile(replay):
    """Each flow that lives throughout is listed once, each of the others at most once."""
    s = replay.connect()
    s.sendall(ASK)
    s.settimeout(60)

    def pause():
        wait_until("the others to end", lambda: now(replay) == LASTING, 60)

    flows = [json.loads(line) for line in unchunked(read_slowly(s, pause)).splitlines()]
    seen = [(f["destination_port"], f["source_port"]) for f in flows]
    assert len(set(seen)) == len(seen)
    assert len([to for to, _ in seen if to == LASTING_PORT]) == LASTING
    assert 0 < len(seen) - LASTING < SHORT


def test_readers_that_do_not_read(replay):
    """They cost bounded memory and delay nobody; those that leave are forgotten."""
    def resident_kib():
        with open(f"/proc/{replay.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * 4

    replay.homeward("flows", "--all", "--json")
    before = resident_kib()
    slow = [replay.connect() for _ in range(SLOW)]
    for s in slow:
        s.sendall(ASK)
    time.sleep(1)
    every = json.loads(replay.homeward("flows", "--all", "--json").stdout)["flows"]
    assert len([f for f in every if f["destination_port"] == LASTING_PORT]) == LASTING
    assert resident_kib() - before < STALLED_KIB
    for s in slow:
        assert s.recv(1000)
        s.close()
    for _ in range(50):
        s = replay.connect()
        s.sendall(ASK)
        s.recv(1000)
        s.close()
    assert len(replay.get("/v1/flows?limit=1000")[1]["flows"]) == 1000
    assert replay.get("/v1/status")[1]["control"]["longest_turn_us"] < 20000
