"""A Dockerfile as instructions, and its ignore file as a question. Only what ours uses is understood; the rest is an error."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    base: str
    name: str | None
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [text for found, text in self.instructions if found == word]


@dataclass(frozen=True)
class Copy:
    stage: str | None
    mode: int | None
    source: str
    target: str


def stages(path: Path) -> list[Stage]:
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.M).replace("\\\n", " ")
    found: list[Stage] = []
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base.strip(), name.strip() or None))
        elif word:
            found[-1].instructions.append((word, " ".join(rest.split())))
    return found


def copies(stage: Stage) -> list[Copy]:
    found = []
    for text in stage.all("COPY"):
        words = shlex.split(text)
        flags = dict(w.removeprefix("--").split("=", 1) for w in words if w.startswith("--"))
        paths = [w for w in words if not w.startswith("--")]
        if len(paths) != 2 or set(flags) - {"from", "chmod"}:
            raise ValueError(f"COPY {text}: not understood here")
        found.append(Copy(flags.get("from"), int(flags["chmod"], 8) if "chmod" in flags else None, *paths))
    return found


class Ignore:
    """`*`, then folders and files let in again by `!`, then patterns `**/name`: the last that fits decides."""

    def __init__(self, path: Path):
        self.rules = [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
        if self.rules[0] != "*":
            raise ValueError("the ignore file must leave everything out first")

    def admits(self, path: str) -> bool:
        admitted = True
        for rule in self.rules:
            pattern = rule.removeprefix("!")
            if pattern == "*" or (pattern.startswith("**/") and pattern[3:] in path.split("/")) or path == pattern \
                    or path.startswith(pattern + "/"):
                admitted = rule.startswith("!")
        return admitted
