"""Instructions a packet: counted by callgrind, which repeats where a clock does not.

`bench-core count` opens flows and forwards packets, the same in each run, and dumps after each part.
Only worker_turn() is counted, everything it calls included.
"""
import glob
import json
import os
import re
import subprocess
import tempfile

BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
PARTS = {1: "setup", 2: "forward"}
SLACK = 1.05
FLOWS = "65536"


def parse(text):
    """{function: instructions} of a callgrind dump: own cost, without what it calls."""
    names, costs = {}, {}
    function, skip = None, False
    for line in text.splitlines():
        match = re.match(r"fn=\((\d+)\)(?: (.*))?$", line)
        if match:
            number, name = match.groups()
            if name:
                names[number] = name
            function = names[number]
        elif line.startswith(("cfn=", "cfni=")):
            number, name = re.match(r"cfni?=\((\d+)\)(?: (.*))?$", line).groups()
            if name:
                names[number] = name
        elif line.startswith("calls="):
            skip = True  # the next line is what the callee cost
        elif re.match(r"[-+*\d]", line):
            if not skip and function:
                costs[function] = costs.get(function, 0) + int(line.split()[1])
            skip = False
    return costs


def count(build):
    """{part: {"total": per packet, "functions": {name: per packet}}}"""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--collect-atstart=no",
             f"--callgrind-out-file={folder}/out",
             f"{build}/tests/bench/bench-core", "count", "--flows", FLOWS],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError("counting failed:\n" + done.stderr)
        packets = json.loads(done.stdout)["packets"]
        found = {}
        for number, part in PARTS.items():
            names = glob.glob(f"{folder}/out.{number}")
            if not names:
                raise RuntimeError("callgrind wrote no dump of " + part)
            with open(names[0], encoding="utf-8") as f:
                costs = parse(f.read())
            found[part] = {
                "total": round(sum(costs.values()) / packets, 1),
                "functions": {name: round(cost / packets, 1)
                              for name, cost in sorted(costs.items(), key=lambda kv: -kv[1])
                              if cost / packets >= 0.5}}
    return found


def compiler():
    """The baseline holds for one compiler only."""
    return subprocess.run(["cc", "--version"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.splitlines()[0]


def read_baseline():
    with open(BASELINE, encoding="utf-8") as f:
        return json.load(f)


def write_baseline(found):
    with open(BASELINE, "w", encoding="utf-8") as f:
        json.dump({"compiler": compiler(), **found}, f, indent=1)
        f.write("\n")


def compare(found, baseline):
    """Sentences about what became too much; none: good."""
    problems = []
    for part in PARTS.values():
        now, then = found[part], baseline[part]
        if now["total"] <= then["total"] * SLACK:
            continue
        problems.append(f"{part}: {now['total']} instructions a packet, baseline {then['total']} "
                        f"(+{100 * (now['total'] / then['total'] - 1):.1f} %)")
        for name, cost in now["functions"].items():
            more = cost - then["functions"].get(name, 0)
            if more >= 1:
                problems.append(f"  {name}: {cost}, {more:+.1f}")
    return problems
