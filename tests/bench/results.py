"""Rows of results, their order, and the goals they are held against."""
import json
import os
import statistics
from dataclasses import dataclass, field

# name, unit, goal, (compare with the goal: value or ratio, at least or at most), what it is. No goal is
# in packets a second: those are the machine's as much as ours.
FIGURES = (
    ("forward_1k", "Mpps", None, None, "packets of open flows, both directions"),
    ("forward_64k", "Mpps", None, None, "64 k flows in random order"),
    ("forward_1m", "Mpps", None, None, "1 M flows in random order"),
    ("forward_10m", "Mpps", None, None, "10 M flows in random order"),
    ("growth_64k", "x", 1.25, ("value", "<="), "cost of a packet, 64 k flows against 1 k"),
    ("growth_1m", "x", 1.5, ("value", "<="), "cost of a packet, 1 M flows against 1 k"),
    ("growth_10m", "x", 2, ("value", "<="), "cost of a packet, 10 M flows against 1 M"),
    ("record_limit", "clocks", 2, ("ratio", "<="), "a packet, against its look-up alone: 1 M flows"),
    ("forward_tunnels_10k", "x", 1.15, ("value", "<="), "cost of a packet, 10,000 tunnels against 64"),
    ("forward_tunnels_60k", "x", 1.5, ("value", "<="), "the same with 60,000 tunnels"),
    ("private_1m", "Mpps", 0.85, ("ratio", ">="), "1 M untranslated flows, against 1 M to the Internet"),
    ("esp_open_64", "Mpps", None, None, "64 bytes out of IPsec tunnels, AES-256-GCM"),
    ("esp_open_512", "Mpps", None, None, "the same, 512 bytes"),
    ("esp_open_1400", "Mpps", 0.6, ("ratio", ">="), "the same, 1,400 bytes"),
    ("esp_seal_64", "Mpps", None, None, "64 bytes into IPsec tunnels"),
    ("esp_seal_512", "Mpps", None, None, "the same, 512 bytes"),
    ("esp_seal_1400", "Mpps", 0.6, ("ratio", ">="), "the same, 1,400 bytes"),
    ("esp_both_64", "Mpps", None, None, "64 bytes, half out of and half into tunnels"),
    ("esp_both_512", "Mpps", None, None, "the same, 512 bytes"),
    ("esp_both_1400", "Mpps", 0.6, ("ratio", ">="), "the same, 1,400 bytes"),
    ("esp_evp_64", "Mpps", 2, ("ratio", ">="), "esp_both_64, against OpenSSL"),
    ("esp_evp_512", "Mpps", None, None, "esp_both_512, against OpenSSL"),
    ("esp_evp_1400", "Mpps", 1, ("ratio", ">="), "esp_both_1400, against OpenSSL; AVX-512: 2"),
    ("esp_10k", "x", 1.5, ("value", "<="), "cost of a packet, 10,000 SAs against two"),
    ("setup_1m", "Mflows/s", 0.33, ("ratio", ">="), "first packets of new flows, until 1 M"),
    ("setup_sites_10k", "Mflows/s", 0.9, ("ratio", ">="), "the same from 10,000 sites"),
    ("setup_routes_100k", "Mflows/s", 0.85, ("ratio", ">="), "the same with 100,000 routes"),
    ("setup_vnet_routes_100k", "Mflows/s", 0.8, ("ratio", ">="), "the same, of a virtual network"),
    ("flow_bytes", "bytes", 80, ("value", "<="), "a flow, index included, table full"),
    ("churn", "us", 1000, ("value", "<="), "longest turn: table full, ageing, new flows"),
    ("exhaust", "us", 1000, ("value", "<="), "longest turn: 99 % of 16 addresses' ports taken"),
    ("exhaust_256", "us", 1000, ("value", "<="), "the same, 256 servers without a port left"),
    ("workers_2", "Mpps", 1.8, ("ratio", ">="), "two workers against one, tunnels in turn"),
    ("workers_2_daemon", "Mpps", 1.8, ("ratio", ">="), "the same, packets spread as by a NIC"),
    ("workers_2_rss", "Mpps", None, None, "the same, returns by RSS, too"),
    ("workers_2_onequeue", "Mpps", 1, ("ratio", ">="), "two workers, ports with one queue"),
    ("veth_testpmd", "Mpps", 0.95, ("ratio", ">="), "AF_XDP on veth, against testpmd macswap"),
    ("memif_1m", "Mpps", 0.4, ("ratio", ">="), "1 M flows by memif from another process"),
    ("vpp", "clocks", 7, ("ratio", ">="), "VPP's nat44-ed and GRE, against ours: 1 M flows"),
    ("veth_kernel", "Mpps", 2, ("ratio", ">="), "1 M flows on veth, against the kernel"),
    ("veth_kernel_64k", "Mpps", None, None, "64 k flows on veth, against the kernel"),
    ("handover", "%", 5, ("value", "<="), "packets of workers_2_daemon that change workers"),
    ("handover_cost", "ns", None, None, "more for a packet that changes workers"),
    ("start_10m", "s", 3, ("value", "<="), "start of a worker for 10 M flows"),
    ("capacity_1m", "flows", 1000000, ("value", ">="), "flows that a table for 1 M holds"),
    ("teardown_1m", "Mflows/s", None, None, "flows ended when all are too old"),
    ("apply_10k", "s", 1, ("value", "<="), "check, diff and apply, a tenth of 10,000 tunnels"),
    ("apply_one", "ms", 50, ("value", "<="), "apply a change of one tunnel"),
    ("apply_lost", "packets", 0, ("value", "<="), "lost of other sites meanwhile"),
    ("apply_pause", "us", 1000, ("value", "<="), "longest turn while the network changes"),
    ("failover_1m", "ms", 1, ("value", "<="), "until returns of 1 M flows take the other tunnel"),
    ("health_10k", "%", 10, ("value", "<="), "of a core, to probe 10,000 tunnels at the mid rate"),
    ("flows_dump_1m", "s", 5, ("value", "<="), "list 1 M flows as JSON"),
    ("tunnels_list_10k", "ms", 100, ("value", "<="), "list 10,000 tunnels"),
    ("sites_list_10k", "ms", 100, ("value", "<="), "list 10,000 sites"),
    ("lists_lost", "packets", 0, ("value", "<="), "lost while 1 M flows are listed"),
    ("lists_turn", "ms", 20, ("value", "<="), "longest turn of the control thread meanwhile"),
    ("instructions_forward", "instructions", 1.05, ("ratio", "<="), "a packet of an open flow"),
    ("instructions_setup", "instructions", 1.05, ("ratio", "<="), "a first packet"),
)


@dataclass
class Row:
    flows: int = 0
    value: float = None
    peer: str = None
    peer_value: float = None
    spread: float = None  # widest minus narrowest of the repeats, part of the median
    note: str = ""
    workers: int = 1  # that share the value


@dataclass
class Results:
    rows: dict = field(default_factory=dict)
    machine: dict = field(default_factory=dict)
    stages: list = field(default_factory=list)

    def set(self, name, **fields):
        assert any(f[0] == name for f in FIGURES), name
        self.rows[name] = Row(**fields)


def clocks(results, name):
    """What a packet, or a flow, takes of one core, in cycles of the time stamp counter; or None."""
    unit = next(f[1] for f in FIGURES if f[0] == name)
    row, mhz = results.rows.get(name), results.machine.get("tsc_mhz")
    if row is None or not row.value:
        return None
    if unit == "clocks":
        return row.value
    if not mhz:
        return None
    return {"Mpps": row.workers * mhz / row.value, "Mflows/s": row.workers * mhz / row.value,
            "ns": row.value * mhz / 1000}.get(unit)


def median(values):
    return statistics.median(values)


def spread(values):
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def ratio(row):
    if row.value is None or not row.peer_value:
        return None
    return row.value / row.peer_value


def short(value):
    """Four figures are more than a noisy machine gives."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) >= 1000:
        return str(int(value))
    return f"{value:.4g}"


def verdict(figure, row):
    """("goal in words", met or None)"""
    goal, how = figure[2], figure[3]
    if how is None:
        return "", None
    what, direction = how
    words = f"{direction} {goal}{' x' if what == 'ratio' else ''}"
    got = ratio(row) if what == "ratio" else row.value
    if got is None:
        return words, None
    return words, got >= goal if direction == ">=" else got <= goal


def print_table(results):
    head = ("figure", "value", "unit", "clocks", "+-", "goal", "", "peer", "its value", "ratio")
    lines = [head]
    for figure in FIGURES:
        row = results.rows.get(figure[0])
        if row is None:
            continue
        words, met = verdict(figure, row)
        mark = {True: "met", False: "MISSED", None: ""}[met]
        wide = "" if row.spread is None else f"{100 * row.spread / 2:.0f} %"
        cost = clocks(results, figure[0])
        lines.append((figure[0], short(row.value), figure[1], "" if cost is None else short(cost),
                      wide, words, mark,
                      row.peer or "", short(row.peer_value) if row.peer else "",
                      short(ratio(row)) if row.peer else ""))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    for name, row in results.rows.items():
        if row.note:
            print(f"{name}: {row.note}")


def print_stages(results):
    if not results.stages:
        return
    names = list(results.stages[-1]["stages"])
    print("\nTSC cycles a packet in each stage")
    print(f"{'flows':18}" + "".join(f"{s['flows']:>10}" for s in results.stages))
    for name in names:
        print(f"{name:18}" + "".join(f"{s['stages'].get(name, 0):10.1f}" for s in results.stages))
    print(f"{'sum':18}" + "".join(f"{sum(s['stages'].values()):10.1f}" for s in results.stages))


def write(results, build, name):
    """The rows in their fixed order, and as the last one the machine."""
    folder = os.path.join(build, "bench")
    os.makedirs(folder, exist_ok=True)
    array = []
    for figure in FIGURES:
        row = results.rows.get(figure[0], Row(note="not measured"))
        array.append({"name": figure[0], "flows": row.flows, "value": row.value,
                      "unit": figure[1], "clocks": clocks(results, figure[0]), "peer": row.peer, "peer_value": row.peer_value,
                      "ratio": ratio(row)})
        if row.note:
            array[-1]["note"] = row.note
    array.append({"name": "machine", **results.machine, "stages": results.stages})
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(array, f, indent=1)
        f.write("\n")
    return path
