"""The programs the stand borrows from the machine, and how it runs them."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from core import cancel
from core.errors import InstallFailed, MissingTool
from core.report import tail


@dataclass(frozen=True)
class Tool:
    name: str
    version_command: tuple
    version_pattern: str
    oldest: tuple
    install_hint: str


JAVA = Tool("java", ("java", "-version"), r'version "(\d+)', (17,), "a Java 17 runtime")
MAVEN = Tool("mvn", ("mvn", "--version"), r"Apache Maven (\d+)\.(\d+)", (3, 6), "Maven 3.6 and a JDK")
GO = Tool("go", ("go", "version"), r"go(\d+)\.(\d+)", (1, 24), "Go 1.24")
NODE = Tool("node", ("node", "--version"), r"v(\d+)", (20,), "Node.js 20")
NPM = Tool("npm", ("npm", "--version"), r"(\d+)", (9,), "npm 9")
OPENSSL = Tool("openssl", ("openssl", "version"), r"OpenSSL (\d+)\.(\d+)", (3, 0), "OpenSSL 3.0's command line")
PIP = Tool("pip", (sys.executable, "-m", "pip", "--version"), r"pip (\d+)", (21,), "pip 21 for this Python")


def require(tools_by_part: dict) -> None:
    """Fail once with every missing tool, not one at a time."""
    parts_by_tool: dict = {}
    for part, tools in tools_by_part.items():
        for tool in tools:
            parts_by_tool.setdefault(tool, []).append(part)
    missing = []
    for tool, parts in parts_by_tool.items():
        problem = _problem(tool)
        if problem:
            missing.append(f"{tool.name}: {problem}; needed: {tool.install_hint} or newer, for {', '.join(parts)}")
    if missing:
        raise MissingTool("missing tools:\n" + "\n".join(f"  {line}" for line in missing))


def run(argv, log: Path, cwd: Path, env: dict | None = None) -> None:
    """Run an installer with its output in `log`; killed when the stand is cancelled."""
    with open(log, "ab") as out:
        child = subprocess.Popen(
            [str(a) for a in argv],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        while child.poll() is None:
            cancel.pause(0.1)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
    if child.returncode != 0:
        raise InstallFailed(f"`{argv[0]}` ended with {child.returncode}; the end of {log}:\n{tail(log)}")


def _problem(tool: Tool) -> str | None:
    try:
        answer = subprocess.run(tool.version_command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return "not found"
    found = re.search(tool.version_pattern, answer.stdout + answer.stderr)
    if answer.returncode != 0 or not found:
        return "does not answer its version"
    if tuple(map(int, found.groups())) < tool.oldest:
        return f"too old ({found.group(0)})"
    return None
