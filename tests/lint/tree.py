"""The files that the rules look at, and what a rule says about them."""
import dataclasses
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclasses.dataclass
class Problem:
    path: str
    line: int
    text: str
    warning: bool = False

    def __str__(self):
        kind = "warning: " if self.warning else ""
        return f"{self.path}:{self.line}: {kind}{self.text}"


class Tree:
    """Text files by path, and the titles of the last commits, newest first."""

    def __init__(self, files, titles=()):
        self.files = files
        self.titles = list(titles)

    @classmethod
    def of_repository(cls):
        names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        files = {}
        for name in filter(None, names):
            path = os.path.join(ROOT, name)
            if os.path.isfile(path) and not os.path.islink(path):
                try:
                    with open(path, encoding="utf-8") as f:
                        text = f.read()
                except UnicodeDecodeError:
                    continue  # a binary sample
                if "\0" not in text:
                    files[name] = text
        return cls(files, git("log", "-20", "--no-merges", "--format=%s").splitlines())

    def select(self, *endings, under=("",)):
        """(path, text) of the files that end so and lie in one of the folders."""
        for path, text in sorted(self.files.items()):
            if path.endswith(endings) and path.startswith(tuple(under)):
                yield path, text


def git(*args):
    # Who owns the folder is no concern of a rule that only reads.
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, *args]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def numbered(text):
    return enumerate(text.splitlines(), start=1)
