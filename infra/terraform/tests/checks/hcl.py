"""Reads Terraform's language as far as its shape goes: blocks, their labels, attributes with the text of their value.

Values stay text. What this cannot read is an error, never a guess.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
HEREDOC = re.compile(r"<<(-?)([A-Za-z_][A-Za-z0-9_]*)\n")
OPEN, CLOSE = "([{", ")]}"


class Unreadable(Exception):
    """The text is not what this reader knows; names file and line."""


@dataclass
class Attribute:
    name: str
    value: str
    line: int


@dataclass
class Block:
    kind: str
    labels: list
    line: int
    attributes: dict = field(default_factory=dict)
    blocks: list = field(default_factory=list)

    def children(self, kind: str) -> list:
        return [block for block in self.blocks if block.kind == kind]


def read(path: Path) -> Block:
    """The whole file as a block without a kind."""
    return parse(path.read_text(), str(path))


def read_folder(folder: Path) -> Block:
    """All `.tf` files of a folder, as Terraform reads them: one body."""
    whole = Block("", [], 0)
    for path in sorted(folder.glob("*.tf")):
        part = read(path)
        for block in part.blocks:
            block.file = path.name
        whole.blocks += part.blocks
        whole.attributes.update(part.attributes)
    return whole


def parse(text: str, name: str = "text") -> Block:
    return _Reader(text, name).whole()


def text_of(value: str) -> str | None:
    """The content of a plain quoted string or heredoc; None for anything else, interpolation included."""
    heredoc = HEREDOC.match(value)
    if heredoc:
        lines = value[heredoc.end() :].split("\n")[:-1]
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0) if heredoc.group(1) else 0
        return "\n".join(line[indent:] for line in lines)
    if len(value) < 2 or value[0] != '"' or value[-1] != '"' or re.search(r"(?<!\$)\$\{", value):
        return None
    inner = value[1:-1]
    if re.search(r'(?<!\\)"', inner):
        return None
    return re.sub(r"\\(.)", lambda escape: {"n": "\n", "t": "\t"}.get(escape[1], escape[1]), inner).replace("$${", "${")


class _Reader:
    def __init__(self, text: str, name: str):
        self.text, self.name, self.at = text, name, 0

    def whole(self) -> Block:
        block = Block("", [], 1)
        self._body(block)
        if self.at < len(self.text):
            self._refuse("a closing bracket without an opening one")
        return block

    def _body(self, block: Block) -> None:
        while True:
            self._blank()
            if self.at >= len(self.text) or self.text[self.at] == "}":
                return
            line = self._line()
            name = self._identifier()
            self._spaces()
            if self.text.startswith("=", self.at) and not self.text.startswith("==", self.at):
                self.at += 1
                self._spaces()
                if name in block.attributes:
                    self._refuse(f"{name} is set twice")
                block.attributes[name] = Attribute(name, self._value(), line)
            else:
                block.blocks.append(self._block(name, line))

    def _block(self, kind: str, line: int) -> Block:
        block = Block(kind, [], line)
        while not self.text.startswith("{", self.at):
            if self.text.startswith('"', self.at):
                began = self.at
                self._string()
                block.labels.append(self.text[began + 1 : self.at - 1])
            else:
                block.labels.append(self._identifier())
            self._spaces()
        self.at += 1
        self._body(block)
        if not self.text.startswith("}", self.at):
            self._refuse(f"the block {kind} does not end")
        self.at += 1
        return block

    def _value(self) -> str:
        """To the end of the line, or further while a bracket is open."""
        began, depth = self.at, 0
        while self.at < len(self.text):
            char = self.text[self.at]
            heredoc = HEREDOC.match(self.text, self.at)
            if char == '"':
                self._string()
            elif heredoc:
                end = re.compile(rf"^[ \t]*{heredoc.group(2)}$", re.M).search(self.text, heredoc.end())
                if not end:
                    self._refuse(f"the text {heredoc.group(2)} does not end")
                self.at = end.end()
            elif char == "#" or self.text.startswith(("//", "/*"), self.at):
                if depth == 0:
                    break
                self._comment()
            elif char in OPEN:
                depth, self.at = depth + 1, self.at + 1
            elif char in CLOSE:
                if depth == 0:
                    break
                depth, self.at = depth - 1, self.at + 1
            elif char == "\n" and depth == 0:
                break
            else:
                self.at += 1
        value = self.text[began : self.at].strip()
        if depth or not value:
            self._refuse("a value does not end")
        return value

    def _string(self) -> None:
        """Past a quoted string, with whatever is interpolated into it."""
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\":
                self.at += 2
            elif char == '"':
                self.at += 1
                return
            elif self.text.startswith(("$${", "%%{"), self.at):
                self.at += 3
            elif self.text.startswith(("${", "%{"), self.at):
                self.at += 2
                self._interpolation()
            elif char == "\n":
                break
            else:
                self.at += 1
        self._refuse("a string does not end")

    def _interpolation(self) -> None:
        depth = 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self._string()
                continue
            depth += (char == "{") - (char == "}")
            self.at += 1
            if depth == 0:
                return
        self._refuse("an interpolation does not end")

    def _identifier(self) -> str:
        found = IDENTIFIER.match(self.text, self.at)
        if not found:
            self._refuse(f"a name was expected, not {self.text[self.at:self.at + 20]!r}")
        self.at = found.end()
        return found.group()

    def _blank(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in " \t\r\n":
                self.at += 1
            elif self.text[self.at] == "#" or self.text.startswith(("//", "/*"), self.at):
                self._comment()
            else:
                return

    def _comment(self) -> None:
        ending = "*/" if self.text.startswith("/*", self.at) else "\n"
        end = self.text.find(ending, self.at)
        self.at = len(self.text) if end < 0 else end + (2 if ending == "*/" else 0)

    def _spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def _line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def _refuse(self, why: str):
        raise Unreadable(f"{self.name}:{self._line()}: {why}")
