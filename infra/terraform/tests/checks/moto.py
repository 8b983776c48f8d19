"""A server on this machine that answers like S3, IAM, KMS, EC2 and STS, pinned by hash."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from checks import tools

VERSION = "5.2.5"
PINNED = Path(__file__).resolve().parents[1] / "moto-requirements.txt"
START = "import sys; from moto.server import main; main(sys.argv[1:])"
PATIENCE_SECONDS = 60


def install() -> Path:
    _, stand_tools = tools.stand_core()
    cache = tools.cache()
    if not cache.has("moto", VERSION):
        problem = stand_tools._problem(stand_tools.PIP)
        if problem:
            raise tools.Missing(f"pip: {problem}; needed: {stand_tools.PIP.install_hint}, for moto {VERSION}")

    def build(folder):
        stand_tools.run(
            [
                *stand_tools.PIP.version_command[:3],
                "install",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
                "--require-hashes",
                "--target",
                folder / "python",
                "-r",
                PINNED,
            ],
            log=cache.log("moto"),
            cwd=folder,
        )

    return cache.ensure("moto", VERSION, build) / "python"


@contextmanager
def server(folder: Path):
    """The server's address while the block runs; it is ended by its own handle."""
    python = install()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "moto.log"
    with open(log, "wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-c", START, "-H", "127.0.0.1", "-p", str(port)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=tools.environment(PYTHONPATH=str(python), AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="nothing"),
        )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while _status(f"{address}/moto-api/") != 200:
            if child.poll() is not None or time.monotonic() > until:
                raise tools.Failed(f"moto does not serve:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)
        yield address
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status
    except (urllib.error.URLError, OSError):
        return 0
