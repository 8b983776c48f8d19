"""Azure Blob storage by Azurite, blobs only."""

import base64
import hashlib
import hmac
from email.utils import formatdate

from core import http, tools
from parts.base import Part

# Azurite's published development account: the same everywhere, and no secret.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER = "tidegate"
CREATED, EXISTS = 201, 409

# Azurite names its dependencies by range; the date makes them the same every time.
DEPENDENCIES_BEFORE = "2026-09-01"


class Azure(Part):
    name = "azure"
    version = "3.35.0"
    build_tools = (tools.NPM,)
    run_tools = (tools.NODE,)

    def build(self, cache, folder):
        tools.run(
            ["npm", "install", "--prefix", folder, f"--before={DEPENDENCIES_BEFORE}",
             "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev", f"azurite@{self.version}"],
            log=cache.log(self.name), cwd=folder,
        )

    def start(self, stand, ports):
        server = self.spawn(
            stand,
            ["node", self.home / "node_modules/azurite/dist/src/blob/main.js",
             "--blobHost", "127.0.0.1", "--blobPort", ports["port"], "--location", self.data(stand),
             "--silent", "--skipApiVersionCheck", "--disableTelemetry"],
        )
        self.endpoint = f"http://127.0.0.1:{ports['port']}/{ACCOUNT}"
        return {
            "blob_endpoint": self.endpoint,
            "account": ACCOUNT,
            "key": KEY,
            "container": CONTAINER,
            "pid": server.pid,
        }

    def ready(self):
        url = f"{self.endpoint}/{CONTAINER}?restype=container"
        return http.status(url, "PUT", _signed_container_put()) in (CREATED, EXISTS)


def _signed_container_put() -> dict:
    """Headers of a SharedKey request that makes the container."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    # Eleven standard headers are part of what is signed; this request has none.
    lines = ["PUT", *[""] * 11]
    lines += [f"{name}:{value}" for name, value in sorted(headers.items())]
    # The account stands twice: once as the owner, once as the path's first step.
    lines += [f"/{ACCOUNT}/{ACCOUNT}/{CONTAINER}", "restype:container"]
    digest = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    return headers
