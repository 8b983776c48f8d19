#!/usr/bin/env python3
"""Checks of what `tidegate alerts render` writes, by Prometheus' and Alertmanager's own tools.

    alerts.py rules --binary TIDEGATE         promtool: the rules are good; each alert fires when it should and keeps quiet when not
    alerts.py routes --binary TIDEGATE        amtool: the routes are good; each team is told by its own receiver
    alerts.py dashboards --binary TIDEGATE    every expression of infra/grafana parses, every metric and label of it exists

Exit codes: 1 something is wrong, 3 a tool is missing, 5 a tool did not install.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stand"))

from core import stand
from core.cache import Cache
from core.errors import StandError
from core.report import say
from parts.monitoring import Monitoring

CONTRACTS = Path(__file__).with_name("contracts")


class Tools:
    """promtool, amtool and the executable under test."""

    def __init__(self, binary: Path, scratch: Path):
        part = Monitoring()
        stand.install(Cache.from_environment(), [part])
        self.home, self.binary, self.scratch = part.home, binary, scratch

    def render(self, *options, contracts=CONTRACTS) -> dict:
        """The rules and routes of the contracts, or of none."""
        named = [str(contracts)] if contracts else []
        argv = [self.binary, "alerts", "render", *named, "--output", "json", "--kubernetes", *options]
        return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)

    def ask(self, program: str, *arguments) -> list[str]:
        """What the program complains about."""
        argv = [self.home / program, *arguments]
        answer = subprocess.run(argv, cwd=self.scratch, capture_output=True, text=True, check=False)
        return [] if answer.returncode == 0 else [f"{program} {' '.join(map(str, arguments))}: {answer.stdout}{answer.stderr}"]


def rules(tools, _options):
    import firing

    return firing.complaints(tools)


def routes(tools, _options):
    import telling

    return telling.complaints(tools)


def dashboards(tools, _options):
    import showing

    return showing.complaints(tools)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function in (rules, routes, dashboards):
        sub = commands.add_parser(function.__name__)
        sub.set_defaults(command=function)
        sub.add_argument("--binary", type=Path, required=True)
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            complaints = options.command(Tools(options.binary.absolute(), Path(scratch)), options)
    except StandError as error:
        say("alerts", str(error))
        return error.exit_code
    for text in complaints:
        print(text)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
