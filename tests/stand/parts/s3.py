"""S3 by versitygw over a folder.

Chosen because its create-only put is honest: of many clients racing for one key
exactly one wins. Other local servers tried let several win, which would make a
test of exactly-once delivery pass by luck.
"""

import os
from pathlib import Path

from core import http, tools
from core.errors import PartFailed
from parts.base import Part

ACCESS_KEY, SECRET_KEY = "tidegate", "tidegate-secret"
REGION, BUCKET = "us-east-1", "tidegate"


class S3(Part):
    name = "s3"
    version = "1.8.0"
    build_tools = (tools.GO,)

    def build(self, cache, folder):
        # Go's own caches stay where Go keeps them, so a later build is quick.
        tools.run(
            ["go", "install", "-trimpath", "-ldflags=-s -w",
             f"github.com/versity/versitygw/cmd/versitygw@v{self.version}"],
            log=cache.log(self.name), cwd=folder, env={"GOBIN": str(folder)},
        )

    def start(self, stand, ports):
        root = self.data(stand) / "buckets"
        # A folder is a bucket; made before the start, it needs no signed request.
        (root / BUCKET).mkdir(parents=True)
        _require_attributes(root)
        address = f"127.0.0.1:{ports['port']}"
        server = self.spawn(
            stand,
            [self.home / "versitygw", "--port", address, "--access", ACCESS_KEY, "--secret", SECRET_KEY,
             "--region", REGION, "--health", "/healthz", "--quiet", "posix", root],
        )
        self.endpoint = f"http://{address}"
        return {
            "endpoint": self.endpoint,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "region": REGION,
            "bucket": BUCKET,
            "pid": server.pid,
        }

    def ready(self):
        return http.status(f"{self.endpoint}/healthz") == 200


def _require_attributes(root: Path) -> None:
    """The server keeps ETags in extended attributes, which not every file system has."""
    try:
        os.setxattr(root, "user.tidegate", b"1")
        os.removexattr(root, "user.tidegate")
    except OSError as error:
        raise PartFailed(f"s3: no user extended attributes in {root} ({error.strerror}): use another --dir") from error
