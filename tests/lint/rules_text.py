"""Rules for any text: white space, scripts, commit titles."""
import os
import re
import subprocess
import tempfile

from tree import Problem, numbered

TITLE = re.compile(r"^[a-z0-9][a-z0-9._/, -]{0,23}: ([^A-Z\s]|[A-Z][A-Z0-9])(.*[^.\s])?$")
TITLE_MAX = 72
NAMED_TEST = re.compile(r"`((?:unit|packet|e2e)/[\w./-]+):(\w+)`")


def white_space(tree):
    """No blanks at the end of a line; a file ends in one new-line."""
    for path, text in tree.select(""):
        if path.endswith((".ok", ".pcap")) or not text:
            continue
        for number, line in numbered(text):
            if line != line.rstrip():
                yield Problem(path, number, "white space at the end of the line")
        if not text.endswith("\n") or text.endswith("\n\n"):
            yield Problem(path, text.count("\n") + 1, "a file ends in one new-line")


def shell_syntax(tree):
    """Every shell script is read by its shell."""
    for path, text in tree.select(""):
        shebang = text.split("\n", 1)[0]
        match = re.match(r"#!\s*(/bin/sh|/bin/bash|/usr/bin/env bash)$", shebang)
        if not match:
            continue
        shell = "sh" if match[1] == "/bin/sh" else "bash"
        r = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True)
        if r.returncode:
            yield Problem(path, 1, r.stderr.strip().splitlines()[0])


def python_syntax(tree):
    """Every Python script compiles, and runs by Debian's Python."""
    for path, text in tree.select(""):
        shebang = text.split("\n", 1)[0]
        if shebang.startswith("#!") and "python" in shebang and shebang != "#!/usr/bin/python3":
            yield Problem(path, 1, "scripts begin with #!/usr/bin/python3")
        if path.endswith(".py") or (shebang.startswith("#!") and "python" in shebang):
            try:
                compile(text, path, "exec")
            except SyntaxError as e:
                yield Problem(path, e.lineno or 1, e.msg)


def commit_titles(tree):
    """`topic: lower-case title`"""
    for title in tree.titles:
        if len(title) > TITLE_MAX:
            yield Problem("commit", 0, f"title longer than {TITLE_MAX}: {title}")
        elif not TITLE.match(title):
            yield Problem("commit", 0, f"not `topic: lower-case title`: {title}")


def c_format(tree):
    """clang-format has nothing to change."""
    files = [p for p, _ in tree.select(".c", ".h", under=("src/", "cli/", "tests/"))]
    with tempfile.TemporaryDirectory() as folder:
        for path in [*files, ".clang-format"]:
            if path in tree.files:
                copy = os.path.join(folder, path)
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                with open(copy, "w", encoding="utf-8") as f:
                    f.write(tree.files[path])
        if not files:
            return
        r = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=folder,
                           capture_output=True, text=True)
    for line in r.stderr.splitlines():
        match = re.match(r"(\S+?):(\d+):\d+: error: (.*)", line)
        if match:
            yield Problem(match[1], int(match[2]), match[3])
    if r.returncode and "error:" not in r.stderr:
        yield Problem(".clang-format", 1, r.stderr.strip() or "clang-format failed")


def named_tests(tree):
    """A test that a page names, as `file:test` under tests/, is there."""
    for path, text in tree.select(".md", under=("docs/",)):
        for number, line in numbered(text):
            for file, name in NAMED_TEST.findall(line):
                if not re.search(rf"\b{name}\b", tree.files.get(f"tests/{file}", "")):
                    yield Problem(path, number, f"there is no {name} in tests/{file}")


RULES = {
    "white-space": white_space,
    "shell": shell_syntax,
    "python": python_syntax,
    "titles": commit_titles,
    "format": c_format,
    "named-tests": named_tests,
}
