"""Rules for a single C file: sizes, head comment, names that the packet path may not call."""
import re

from tree import Problem, numbered

C_FOLDERS = ("src/", "cli/", "tests/")
FILE_FAIL, FILE_WARN = 600, 400
FUNCTION_FAIL = 80
LEVELS_MAX = 3
COLUMNS = 100  # with tabs of eight; clang-format leaves comments and strings alone

PACKET_PATH = ("src/in/", "src/flow/", "src/setup/", "src/out/", "src/answer/", "src/tunnel/",
               "src/path/", "src/worker/", "src/esp/")
FORBIDDEN = re.compile(
    r"\b(printf|fprintf|puts|fputs|perror|syslog|log_\w+|rte_log|pthread_mutex_\w+|"
    r"pthread_rwlock_\w+|pthread_spin_\w+|rte_spinlock_\w+|sleep|time|gettimeofday|"
    r"malloc|calloc|realloc|free|aligned_alloc|posix_memalign|rte_malloc\w*|rte_zmalloc\w*)\s*\(")
ALLOCATES = re.compile(r"alloc|free|memalign")
LOGS = re.compile(r"log_")
# A thing's life, where memory may be taken and given back and a sentence may be logged.
LIFE = re.compile(r"(create|destroy|init|fini|start|stop|open|close|map|unmap)(_\w+)?$")
CONTROL = {"if", "for", "while", "switch"}


def blank(text):
    """@text with comments, strings and preprocessor lines turned to spaces, line by line."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match[0])

    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    text = re.sub(pattern, spaces, text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", spaces, text, flags=re.M)


def functions(text):
    """(name, first line, last line) of each function; @text comes from blank()."""
    lines = text.split("\n")
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{"):
            start = i
        elif line.startswith("}") and start is not None:
            head = start
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].startswith("}"):
                head -= 1
            match = re.search(r"(\w+)\s*\(", "\n".join(lines[head:start]))
            if match:
                yield match[1], start + 1, i + 1
            start = None


def statements(text):
    """(line number, tabs) of each line that begins a statement; @text comes from blank()."""
    fresh, parens, control = True, 0, False
    line, tabs = 1, 0
    for token in re.finditer(r"\n\t*|\w+|[^\w\s]", text):
        t = token[0]
        if t[0] == "\n":
            line, tabs = line + 1, len(t) - 1
            continue
        if fresh and parens == 0 and t not in "{}" and text[token.start() - 1] in "\t\n":
            yield line, tabs
        if t in CONTROL and parens == 0:
            control, fresh = True, False
        elif t == "(":
            parens, fresh = parens + 1, False
        elif t == ")":
            parens -= 1
            fresh = parens == 0 and control
            control = control and parens > 0
        else:
            fresh = parens == 0 and (t in ";{}:" or t in ("else", "do"))


def file_size(tree):
    for path, text in tree.select(".c", ".h", ".py", under=C_FOLDERS + ("demo/",)):
        n = text.count("\n")
        if n > FILE_FAIL:
            yield Problem(path, n, f"{n} lines; a file has at most {FILE_FAIL}")
        elif n > FILE_WARN:
            yield Problem(path, n, f"{n} lines; one idea a file, {FILE_WARN} at most", True)


def columns(tree):
    for path, text in tree.select(".c", ".h", under=("src/", "cli/")):
        for number, line in numbered(text):
            n = len(line.expandtabs(8))
            if n > COLUMNS:
                yield Problem(path, number, f"{n} columns; at most {COLUMNS}")


def function_size(tree):
    for path, text in tree.select(".c", ".h", under=C_FOLDERS):
        for name, first, last in functions(blank(text)):
            n = last - first - 1
            if n > FUNCTION_FAIL:
                yield Problem(path, first, f"{name}() has {n} lines; at most {FUNCTION_FAIL}")


def nesting(tree):
    for path, text in tree.select(".c", ".h", under=C_FOLDERS):
        code = blank(text)
        inside = [(first, last, name) for name, first, last in functions(code)]
        for number, tabs in statements(code):
            for first, last, name in inside:
                levels = tabs - 1  # the first tab is the function's own
                if first < number < last and levels > LEVELS_MAX:
                    yield Problem(path, number, f"{name}() nests {levels} deep; {LEVELS_MAX} at most")


def head_comment(tree):
    """Every .c opens with its idea."""
    for path, text in tree.select(".c", under=C_FOLDERS):
        text = re.sub(r"^(//[^\n]*SPDX[^\n]*|/\*[^\n]*SPDX[^\n]*\*/)\n+", "", text)
        match = re.match(r"/\*(.*?)\*/", text, re.S)
        if not match or len(match[1].split()) < 4:
            yield Problem(path, 1, "opens with a comment that says its idea")


def pragma_once(tree):
    for path, text in tree.select(".h", under=C_FOLDERS):
        if not re.search(r"^#pragma once$", text, re.M):
            yield Problem(path, 1, "#pragma once is missing")


def packet_path(tree):
    """No allocation, lock, log or system clock where packets pass."""
    for path, text in tree.select(".c", ".h", under=PACKET_PATH):
        code = blank(text)
        inside = list(functions(code))
        for number, line in numbered(code):
            where = next((n for n, first, last in inside if first < number < last), None)
            for call in FORBIDDEN.finditer(line):
                life = where and LIFE.search(where)
                if where and not (life and (ALLOCATES.search(call[1]) or LOGS.match(call[1]))):
                    yield Problem(path, number, f"{call[1]}() on the packet path, in {where}()")


def unfinished(tree):
    """No notes to oneself, no code that is switched off."""
    for path, text in tree.select(".c", ".h", under=C_FOLDERS):
        for number, line in numbered(text):
            if re.search(r"\b(TODO|FIXME|XXX)\b|^\s*#\s*if\s+0\b", line):
                yield Problem(path, number, "unfinished or switched off")


def types(tree):
    """`struct x`, no typedef of structs; static is for all that is in no header."""
    for path, text in tree.select(".c", ".h", under=("src/", "cli/")):
        for number, line in numbered(blank(text)):
            if re.match(r"\s*typedef\s+(struct|union|enum)\b", line):
                yield Problem(path, number, "typedef hides what a thing is")


RULES = {
    "file-size": file_size,
    "columns": columns,
    "function-size": function_size,
    "nesting": nesting,
    "head-comment": head_comment,
    "pragma-once": pragma_once,
    "packet-path": packet_path,
    "unfinished": unfinished,
    "typedef": types,
}
