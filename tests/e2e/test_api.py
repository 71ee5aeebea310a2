"""The API of a daemon that replays a capture file: true descriptions, pages, clients of all kinds."""
import json
import subprocess
import threading

import pytest

from bed.netns import wait_until
from bed.replay import PAYLOAD, Replay

EACH = 150  # UDP flows of each of the two sites; and a ping each
ALL = 2 * EACH + 2


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def replay(request, build, tmp_path_factory):
    r = Replay(build, tmp_path_factory.mktemp("api"), EACH, request.param)
    long = "flows:\n  timeouts: {dns: 1h, icmp: 1h}\n"  # they live as long as the tests last
    r.file.write_text(r.file.read_text().replace("flows:\n", long))
    r.start()
    wait_until("the flows", lambda: r.get("/v1/status")[1]["flows"]["now"] == ALL, 10)
    yield r
    r.end()


def check(schema, value, where):
    """@value is as @schema promises: types, all that is required, nothing that is not described."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer",
             float: "number", type(None): "null"}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    name = names[type(value)]
    assert name in types or (name == "integer" and "number" in types), (where, value)
    if name == "object" and "properties" in schema:
        assert set(schema["required"]) <= set(value) <= set(schema["properties"]), where
        for key, item in value.items():
            check(schema["properties"][key], item, f"{where}.{key}")
    for item in value if name == "array" else []:
        check(schema["items"], item, f"{where}[]")


def test_openapi_is_true(replay):
    _, openapi = replay.get("/v1/openapi.json")
    assert len(openapi["paths"]) == 20
    for path, route in openapi["paths"].items():
        if "get" not in route:
            continue  # test_config.py
        status, answer = replay.get(path)
        assert status == 200
        content = route["get"]["responses"]["200"]["content"]
        check(content["application/json"]["schema"], answer, path)


def pages(replay, query):
    flows, cursor = [], ""
    while cursor is not None:
        status, page = replay.get(f"/v1/flows?{query}{cursor}")
        assert status == 200
        flows += page["flows"]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    return flows


@pytest.mark.parametrize("limit", [1000, 100, 7])
def test_pages(replay, limit):
    flows = pages(replay, f"limit={limit}")
    assert len(flows) == ALL
    assert len({(f["site"], f["protocol"], f["source_port"]) for f in flows}) == ALL


@pytest.mark.parametrize("query, n", [
    ("site=berlin", EACH + 1),
    ("tunnel=madrid-gre", EACH + 1),
    ("site=berlin&tunnel=madrid-gre", 0),
    ("address=10.0.1.10", ALL),
    ("address=10.0.0.0/16", ALL),
    ("address=203.0.113.10", ALL),
    ("address=198.51.100.0/24", ALL),
    ("address=10.0.2.0/24", 0),
    ("port=53", 2 * EACH),
    ("protocol=icmp", 2),
    ("protocol=1", 2),
    ("protocol=tcp", 0),
    ("protocol=udp&port=10003&site=madrid", 1),
])
def test_filters(replay, query, n):
    assert len(pages(replay, f"limit=1000&{query}")) == n


def test_egress_filter(replay):
    """Which host had this port? An abuse desk asks this."""
    known = replay.get("/v1/flows?site=madrid&limit=1")[1]["flows"][0]
    found = pages(replay, f"address={known['egress']}&port={known['egress_port']}")
    assert known["source_port"] in [f["source_port"] for f in found]


def test_flow(replay):
    flow, = pages(replay, "site=berlin&port=10000")
    assert flow["egress"] == "203.0.113.10"
    assert flow["egress_port"] // 2048 in (1, 2, 5, 6, 7)
    del flow["egress_port"], flow["idle_s"], flow["expires_s"]
    assert flow == {
        "site": "berlin", "tunnel": "berlin-gre", "protocol": "udp", "source": "10.0.1.10",
        "source_port": 10000, "destination": "198.51.100.80", "destination_port": 53,
        "egress": "203.0.113.10", "state": "udp", "packets_out": 1, "packets_in": 0,
        "bytes_out": 28 + PAYLOAD, "bytes_in": 0}


def test_numbers_agree(replay):
    status, drops = replay.get("/v1/status")[1], replay.get("/v1/drops")[1]
    sites, egress = replay.get("/v1/sites")[1]["sites"], replay.get("/v1/egress")[1]["pools"]
    assert status["accounted"]
    assert status["packets"] == {"rx": ALL + 1, "tx": ALL, "held": 0, "drops": 1}
    assert [d["packets"] for d in drops["drops"] if d["reason"] == "gre_unknown"] == [1]
    assert [(s["name"], s["rx_packets"]) for s in sites] == [
        ("berlin", EACH + 1), ("madrid", EACH + 1)]
    assert [(s["flows"], s["half_open"], s["refused"]) for s in sites] == [(EACH + 1, 0, 0)] * 2
    assert sites[0]["limits"] == {"flows": 32768, "new_flows_per_second": 200000,
                                  "half_open": 8192, "flows_per_source": 16384,
                                  "half_open_per_source": 4096}
    assert sum(s["flows"] for p in egress for a in p["addresses"] for s in a["slices"]) == ALL


@pytest.mark.parametrize("path, status", [
    ("/v1/flow", 404), ("/v1/flows?site=berli", 404), ("/v1/flows?x=1", 400),
    ("/v1/flows?limit=0", 400), ("/v1/status?x", 400), ("/v1/flows?cursor=9.9", 400),
])
def test_refusals(replay, path, status):
    got, answer = replay.get(path)
    assert got == status and list(answer) == ["error"]


def test_only_get(replay):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert replay.get("/v1/status", method)[0] == 405


def test_a_cursor_from_anywhere_is_harmless(replay):
    for record in (1, ALL, 65535, 65536, 65537, 4294967295):
        assert replay.get(f"/v1/flows?cursor=0.{record}")[0] == 200


def test_lines(replay):
    """Real curl gets all flows, one a line; filters are the same as of pages."""
    def lines(query):
        done = subprocess.run(["curl", "-sSi", "--unix-socket", replay.socket,
                               f"http://x/v1/flows?format=ndjson{query}"], stdout=subprocess.PIPE,
                              check=True, timeout=20)
        head, body = done.stdout.decode().split("\r\n\r\n", 1)
        assert "HTTP/1.1 200" in head and "Content-Type: application/x-ndjson" in head
        return [json.loads(line) for line in body.splitlines()]

    def key(flow):
        return flow["site"], flow["protocol"], flow["source_port"]

    every = lines("")
    assert len(every) == ALL
    assert sorted(map(key, every)) == sorted(map(key, pages(replay, "limit=100")))
    assert set(every[0]) == set(pages(replay, "limit=1&site=berlin")[0])
    assert len(lines("&site=berlin&protocol=udp")) == EACH
    assert lines("&port=1") == []
    assert replay.get("/v1/flows?format=ndjson&limit=5")[0] == 400
    assert replay.get("/v1/flows?format=xml")[0] == 400


def test_curl_asks_before_it_sends(replay):
    """curl waits for a second before a large body, unless it is told to go on."""
    done = subprocess.run(["curl", "-sSv", "--unix-socket", replay.socket, "-H", "Expect: 100-continue",
                           "--data-binary", f"@{replay.file}", "http://x/v1/config/check"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, timeout=20)
    assert b"< HTTP/1.1 100 Continue" in done.stderr and b"< HTTP/1.1 200 OK" in done.stderr
    assert json.loads(done.stdout)["sites"] == 2


@pytest.mark.parametrize("path, field, names", [
    ("/v1/sites", "sites", ["berlin", "madrid"]),
    ("/v1/tunnels", "tunnels", ["berlin-gre", "madrid-gre"]),
    ("/v1/egress", "pools", ["internet"]),
    ("/v1/config/history", "revisions", None),
])
def test_pages_of_lists(replay, path, field, names):
    """Every list has pages, and the pages of one item each have what the list has."""
    _, whole = replay.get(path)
    assert whole["next_cursor"] is None
    found, cursor = [], ""
    while cursor is not None:
        status, page = replay.get(f"{path}?limit=1{cursor}")
        assert status == 200 and len(page[field]) <= 1
        found += page[field]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert found == whole[field]
    assert names is None or [item["name"] for item in found] == names
    assert replay.get(f"{path}?cursor=x")[0] == 400


def test_many_clients_at_once(replay):
    """Listings of one worker take turns, none is refused."""
    seen = []

    def client():
        seen.append(len(pages(replay, "limit=50")))

    clients = [threading.Thread(target=client) for _ in range(12)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    assert seen == [ALL] * 12


def test_rude_clients(replay):
    """Clients that leave early, send nonsense or send nothing do not disturb others."""
    silent = replay.connect()
    for _ in range(100):
        s = replay.connect()
        s.sendall(b"GET /v1/flows?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        s.close()
    for text in (b"\0\xff\x16\x03" * 500, b"GET " + b"/" * 100000, b"GET / HTTP/9.9\r\n\r\n",
                 b"POST /v1/status HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"):
        s = replay.connect()
        try:
            s.sendall(text)
            s.settimeout(1)
            s.recv(1000)
        except OSError:
            pass
        s.close()
    assert replay.get("/v1/status")[0] == 200
    assert len(pages(replay, "limit=1000")) == ALL
    silent.close()
