"""Rules between files: who may include whom, who may speak to DPDK, what has to have a test."""
import re

from tree import Problem, numbered

# Lower numbers first. A file's own row goes before its folder's: the flow table knows no packets,
# the stages in the same folder do.
LAYERS = {
    "base": 0,
    "drop": 1,
    "tunnel": 2,  # protocols: pure functions on bytes
    "network": 3,
    "flow": 3,
    "packet": 4,
    "counters": 4,
    "context": 5,
    "errors": 5,
    "sources": 5,
    "reassembled": 5,
    "nexthop": 5,
    "wanted": 5,
    "flow/forward": 6,
    "flow/stages": 6,
    "handover": 6,
    "in": 6,
    "setup": 6,
    "out": 6,
    "trace": 6,
    "pipeline": 7,
    "worker": 8,
    "query": 8,
    "census": 8,
    "control": 9,
    "main": 10,
}
# One thing in two files; what leaves for another worker, and where setup/ says it belongs.
PAIRS = ({"worker", "query"}, {"worker", "census"}, {"errors", "context"}, {"sources", "context"}, {"nexthop", "context"}, {"wanted", "context"}, {"nexthop", "wanted"}, {"handover", "in"}, {"handover", "out"}, {"handover", "setup"})
CLI_MAY = ("base/", "control/config/", "cli/", "drop.h")
RTE_MAY = re.compile(
    r"^src/(packet|reassembled|handover|pipeline|worker\w*|main)\.[ch]$|"
    r"^src/(in/(receive|assembly|reassemble|steer\w*)|out/(fragment|transmit)|control/port\w*|network/adjacency\w*)\.[ch]$|"
    r"^src/(control/port|worker)/|^tests/")
TESTED = ("src/flow/", "src/setup/", "src/in/", "src/out/", "src/tunnel/", "src/base/",
          "src/network/")
UNTESTED = re.compile(r"\.bpf\.c$|^src/in/receive\.c$|^src/out/transmit\.c$|"
                      r"^src/in/(assembly|reassemble)\.c$|^src/out/fragment\.c$")
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def includes(text):
    for number, line in numbered(text):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1]


def layer(path):
    """(layer, part) of a path written from src/; None if it is not ours."""
    stem = re.sub(r"\.[ch]$", "", path)
    part = path.split("/")[0] if "/" in path else re.sub(r"_\w+$", "", stem)
    if part not in LAYERS:
        return None
    return (LAYERS[stem if stem in LAYERS else part], part)


def downwards(tree):
    """Includes go down; parts of one layer do not know each other."""
    for path, text in tree.select(".c", ".h", under=("src/",)):
        own = layer(path[len("src/"):])
        for number, name in includes(text):
            if f"src/{name}" not in tree.files:
                continue
            other = layer(name)
            if own is None or other is None:
                yield Problem(path, number, "belongs to no layer: see tests/lint/rules_layers.py")
            elif other[0] > own[0]:
                yield Problem(path, number, f"{own[1]} may not include {name}: it lies above")
            elif other[0] == own[0] and other[1] != own[1] and {own[1], other[1]} not in PAIRS:
                yield Problem(path, number, f"{own[1]} may not include {name}: it lies beside")


def own_includes(tree):
    """Our headers are written from src/, in quotes."""
    for path, text in tree.select(".c", ".h", under=("src/",)):
        folder = path.rsplit("/", 1)[0]
        for number, line in numbered(text):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if match and f"src/{match[1]}" not in tree.files and (
                    f"{folder}/{match[1]}" in tree.files or ".." in match[1]):
                yield Problem(path, number, f'"{match[1]}" is not written from src/')


def cli_alone(tree):
    for path, text in tree.select(".c", ".h", under=("cli/",)):
        for number, name in includes(text):
            if f"src/{name}" in tree.files and not name.startswith(CLI_MAY):
                yield Problem(path, number, f"the CLI talks to the API only, not to {name}")


def dpdk(tree):
    """rte_ only where packets enter, leave and wait."""
    for path, text in tree.select(".c", ".h", under=("src/", "cli/")):
        for number, name in includes(text):
            if name.startswith("rte_") and not RTE_MAY.match(path):
                if path.startswith("src/network/") and name.startswith("rte_rib"):
                    continue
                yield Problem(path, number, f"{name}: DPDK has no business here")


def has_test(tree):
    for path, _ in tree.select(".c", under=TESTED):
        test = "tests/unit/" + path[len("src/"):-len(".c")] + "_test.c"
        if test not in tree.files and not UNTESTED.search(path):
            yield Problem(path, 1, f"has no unit test {test}")


RULES = {
    "downwards": downwards,
    "own-includes": own_includes,
    "cli-alone": cli_alone,
    "dpdk": dpdk,
    "has-test": has_test,
}
