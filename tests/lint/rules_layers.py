"""Rules between files: who may include whom, who may speak to DPDK, what has to have a test."""
import re

from rules_c import blank, functions
from tree import Problem, numbered

DRAWING = "docs/architecture.md"  # its section "The house" draws the folders, the highest first
CLI_MAY = ("base/", "control/config/", "cli/")
RTE_MAY = re.compile(
    r"^src/(main|path/(packet|reassembled|handover|memif)|in/(receive|assembly|reassemble|steer\w*)|"
    r"out/(fragment|transmit|esp)|control/port\w*)\.[ch]$|"
    r"^src/(control/port|worker)/|^tests/")
TESTED = ("src/flow/", "src/setup/", "src/in/", "src/out/", "src/answer/", "src/tunnel/",
          "src/base/", "src/network/", "src/esp/")
UNTESTED = re.compile(r"\.bpf\.c$|^src/in/receive\.c$|^src/out/transmit\.c$|"
                      r"^src/in/(assembly|reassemble)\.c$|^src/out/fragment\.c$|^src/(in|out)/esp\.c$")
DECLARATION = re.compile(r"^(?!static|typedef|struct \w+ \{|enum|union)\w[\w *]*?\b(\w+)\(", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def includes(text):
    for number, line in numbered(text):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1]


def drawn(tree):
    """{folder: row} as the page draws them; rows count upwards. A row is `in/ out/   what it is`."""
    house = tree.files[DRAWING].split("## The house\n", 1)[1].split("\n## ", 1)[0]
    rows = [re.match(r" {4}((?:\w+/? )*\w+/?)(?: {2,}|$)", line) for line in house.splitlines()]
    rows = [row[1].replace("/", "").split() for row in rows if row]
    return {name: i for i, row in enumerate(reversed(rows)) for name in row}


def folder(path):
    """Of a path written from src/. A file that lies there itself stands alone."""
    return path.split("/")[0] if "/" in path else re.sub(r"\.[ch]$", "", path)


def downwards(tree):
    """Includes go down; folders of one row do not know each other."""
    row = drawn(tree)
    for path, text in tree.select(".c", ".h", under=("src/",)):
        own = folder(path[len("src/"):])
        for number, name in includes(text):
            if f"src/{name}" not in tree.files:
                continue
            other = folder(name)
            if own not in row or other not in row:
                yield Problem(path, number, f"stands in no row of {DRAWING}")
            elif own != other and row[other] >= row[own]:
                where = "above" if row[other] > row[own] else "beside"
                yield Problem(path, number, f"{own} may not include {name}: it lies {where}")


def is_own(tree, header, source):
    """May @header declare what @source defines?

    x.h stands for x.c, x6.c and x_*.c beside it. A header without a .c of its own, or with the name
    of its folder, stands for the folder.
    """
    at, stem = header[:-len(".h")].rsplit("/", 1)
    if at != source.rsplit("/", 1)[0]:
        return False
    if f"{at}/{stem}.c" not in tree.files or stem == at.rsplit("/", 1)[-1]:
        return True
    return re.fullmatch(re.escape(stem) + r"6?(_\w+)?\.c", source.rsplit("/", 1)[1]) is not None


def own_declarations(tree):
    """A header declares what its own .c defines."""
    defined = {}
    for path, text in tree.select(".c", under=("src/", "cli/")):
        if not path.endswith(".bpf.c"):
            for name, _, _ in functions(blank(text)):
                defined.setdefault(name, []).append(path)
    for path, text in tree.select(".h", under=("src/", "cli/")):
        code = blank(text)
        for match in DECLARATION.finditer(code):
            where = defined.get(match[1], [])
            if where and not any(is_own(tree, path, source) for source in where):
                line = code.count("\n", 0, match.start()) + 1
                yield Problem(path, line, f"declares {match[1]}() of {where[0]}")


def one_declaration(tree):
    """A name is declared in one header: the linker takes any definition of two in our libraries."""
    first = {}
    for path, text in tree.select(".h", under=("src/",)):
        code = blank(text)
        for match in DECLARATION.finditer(code):
            before = first.setdefault(match[1], path)
            if before != path:
                line = code.count("\n", 0, match.start()) + 1
                yield Problem(path, line, f"declares {match[1]}(), and {before} does, too")


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
    "own-declarations": own_declarations,
    "one-declaration": one_declaration,
    "own-includes": own_includes,
    "cli-alone": cli_alone,
    "dpdk": dpdk,
    "has-test": has_test,
}
