"""Holds azurerm resources and data sources in our files against the provider's recorded schema.

Found are: unknown resources, misspelt or unknown arguments, arguments that only the provider sets, missing ones, blocks written as
arguments and the other way round, too few or too many blocks, literals of another type, references to attributes that there are not.
"""

import difflib
import gzip
import json
import re
from pathlib import Path

from checks import hcl

#: What every resource may have beside its schema.
META = {"for_each", "count", "depends_on", "provider"}
#: The recording dropped descriptions, and with them arguments of that name: whether there is one only the provider itself can tell.
UNTOLD = {"description"}
META_BLOCKS = {"lifecycle", "timeouts", "provisioner", "connection"}
REFERENCE = re.compile(r"(?<![\w.])(data\.)?(azurerm_[a-z0-9_]+)\.([A-Za-z_][\w-]*)((?:\[[^\[\]]*\])?)\.([a-z_][a-z0-9_]*)")
LITERAL = {"bool": re.compile(r"^(true|false)$"), "number": re.compile(r"^-?[0-9.]+$"), "string": re.compile(r'^"[^"$]*"$')}


def load(path: Path) -> dict:
    with gzip.open(path) as packed:
        schemas = json.load(packed)["provider_schemas"]
    (schema,) = schemas.values()
    return {"resource": schema["resource_schemas"], "data": schema["data_source_schemas"]}


def source(path: Path) -> str:
    """The provider's full name, which Terraform's folders of plugins begin with."""
    with gzip.open(path) as packed:
        return next(iter(json.load(packed)["provider_schemas"]))


def problems(folder: Path, schema: dict) -> list:
    """Of all `.tf` files in the folder; empty when everything fits."""
    found = []
    for path in sorted(folder.glob("*.tf")):
        try:
            whole = hcl.read(path)
        except hcl.Unreadable as error:
            found.append(str(error))
            continue
        for block in whole.blocks:
            if block.kind in ("resource", "data") and block.labels[0].startswith("azurerm_"):
                found += _resource(path, block, schema)
        found += _references(path, whole, schema)
    return found


def count(folder: Path) -> int:
    """How many resources and data sources of azurerm a folder holds."""
    return sum(block.kind in ("resource", "data") and block.labels[0].startswith("azurerm_") for block in hcl.read_folder(folder).blocks)


def _resource(path, block, schema) -> list:
    known = schema[block.kind].get(block.labels[0])
    if known is None:
        return [f"{path}:{block.line}: azurerm has no {block.kind} {block.labels[0]} in the recorded schema"]
    return _body(path, block, known["block"], block.labels[0], top=True)


def _body(path, block, schema, where, top=False) -> list:
    attributes, kinds = schema.get("attributes", {}), schema.get("block_types", {})
    found = []
    for name, attribute in block.attributes.items():
        if top and name in META:
            continue
        if name in UNTOLD:
            continue
        if name in kinds:
            found.append(f"{path}:{attribute.line}: {where}.{name} is a block: write `{name} {{ … }}`")
        elif name not in attributes:
            found.append(f"{path}:{attribute.line}: {where} has no argument {name}{_nearest(name, [*attributes, *kinds])}")
        elif not (attributes[name].get("required") or attributes[name].get("optional")):
            found.append(f"{path}:{attribute.line}: {where}.{name} is set by the provider and cannot be given")
        else:
            found += _literal(path, attribute, attributes[name]["type"], where)
    for name, attribute in attributes.items():
        if attribute.get("required") and name not in block.attributes:
            found.append(f"{path}:{block.line}: {where} needs {name}")

    written: dict = {}
    for child in block.blocks:
        if top and child.kind in META_BLOCKS:
            continue
        dynamic = child.kind == "dynamic"
        name = child.labels[0] if dynamic else child.kind
        if name not in kinds:
            what = (
                f"{where}.{name} is an argument: write `{name} = …`"
                if name in attributes
                else (f"{where} has no block {name}{_nearest(name, [*attributes, *kinds])}")
            )
            found.append(f"{path}:{child.line}: {what}")
            continue
        bodies = child.children("content") if dynamic else [child]
        if dynamic and (len(bodies) != 1 or "for_each" not in child.attributes):
            found.append(f"{path}:{child.line}: a dynamic block needs for_each and one content")
        written.setdefault(name, []).append(dynamic)
        for body in bodies:
            found += _body(path, body, kinds[name]["block"], f"{where}.{name}")
    for name, kind in kinds.items():
        blocks = written.get(name, [])
        least, most = kind.get("min_items") or 0, kind.get("max_items") or 0
        if least and not blocks:
            found.append(f"{path}:{block.line}: {where} needs a block {name}")
        if most and blocks.count(False) > most:
            found.append(f"{path}:{block.line}: {where} takes {most} block {name}, not {blocks.count(False)}")
    return found


def _literal(path, attribute, wanted, where) -> list:
    """A number for a text is taken by Terraform; a list, or a text that is no number, is not."""
    value = attribute.value
    if isinstance(wanted, list) and any(pattern.match(value) for pattern in LITERAL.values()):
        return [f"{path}:{attribute.line}: {where}.{attribute.name} is a {wanted[0]}, not {value}"]
    if wanted in ("bool", "number") and LITERAL["string"].match(value) and not LITERAL[wanted].match(value[1:-1]):
        return [f"{path}:{attribute.line}: {where}.{attribute.name} is a {wanted}, not {value}"]
    if isinstance(wanted, str) and value.startswith("["):
        if not re.search(r"\]\s*\[|\)\s*$|\?", value):
            return [f"{path}:{attribute.line}: {where}.{attribute.name} is a {wanted}, not a list"]
    return []


def _references(path, block, schema) -> list:
    found = []
    for attribute in block.attributes.values():
        for data, resource, _, _, name in REFERENCE.findall(attribute.value):
            known = schema["data" if data else "resource"].get(resource)
            if known is None:
                found.append(f"{path}:{attribute.line}: azurerm has no {resource} in the recorded schema")
            elif name not in known["block"].get("attributes", {}) and name not in known["block"].get("block_types", {}):
                found.append(f"{path}:{attribute.line}: {resource} has no attribute {name}")
    for child in block.blocks:
        found += _references(path, child, schema)
    return found


def _nearest(name: str, names: list) -> str:
    near = difflib.get_close_matches(name, names, 1, 0.6)
    return f"; {near[0]}?" if near else ""
