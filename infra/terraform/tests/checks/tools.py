"""Terraform and its providers: where they are, and how they are run so that nothing of this machine leaks in."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (1, 9)
#: Folders that hold providers in Terraform's own layout, HOST/NAMESPACE/NAME/VERSION/SYSTEM.
PLUGINS = "TIDEGATE_TERRAFORM_PLUGINS"


class Missing(Exception):
    """A tool is not there: a skip for a user, a failure under CI."""


class Failed(Exception):
    """What was checked is not right."""


def stand_core():
    """The cache and the installers of the test stand, which this borrows."""
    stand = str(ROOT.parents[1] / "tests" / "stand")
    if stand not in sys.path:
        sys.path.insert(0, stand)
    from core import cache, tools

    return cache, tools


def cache():
    return stand_core()[0].Cache.from_environment()


def terraform() -> str:
    found = shutil.which("terraform")
    if not found:
        raise Missing(f"terraform {'.'.join(map(str, OLDEST))} or newer is not on the PATH")
    answer = subprocess.run([found, "version", "-json"], capture_output=True, text=True, env=environment())
    version = json.loads(answer.stdout)["terraform_version"]
    if tuple(map(int, version.split("-")[0].split(".")[:2])) < OLDEST:
        raise Missing(f"terraform is {version}; {'.'.join(map(str, OLDEST))} or newer is needed")
    return found


def azurerm_folder() -> Path:
    """Where `just azurerm-provider` puts what it builds."""
    return cache().root / "terraform" / "plugins"


def plugin_folders() -> list:
    named = os.environ.get(PLUGINS)
    places = [Path(place) for place in named.split(os.pathsep)] if named else []
    places += [
        azurerm_folder(),
        Path.home() / ".terraform.d" / "plugins",
        Path("/usr/local/share/terraform/plugins"),
        Path("/usr/share/terraform/plugins"),
        Path("/opt/tf-plugins"),
    ]
    return [place for place in places if place.is_dir()]


def require_provider(name: str, wanted: str) -> None:
    """A provider hashicorp/NAME whose version matches the pattern must lie in one of the folders."""
    for folder in plugin_folders():
        for version in folder.glob(f"*/hashicorp/{name}/*"):
            plain = re.search(r"(\d+\.\d+\.\d+)", version.name)
            if plain and re.match(wanted, plain.group(1)):
                return
    how = "run `just azurerm-provider`" if name == "azurerm" else (f"`terraform providers mirror DIR` in a module and {PLUGINS}=DIR")
    raise Missing(f"the provider hashicorp/{name} {wanted} is in none of {', '.join(map(str, plugin_folders())) or 'no folder'}: {how}")


def environment(**more) -> dict:
    """Ours without what would change Terraform's or a cloud's mind."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_", "ARM_", "AZURE_"))}
    own = {"TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    return {**kept, **own, **more}


@contextmanager
def copy():
    """A copy of the whole tree, so that no `.terraform` and no lock file comes into the repository."""
    with tempfile.TemporaryDirectory(prefix="tidegate-terraform-") as folder:
        target = Path(folder) / "terraform"
        ignored = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*", "*.tfplan", "__pycache__")
        shutil.copytree(ROOT, target, ignore=ignored)
        yield target


def run(*arguments, cwd: Path, ok=(0,), **env) -> subprocess.CompletedProcess:
    answer = subprocess.run(
        [terraform(), *map(str, arguments)], cwd=cwd, env=environment(**env), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if answer.returncode not in ok:
        raise Failed(
            f"`terraform {' '.join(map(str, arguments))}` in {cwd.name} ended with {answer.returncode}\n{answer.stdout}{answer.stderr}"
        )
    return answer


def init(root: Path) -> None:
    folders = [f"-plugin-dir={folder}" for folder in plugin_folders()]
    run("init", "-no-color", "-input=false", "-backend=false", *folders, cwd=root)
