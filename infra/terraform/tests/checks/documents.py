"""The tables of each module's README, in the shape that terraform-docs writes between its two marks.

terraform-docs itself is not asked, so that nothing must be installed to keep the pages true; unlike it, this links to no documentation of
providers.
"""

import re
from pathlib import Path

from checks import hcl
from checks.tools import Failed

BEGIN, END = "<!-- BEGIN_TF_DOCS -->", "<!-- END_TF_DOCS -->"


def modules(root: Path) -> list:
    """Every folder of modules and examples that holds Terraform files."""
    folders = {path.parent for part in ("modules", "examples") for path in (root / part).rglob("*.tf") if ".terraform" not in path.parts}
    return sorted(folders)


def check(root: Path) -> list:
    found = []
    for folder in modules(root):
        page = folder / "README.md"
        where = page.relative_to(root)
        if not page.exists():
            found.append(f"{where}: is missing")
            continue
        text = page.read_text()
        found += [f"{where}: {problem}" for problem in _undescribed(folder)]
        if BEGIN not in text or END not in text:
            found.append(f"{where}: has no {BEGIN} and {END}")
        elif _between(text) != tables(folder):
            found.append(f"{where}: is older than the module; run `just terraform-docs`")
        elif len(text.split(BEGIN)[0].strip().splitlines()) < 3:
            found.append(f"{where}: says nothing above its tables")
    return found


def write(root: Path) -> list:
    changed = []
    for folder in modules(root):
        page = folder / "README.md"
        text = page.read_text() if page.exists() else f"# {folder.name}\n\n{BEGIN}\n{END}\n"
        if BEGIN not in text or END not in text:
            raise Failed(f"{page} has no {BEGIN} and {END}")
        before, rest = text.split(BEGIN, 1)
        new = f"{before}{BEGIN}\n{tables(folder)}\n{END}{rest.split(END, 1)[1]}"
        if new != text or not page.exists():
            page.write_text(new)
            changed.append(page)
    return changed


def tables(folder: Path) -> str:
    whole = hcl.read_folder(folder)
    required = [block for terraform in whole.children("terraform") for block in terraform.children("required_providers")]
    providers = {name: _pick(value.value) for block in required for name, value in block.attributes.items()}
    version = next(
        (t.attributes["required_version"].value.strip('"') for t in whole.children("terraform") if "required_version" in t.attributes), None
    )

    parts = [
        "## Requirements",
        _table(
            ["Name", "Version"],
            [
                *([[_anchor("requirement", "terraform"), version]] if version else []),
                *[[_anchor("requirement", name), value.get("version", "n/a")] for name, value in sorted(providers.items())],
            ],
        ),
    ]
    parts += [
        "## Providers",
        _table(["Name", "Version"], [[_anchor("provider", name), value.get("version", "n/a")] for name, value in sorted(providers.items())])
        or "No providers.",
    ]
    parts += [
        "## Modules",
        _table(
            ["Name", "Source", "Version"],
            [
                [_anchor("module", block.labels[0]), hcl.text_of(block.attributes["source"].value), "n/a"]
                for block in sorted(whole.children("module"), key=lambda block: block.labels[0])
            ],
        )
        or "No modules.",
    ]
    resources = [["resource", block] for block in whole.children("resource")] + [["data source", block] for block in whole.children("data")]
    parts += [
        "## Resources",
        _table(["Name", "Type"], sorted([f"{block.labels[0]}.{block.labels[1]}", kind] for kind, block in resources)) or "No resources.",
    ]
    parts += [
        "## Inputs",
        _table(
            ["Name", "Description", "Type", "Default", "Required"],
            [
                [
                    _anchor("input", block.labels[0]),
                    _flat(_text(block, "description")),
                    _code(_dedent(block.attributes["type"].value)) if "type" in block.attributes else "`any`",
                    _code(_dedent(block.attributes["default"].value)) if "default" in block.attributes else "n/a",
                    "no" if "default" in block.attributes else "yes",
                ]
                for block in sorted(whole.children("variable"), key=lambda block: block.labels[0])
            ],
        )
        or "No inputs.",
    ]
    parts += [
        "## Outputs",
        _table(
            ["Name", "Description"],
            [
                [_anchor("output", block.labels[0]), _flat(_text(block, "description"))]
                for block in sorted(whole.children("output"), key=lambda block: block.labels[0])
            ],
        )
        or "No outputs.",
    ]
    return "\n\n".join(part for part in parts if part)


def _undescribed(folder: Path) -> list:
    whole = hcl.read_folder(folder)
    found = []
    for kind in ("variable", "output"):
        for block in whole.children(kind):
            if not _text(block, "description"):
                found.append(f"the {kind} {block.labels[0]} has no description")
            if kind == "variable" and "type" not in block.attributes:
                found.append(f"the variable {block.labels[0]} has no type")
    return found


def _text(block, name: str) -> str:
    attribute = block.attributes.get(name)
    return (hcl.text_of(attribute.value) or "") if attribute else ""


def _pick(value: str) -> dict:
    return dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', value))


def _between(text: str) -> str:
    return text.split(BEGIN, 1)[1].split(END, 1)[0].strip("\n")


def _anchor(kind: str, name: str) -> str:
    escaped = name.replace("_", "\\_")
    return f'<a name="{kind}_{name}"></a> [{escaped}](#{kind}\\_{escaped})'


def _dedent(value: str) -> str:
    """The last line of a value that spans several tells how deep it was."""
    lines = value.split("\n")
    indent = len(lines[-1]) - len(lines[-1].lstrip())
    return "\n".join([lines[0], *[line[indent:] for line in lines[1:]]])


def _code(value: str) -> str:
    if "\n" in value:
        return "<pre>" + value.replace("|", "&#124;").replace("\n", "<br/>") + "</pre>"
    return f"`{value}`"


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: list, rows: list) -> str:
    if not rows:
        return ""
    lines = [head, ["-" * (len(word) + 2) for word in head], *rows]
    return "\n".join("|" + "|".join(f" {cell} " if row is not lines[1] else cell for cell in row) + "|" for row in lines)
