"""Builds the azurerm provider from its Go module into the cache, where Terraform finds it. Once; it takes a long time."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from checks import azure_schema, tools

VERSION = "5.2.0"
#: What the provider of that version says of itself.
SCHEMA = Path(__file__).resolve().parents[1] / "schema" / f"azurerm-{VERSION}.schema.json.gz"
MODULE = "github.com/hashicorp/terraform-provider-azurerm"
#: The commit of that release; the repository's tags stop at v1 in Go's eyes.
PSEUDO_VERSION = "v1.44.1-0.20260824201233-fae580791926"
SUM = "h1:SOgvTJZXNyxmkHHHx8ifgotbvhOi/eadVkoyBNr+4hk="


def build(system: str = "") -> Path:
    """The provider's file. Go's own caches stay where Go keeps them."""
    _, stand_tools = tools.stand_core()
    problem = stand_tools._problem(stand_tools.GO)
    if problem:
        raise tools.Missing(f"go: {problem}; needed: a Go that can fetch the toolchain that azurerm {VERSION} names (1.26)")
    cache = tools.cache()
    system = system or _go("env", "GOOS") + "_" + _go("env", "GOARCH")
    folder = tools.azurerm_folder() / azure_schema.source(SCHEMA) / VERSION / system
    binary = folder / f"terraform-provider-azurerm_v{VERSION}_x5"
    if binary.exists():
        return binary
    with cache.lock("azurerm", "azurerm"):
        if binary.exists():
            return binary
        made = cache.root / "terraform" / "build"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        log = cache.log("azurerm")
        _require_sum(made)
        flags = f"-s -w -X {MODULE}/version.ProviderVersion={VERSION}"
        stand_tools.run(
            [
                "go",
                "install",
                "-p",
                os.environ.get("TIDEGATE_GO_JOBS", "2"),
                "-trimpath",
                f"-ldflags={flags}",
                f"{MODULE}@{PSEUDO_VERSION}",
            ],
            log=log,
            cwd=made,
            env={"GOBIN": str(made)},
        )
        folder.mkdir(parents=True, exist_ok=True)
        (made / "terraform-provider-azurerm").rename(binary)
        shutil.rmtree(made)
    return binary


def _require_sum(folder: Path) -> None:
    answer = subprocess.run(["go", "mod", "download", "-json", f"{MODULE}@{PSEUDO_VERSION}"], cwd=folder, capture_output=True, text=True)
    found = json.loads(answer.stdout or "{}").get("Sum")
    if found != SUM:
        raise tools.Failed(f"the Go module of azurerm {VERSION} has the sum {found}, not {SUM}:\n{answer.stdout}{answer.stderr}")


def _go(*arguments) -> str:
    return subprocess.run(["go", *arguments], capture_output=True, text=True, check=True).stdout.strip()
