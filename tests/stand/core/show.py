"""A stand's addresses, for a program, a person and a shell."""

import json
import shlex
import sys
from pathlib import Path

from core.stand import ADDRESSES


def as_json(addresses: dict) -> str:
    return json.dumps(addresses, indent=2)


def as_table(addresses: dict) -> str:
    folder = Path(addresses["dir"])
    lines = [f"  {part:<9} {key:<14} {value}" for part, key, value in _values(addresses)]
    return "\n".join([
        f"\nstand in {folder}\n",
        *lines,
        f"\nuse it:  export TIDEGATE_STAND={shlex.quote(str(folder / ADDRESSES))}",
        f"end it:  python3 {sys.argv[0]} down --dir {shlex.quote(str(folder))}",
    ])


def as_exports(variable: str, path: Path, addresses: dict) -> str:
    lines = [f"export {variable}={shlex.quote(str(path))}"]
    for part, key, value in _values(addresses):
        lines.append(f"export {variable}_{part.upper()}_{key.upper()}={shlex.quote(str(value))}")
    return "\n".join(lines)


def _values(addresses: dict):
    for part, values in addresses.items():
        if isinstance(values, dict):
            for key, value in values.items():
                yield part, key, value
