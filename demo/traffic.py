"""Real programs in both branches at once, and whether each got its own answers.

A round runs one program in all branches at the same moment, with the same source port to the same
destination. Each question carries a token of its branch; the check is that each branch gets back
exactly its own tokens.
"""
import concurrent.futures
import dataclasses
import json
import re
import secrets
import subprocess

from bed.servers import IPERF, ZONE
from bed.topology import HOST, SERVER

HTTP_PORT, DNS_PORT, IPERF_PORT, PING_ID = 40000, 40053, 45000, 4242
REQUESTS, PINGS, IPERF_S = 20, 5, 6


@dataclasses.dataclass
class Check:
    """The result of one program in one branch."""

    branch: str
    title: str
    replies: int = 0  # correct replies
    wanted: int = 0
    detail: str = ""
    output: str = ""

    @property
    def ok(self):
        return self.wanted > 0 and self.replies == self.wanted


def together(branches, function):
    """Calls @function(branch) for all branches at once. Returns the results in order."""
    with concurrent.futures.ThreadPoolExecutor(len(branches)) as pool:
        return list(pool.map(function, branches))


def run(branch, *args, seconds=30):
    try:
        r = branch.host.run(*args, check=False, timeout=seconds)
        return r.stdout + r.stderr
    except subprocess.TimeoutExpired:
        return f"{args[0]}: no end after {seconds} s"


def token(branch):
    return f"{branch.name}-{secrets.token_hex(4)}"


def seen_as(ports):
    """For example 203.0.113.10:4711."""
    return "seen as " + ", ".join(sorted(ports)) if ports else "nobody saw it"


def ping(branch):
    pattern = secrets.token_hex(8)
    out = run(branch, "ping", "-n", "-c", PINGS, "-i", "0.2", "-W", 3, "-e", PING_ID, "-p", pattern,
              SERVER)
    # ping itself compares the payload of each reply and says "wrong data byte".
    received = re.search(r"(\d+) received", out)
    good = int(received[1]) if received and "wrong data" not in out else 0
    rtt = re.search(r"= [\d.]+/([\d.]+)/", out)
    return Check(branch.name, f"ping, identifier {PING_ID}", good, PINGS,
                 f"{good}/{PINGS} replies with its own payload" +
                 (f", {float(rtt[1]):.1f} ms" if rtt else ""), out)


def dig(branch):
    names = [f"{token(branch)}.{ZONE}" for _ in range(5)]
    good, out = 0, ""
    for name in names:
        text = run(branch, "dig", "-b", f"{HOST}#{DNS_PORT}", f"@{SERVER}", "+tries=1", "+time=3",
                   "+noall", "+answer", name)
        good += re.fullmatch(rf"{name}\.\s+\d+\s+IN\s+A\s+{SERVER}\s*", text) is not None
        out += text
    return Check(branch.name, f"dig, from port {DNS_PORT}", good, len(names),
                 f"{good}/{len(names)} answers to its own question", out)


def curl(branch, server=SERVER, port=HTTP_PORT):
    own = token(branch)
    out = run(branch, "curl", "-sS", "--fail-early", "--connect-timeout", 5, "--max-time", 10, "--local-port", port,
              f"http://{server}/{own}-[1-{REQUESTS}]")
    lines = re.findall(rf"^{own}-(\d+) (\S+) (\d+)$", out, re.M)
    good = len({n for n, _, _ in lines}) if len(out.splitlines()) == REQUESTS else 0
    return Check(branch.name, f"curl, from port {port}", good, REQUESTS,
                 f"{good}/{REQUESTS} pages with its own token, "
                 f"{seen_as({f'{a}:{p}' for _, a, p in lines})}", out)


def iperf_output(branch, server, port, seconds):
    return run(branch, "iperf3", "-c", server, "--connect-timeout", 5000, "-p", IPERF, "--cport", port, "--bidir", "-t",
               seconds, "-J", seconds=seconds + 20)


def iperf(branch):
    out = iperf_output(branch, SERVER, IPERF_PORT, IPERF_S)
    try:
        end = json.loads(out)["end"]
        up = end["sum_received"]["bits_per_second"] / 1e6
        down = end["sum_received_bidir_reverse"]["bits_per_second"] / 1e6
    except (ValueError, KeyError):
        up = down = 0
    return Check(branch.name, f"iperf3, from port {IPERF_PORT}", (up > 0) + (down > 0), 2,
                 f"{up:.0f} Mbit/s up and {down:.0f} Mbit/s down at once", out)


def traceroute(branch):
    """By UDP. With -I one socket serves all probes. If the kernel sets an error on that socket just
    after traceroute has read it, traceroute never reads the replies that wait behind the error."""
    out = run(branch, "traceroute", "-n", "-N", 1, "-q", 1, "-w", 2, "-m", 5, SERVER)
    hops = re.findall(r"^\s*\d+\s+(\S+)", out, re.M)
    wanted = ["10.0.1.1", branch.inner, SERVER]
    good = sum(h == w for h, w in zip(hops, wanted)) if len(hops) == len(wanted) else 0
    return Check(branch.name, "traceroute", good, len(wanted),
                 f"router {hops[0]}, gateway {hops[1]}, server {hops[2]}" if good == 3 else
                 " ".join(hops), out)
