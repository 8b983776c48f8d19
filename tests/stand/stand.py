#!/usr/bin/env python3
"""The test stand: real Kafka, object stores and a schema registry on this machine.

    stand.py run -- CMD ...     up, run CMD with TIDEGATE_STAND set, always down
    stand.py up / down          the same in two steps, for work by hand

No containers: every server is installed, pinned, from a package registry's own
client. Exit codes: 3 a tool is missing, 4 a part did not start, 5 a part did
not install, 128+n ended by signal n.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import parts
from core import cancel, guard, show, stand
from core.cache import Cache
from core.errors import Interrupted, StandError
from core.latest import Latest
from core.report import say

VARIABLE = "TIDEGATE_STAND"
GRACE_SECONDS = 10


def main(arguments: list[str]) -> int:
    own, passed_on = _split(arguments)
    options = _parser().parse_args(own)
    cancel.listen()
    try:
        return options.command(Cache.from_environment(), options, passed_on) or 0
    except StandError as error:
        cancel.raise_flag()
        say("stand", str(error))
        return error.exit_code


def install(cache, options, _):
    stand.install(cache, options.parts)


def up(cache, options, _):
    stand.install(cache, options.parts)
    folder = stand.make_folder(options.dir)
    latest = Latest(cache)
    if not options.dir:
        latest.add(folder)
    addresses = stand.up(cache, options.parts, folder, options.timeout)
    print(show.as_json(addresses) if options.json else show.as_table(addresses))


def down(cache, options, _):
    folder = options.dir or Latest(cache).folder()
    if not folder:
        say("stand", "nothing to stop")
        return
    stand.down(_all_parts(), folder.absolute())
    Latest(cache).remove(folder.absolute())


def run(cache, options, command):
    if not command:
        raise StandError("no command: stand.py run -- CMD ...")
    stand.install(cache, options.parts)
    folder = stand.make_folder(options.dir)
    with guard.guarded(Path(sys.argv[0]).resolve(), folder):
        stand.up(cache, options.parts, folder, options.timeout)
        try:
            return _run_command(command, folder)
        finally:
            cancel.raise_flag()
            stand.down(_all_parts(), folder)


def env(cache, options, _):
    path = _find(cache, options)
    print(show.as_exports(VARIABLE, path, json.loads(path.read_text())))


def kafka_topics(cache, options, arguments):
    kafka = parts.Kafka()
    kafka.install(cache)
    bootstrap = json.loads(_find(cache, options).read_text())["kafka"]["bootstrap"]
    main_class = "org.apache.kafka.tools.TopicCommand"
    return subprocess.call(kafka.tool(main_class, "--bootstrap-server", bootstrap, *arguments))


def guard_stand(cache, options, _):
    guard.wait_for_end()
    down(cache, options, _)


def _run_command(command: list[str], folder: Path) -> int:
    """The command's exit code; a signal to us is passed on to it first."""
    try:
        child = subprocess.Popen(command, env={**os.environ, VARIABLE: str(folder / stand.ADDRESSES)})
    except OSError as error:
        say("stand", f"{command[0]}: {error.strerror}")
        return 127
    try:
        code = child.wait()
        return code if code >= 0 else 128 - code
    except Interrupted as interrupted:
        child.send_signal(interrupted.number)
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        raise


def _find(cache, options) -> Path:
    """The stand meant: named, else the one we run in, else the latest."""
    named = options.dir and options.dir / stand.ADDRESSES
    inherited = os.environ.get(VARIABLE)
    latest = Latest(cache).folder()
    path = named or (inherited and Path(inherited)) or (latest and latest / stand.ADDRESSES)
    if not path or not path.exists():
        raise StandError("no stand is up; start one with: stand.py up")
    return path.absolute()


def _all_parts() -> list:
    return [part() for part in parts.ALL]


def _chosen(names: str) -> list:
    known = {part.name: part for part in parts.ALL}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"no part {', '.join(unknown)}; there are {', '.join(known)}")
    return [part() for name, part in known.items() if name in names.split(",")]


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What follows `--` belongs to another program and is not parsed here."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, help=None, *, starts=False, dir=True):
        sub = commands.add_parser(name, **({"help": help} if help else {}))
        sub.set_defaults(command=function)
        if dir:
            sub.add_argument("--dir", type=Path, help="the stand's folder")
        if starts:
            everything = ",".join(part.name for part in parts.ALL)
            sub.add_argument("--parts", type=_chosen, default=everything, help=f"default: {everything}")
            sub.add_argument("--timeout", type=float, default=90, help="seconds a part may take to be ready")
        return sub

    command("install", install, "put every part into the cache", starts=True, dir=False)
    command("up", up, "start a stand and leave it running", starts=True).add_argument(
        "--json", action="store_true", help="print stand.json instead of a table")
    command("down", down, "end a stand (the latest without --dir)")
    command("run", run, "up, run the command after --, down", starts=True)
    command("env", env, "print shell exports for a stand")
    command("kafka-topics", kafka_topics, "Kafka's topic tool with what follows --")
    command(guard.COMMAND, guard_stand)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
