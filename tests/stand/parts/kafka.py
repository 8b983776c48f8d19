"""Apache Kafka, one node that is both broker and controller (KRaft).

The real broker is the referee for transactions and consumer groups: no light
broker tried keeps read_committed honest. It runs from the plain Maven jars, so
a JVM is all it takes.
"""

import base64
import subprocess
import uuid
from pathlib import Path

from core import tools
from core.errors import PartFailed
from core.kafka_wire import serves_metadata
from parts.base import Part
from parts.kafka_security import LISTENERS, Secured

RESOURCES = Path(__file__).parent.parent / "resources"
# Ready in two thirds of the time; over the first two million records a broker with
# the second compiler was no faster and took half as much processor again.
QUICK_COMPILER = "-XX:TieredStopAtLevel=1"
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class Kafka(Part):
    name = "kafka"
    # The newest without KAFKA-20734: 4.3.0 to 4.4.0 forget marks of transactions when a broker comes back.
    version = "4.2.1"
    build_tools = (tools.MAVEN,)
    run_tools = (tools.JAVA, tools.OPENSSL)
    port_names = ("broker", "controller", *LISTENERS)

    def build(self, cache, folder):
        pom = RESOURCES / "kafka-pom.xml"
        # Two Maven runs at once may spoil the local repository they share.
        with cache.lock("maven", self.name):
            tools.run(
                ["mvn", "-B", "-q", "--strict-checksums", "-f", pom, COPY_JARS,
                 f"-Dkafka.version={self.version}", f"-DoutputDirectory={folder / 'libs'}"],
                log=cache.log(self.name), cwd=folder,
            )

    def start(self, stand, ports):
        data = self.data(stand)
        secured = Secured.make(data / "security")
        settings = data / "server.properties"
        settings.write_text(_properties({**_settings(data, ports), **secured.settings()}))
        self._format(settings, secured.users())
        # Compression libraries are unpacked into the temporary folder, and stay there after a kill.
        flags = ["-Xmx1g", f"-Djava.io.tmpdir={data}", *secured.java_flags()]
        broker = self.spawn(stand, self._java(flags, "kafka.Kafka", settings))
        self.port = ports["broker"]
        return {
            "bootstrap": f"127.0.0.1:{self.port}",
            "pid": broker.pid,
            "libs": str(self.home / "libs"),
            **secured.facts(ports),
        }

    def ready(self):
        return serves_metadata("127.0.0.1", self.port)

    def tool(self, main_class: str, *arguments) -> list:
        """The command line of one of Kafka's own tools."""
        return self._java(["-Xmx256m"], main_class, *arguments)

    def _java(self, flags: list, main_class: str, *arguments) -> list:
        log4j = f"-Dlog4j2.configurationFile={RESOURCES / 'kafka-log4j2.xml'}"
        return ["java", *flags, QUICK_COMPILER, log4j, "-cp", f"{self.home}/libs/*", main_class, *arguments]

    def _format(self, settings: Path, users: list) -> None:
        """A KRaft node refuses to start on a folder without a cluster id."""
        command = self._java(
            ["-Xmx256m"], "kafka.tools.StorageTool",
            "format", "--standalone", "-t", _cluster_id(), "-c", str(settings), *users,
        )
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode != 0:
            raise PartFailed(f"kafka: formatting its storage failed:\n{answer.stdout}{answer.stderr}")


def _settings(data: Path, ports: dict) -> dict:
    broker, controller = ports["broker"], ports["controller"]
    served = {"PLAINTEXT": broker, **{listener.upper(): ports[listener] for listener in LISTENERS}}
    addresses = ",".join(f"{listener}://127.0.0.1:{port}" for listener, port in served.items())
    protocols = ",".join(f"{listener.upper()}:{protocol}" for listener, protocol in LISTENERS.items())
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{addresses},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": addresses,
        "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data / "log",
        # A topic that nobody made is a mistake in a test, not a wish.
        "auto.create.topics.enable": "false",
        # A group of one should not wait for members that never come.
        "group.initial.rebalance.delay.ms": 0,
        # One node can hold one copy; few partitions make start and stop quick.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 4,
    }


def _properties(settings: dict) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _cluster_id() -> str:
    """A random id in Kafka's own form; a leading dash would read as an option."""
    return "T" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
