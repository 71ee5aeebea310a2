"""A bad sample for every rule, and a good one that looks like it. A row is one sample."""
from tree import Tree

HEAD = "/* What this is and why it is so. */\n"


def function(*lines, name="f"):
    return HEAD + f"int {name}(void)\n{{\n" + "".join(f"{line}\n" for line in lines) + "}\n"


def house(path, name):
    """A file that includes another, under a page that draws four rows."""
    page = "## The house\n\n    main     starts\n    in/ out/ setup/  stages\n    flow/   table\n    base/\n\n"
    return {"docs/architecture.md": page, f"src/{path}": f'#include "{name}"\n', f"src/{name}": ""}


DEEP = ("\tfor (;;)", "\t\tif (x)", "\t\t\tif (y)", "\t\t\t\tif (z)", "\t\t\t\t\treturn 1;")
LONG_CALL = ("\tif (x)", "\t\tcall(a,", "\t\t\t\tb);")

# rule, files, commit titles, is it bad, why
ROWS = [
    ("white-space", {"a.md": "blank \n"}, (), True, "blank at the end"),
    ("white-space", {"a.md": "no end"}, (), True, "no new-line at the end"),
    ("white-space", {"a.md": "fine\n"}, (), False, "clean"),
    ("shell", {"x": "#!/bin/bash\nif true\n"}, (), True, "no fi"),
    ("shell", {"x": "#!/bin/sh\nif true; then :; fi\n"}, (), False, "a whole if"),
    ("python", {"x.py": "def f(:\n"}, (), True, "does not compile"),
    ("python", {"x": "#!/usr/bin/env python3\n"}, (), True, "another Python"),
    ("python", {"x": "#!/usr/bin/python3\nprint()\n"}, (), False, "Debian's Python"),
    ("titles", {}, ("Fix things",), True, "no topic"),
    ("titles", {}, ("flow: Fix things",), True, "capital"),
    ("titles", {}, ("flow: " + "x" * 70,), True, "too long"),
    ("titles", {}, ("flow: fix things",), False, "as it should be"),
    ("titles", {}, ("flow: TCP closes on both sides",), False, "an acronym is no capital"),
    ("titles", {}, ("control/api: list flows by site",), False, "topic with a folder"),
    ("format", {"src/a.c": "int  a;\n"}, (), True, "two blanks"),
    ("format", {"src/a.c": "int a;\n"}, (), False, "one blank"),
    ("named-tests", {"docs/a.md": "`packet/a_test.c:works`\n"}, (), True, "no such file"),
    ("named-tests", {"docs/a.md": "`packet/a_test.c:works`\n", "tests/packet/a_test.c": "work"}, (),
     True, "no such test"),
    ("named-tests", {"docs/a.md": "`packet/a_test.c:works`\n", "tests/packet/a_test.c": "works"}, (),
     False, "it is there"),
    ("file-size", {"src/a.c": "\n" * 601}, (), True, "601 lines"),
    ("file-size", {"src/a.c": "\n" * 400}, (), False, "400 lines"),
    ("columns", {"src/a.c": "/* " + "x" * 95 + " */\n"}, (), True, "101 columns"),
    ("columns", {"cli/a.h": "\t" * 12 + "x" * 5 + "\n"}, (), True, "tabs of eight"),
    ("columns", {"src/a.c": "/* " + "x" * 94 + " */\n"}, (), False, "100 columns"),
    ("columns", {"docs/a.md": "x" * 120 + "\n"}, (), False, "no C"),
    ("function-size", {"src/a.c": function(*["\tx();"] * 81)}, (), True, "81 lines"),
    ("function-size", {"src/a.c": function(*["\tx();"] * 80)}, (), False, "80 lines"),
    ("nesting", {"src/a.c": function(*DEEP)}, (), True, "four levels without a brace"),
    ("nesting", {"src/a.c": function("\tfor (;;) {", "\t\tif (x) {", "\t\t\twhile (y) {",
                                     "\t\t\t\tdo {", "\t\t\t\t\tz();")}, (), True,
     "four levels with braces"),
    ("nesting", {"src/a.c": function(*DEEP[:3], "\t\t\t\treturn 1;")}, (), False, "three levels"),
    ("nesting", {"src/a.c": function(*LONG_CALL)}, (), False, "a long call is no level"),
    ("head-comment", {"src/a.c": "int a;\n"}, (), True, "no comment"),
    ("head-comment", {"src/a.c": "/* a.c */\nint a;\n"}, (), True, "says nothing"),
    ("head-comment", {"src/a.c": HEAD}, (), False, "says something"),
    ("pragma-once", {"src/a.h": "int a;\n"}, (), True, "missing"),
    ("pragma-once", {"src/a.h": HEAD + "#pragma once\n"}, (), False, "there"),
    ("packet-path", {"src/flow/a.c": function("\tp = malloc(1);")}, (), True, "allocates"),
    ("packet-path", {"src/out/a.c": function("\tlog_warn(1);")}, (), True, "logs"),
    ("packet-path", {"src/worker/a.c": function("\tpthread_mutex_lock(&m);", name="x_start")}, (),
     True, "locks, even at start"),
    ("packet-path", {"src/flow/a.c": function("\tp = malloc(1);", name="a_create")}, (), False,
     "a constructor allocates"),
    ("packet-path", {"src/control/a.c": function("\tp = malloc(1);")}, (), False, "no packet here"),
    ("packet-path", {"src/flow/a.c": function("\t/* no malloc() here */")}, (), False, "a comment"),
    ("unfinished", {"src/a.c": "/* TODO */\n"}, (), True, "a note to oneself"),
    ("unfinished", {"src/a.c": "#if 0\n#endif\n"}, (), True, "switched off"),
    ("unfinished", {"src/a.c": HEAD}, (), False, "finished"),
    ("typedef", {"src/a.h": "typedef struct a a_t;\n"}, (), True, "hides a struct"),
    ("typedef", {"src/a.h": "typedef int (*a_fn)(void);\n"}, (), False, "a callback"),
    ("downwards", house("flow/a.c", "setup/b.h"), (), True, "up"),
    ("downwards", house("base/a.c", "flow/b.h"), (), True, "up"),
    ("downwards", house("in/a.c", "out/b.h"), (), True, "beside"),
    ("downwards", house("new/a.c", "flow/b.h"), (), True, "a folder that nobody placed"),
    ("downwards", house("flow/a.c", "new/b.h"), (), True, "nor is it below"),
    ("downwards", house("flow/a.c", "main.h"), (), True, "main.c is above all"),
    ("downwards", house("stray.c", "base/b.h"), (), True, "a file in no folder"),
    ("downwards", house("setup/a.c", "flow/b.h"), (), False, "down"),
    ("downwards", house("main.c", "out/b.h"), (), False, "down from the top"),
    ("downwards", house("flow/a.c", "flow/b.h"), (), False, "in the same folder"),
    ("own-declarations", {"src/in/a.h": "int f(int x);\n", "src/out/a.c": function()}, (), True,
     "of another folder"),
    ("own-declarations", {"src/in/a.h": "struct a *f(void);\n", "src/in/a.c": "",
                          "src/in/b.c": function()}, (), True, "of another file"),
    ("own-declarations", {"src/control/api/a.h": "int f(void);\n", "src/control/api/a.c": "",
                          "src/control/api/ab.c": function()}, (), True, "of a longer name"),
    ("own-declarations", {"src/flow/a.h": "int f(void);\n", "src/flow/a.c": "",
                          "src/flow/b.c": function()}, (), True, "in every folder"),
    ("own-declarations", {"cli/a.h": "int f(void);\n", "cli/a.c": "", "cli/b.c": function()}, (),
     True, "in cli"),
    ("own-declarations", {"src/base/a.h": "int f(void);\n", "src/base/a.c": "",
                          "src/base/a_of_some.c": function()}, (), False, "of a part of its own"),
    ("own-declarations", {"src/flow/flow.h": "int f(void);\n", "src/flow/flow.c": "",
                          "src/flow/b.c": function()}, (), False, "of the folder that it is named after"),
    ("own-declarations", {"src/in/a.h": "int f(int x,\n\tint y);\n", "src/in/a.c": function()}, (),
     False, "of its own"),
    ("own-declarations", {"src/in/a.h": "int f(void);\n", "src/in/a6.c": function()}, (), False,
     "the same for IPv6"),
    ("own-declarations", {"src/in/stages.h": "int f(void);\n", "src/in/b.c": function()}, (), False,
     "the stages of its folder"),
    ("own-declarations", {"src/flow/a.h": "int f(void);\n", "src/flow/b.c": function()}, (), False,
     "it has no .c, so it is the folder's"),
    ("own-declarations", {"src/in/a.h": "static inline int f(void)\n{\n\treturn g();\n}\n",
                          "src/out/a.c": function()}, (), False, "its own of that name"),
    ("one-declaration", {"src/in/a.h": "int f(void);\n", "src/out/a.h": "bool f(int x);\n"}, (), True,
     "in two headers"),
    ("one-declaration", {"src/in/a.h": "int f(void);\n", "src/out/a.h": "int g(void);\n"}, (), False,
     "in one"),
    ("own-includes", {"src/flow/a.c": '#include "b.h"\n', "src/flow/b.h": ""}, (), True, "short"),
    ("own-includes", {"src/flow/a.c": '#include "../base/drop.h"\n'}, (), True, "upwards by path"),
    ("own-includes", {"src/flow/a.c": '#include "flow/b.h"\n', "src/flow/b.h": ""}, (), False,
     "from src/"),
    ("cli-alone", {"cli/a.c": '#include "path/a.h"\n', "src/path/a.h": ""}, (), True, "the daemon"),
    ("cli-alone", {"cli/a.c": '#include "base/err.h"\n', "src/base/err.h": ""}, (), False, "base"),
    ("dpdk", {"src/flow/a.c": "#include <rte_mbuf.h>\n"}, (), True, "flow knows no DPDK"),
    ("dpdk", {"cli/a.c": "#include <rte_mbuf.h>\n"}, (), True, "nor does the CLI"),
    ("dpdk", {"src/out/transmit.c": "#include <rte_mbuf.h>\n"}, (), False, "packets leave here"),
    ("has-test", {"src/flow/a.c": HEAD}, (), True, "no test"),
    ("has-test", {"src/flow/a.c": HEAD, "tests/unit/flow/a_test.c": HEAD}, (), False, "a test"),
]
COUNT = len(ROWS)


def run(rules):
    """How many rows went wrong; a rule without a bad row is one more."""
    wrong = 0
    for rule, files, titles, bad, why in ROWS:
        errors = [p for p in rules[rule](Tree(dict(files), titles)) if not p.warning]
        if bool(errors) != bad:
            print(f"selftest: {rule}: {why}: {'found nothing' if bad else errors[0]}")
            wrong += 1
    for rule in set(rules) - {row[0] for row in ROWS if row[3]}:
        print(f"selftest: {rule} has no bad sample")
        wrong += 1
    return wrong
