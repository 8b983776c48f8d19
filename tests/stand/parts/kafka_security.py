"""How the stand's broker is reached other than in the clear.

Certificates and passwords are made anew for every stand and live in its folder:
there is nothing to steal and nothing that expires between two runs. Python makes
no certificates, so the `openssl` program does.
"""

import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.errors import PartFailed

#: Listener -> Kafka's security protocol.
LISTENERS = {"tls": "SSL", "mtls": "SSL", "sasl": "SASL_SSL", "oauth": "SASL_SSL", "oldtls": "SSL"}
USER = "tidegate"
#: Users who may do nothing until a test gives them rights; the same password.
LIMITED = ("validator", "sink", "audit", "operator")
#: A session of the OAUTHBEARER listener ends after this long, whatever the token says (KIP-368).
REAUTHENTICATE_MS = 3000
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True)
class Secured:
    """What clients need, and what the broker is told."""

    folder: Path
    password: str

    @classmethod
    def make(cls, folder: Path) -> "Secured":
        folder.mkdir(exist_ok=True)
        secured = cls(folder, secrets.token_hex(16))
        secured._authority("ca")
        secured._authority("stranger")
        # Only the address: whoever connects to `localhost` must find that the name does not fit.
        secured._signed("broker", "ca", "subjectAltName=IP:127.0.0.1")
        secured._signed("client", "ca")
        secured._signed("intruder", "stranger")
        key, certificate = secured._path("broker.key").read_text(), secured._path("broker.pem").read_text()
        secured._path("keystore.pem").write_text(key + certificate)
        # Only the listener that asks for TLS 1.1 gets it; the others name their versions.
        secured._path("java.security").write_text("jdk.tls.disabledAlgorithms=SSLv3, NULL, anon\n")
        return secured

    def settings(self) -> dict:
        """Broker settings of the secured listeners."""
        common = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._path("keystore.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self._path("ca.pem"),
            "ssl.enabled.protocols": "TLSv1.2,TLSv1.3",
        }
        own = {
            "mtls": {"ssl.client.auth": "required"},
            "oldtls": {"ssl.enabled.protocols": "TLSv1.1", "ssl.protocol": "TLSv1.1"},
            "sasl": {
                "sasl.enabled.mechanisms": ",".join(MECHANISMS),
                "plain.sasl.jaas.config": self._login("plain.PlainLoginModule", f'user_{USER}="{self.password}"'),
                "scram-sha-256.sasl.jaas.config": self._login("scram.ScramLoginModule"),
                "scram-sha-512.sasl.jaas.config": self._login("scram.ScramLoginModule"),
            },
            # Kafka's own validator of unsigned tokens: it looks at the times and the name, so no identity provider is needed.
            "oauth": {
                "sasl.enabled.mechanisms": "OAUTHBEARER",
                "oauthbearer.connections.max.reauth.ms": REAUTHENTICATE_MS,
                "oauthbearer.sasl.jaas.config": self._login(
                    "oauthbearer.OAuthBearerLoginModule", 'unsecuredLoginStringClaim_sub="broker"'
                ),
            },
        }
        # Whoever comes in the clear may do everything, so no other test notices that rights are looked at.
        everything = ("ANONYMOUS", USER, "CN=tidegate client")
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": ";".join(f"User:{name}" for name in everything),
            **{
                f"listener.name.{listener}.{key}": value
                for listener in LISTENERS
                for key, value in {**common, **own.get(listener, {})}.items()
            },
        }

    def users(self) -> list:
        """Arguments that make the SCRAM users while the storage is formatted."""
        return [
            argument
            for mechanism in MECHANISMS if mechanism.startswith("SCRAM")
            for name in (USER, *LIMITED)
            for argument in ("--add-scram", f"{mechanism}=[name={name},password={self.password}]")
        ]

    def java_flags(self) -> list:
        return [f"-Djava.security.properties={self._path('java.security')}"]

    def facts(self, ports: dict) -> dict:
        """What goes into stand.json."""
        return {
            **{f"{listener}_bootstrap": f"127.0.0.1:{ports[listener]}" for listener in LISTENERS},
            "ca": str(self._path("ca.pem")),
            "stranger_ca": str(self._path("stranger.pem")),
            "client_certificate": str(self._path("client.pem")),
            "client_key": str(self._path("client.key")),
            "intruder_certificate": str(self._path("intruder.pem")),
            "intruder_key": str(self._path("intruder.key")),
            "user": USER,
            "password": self.password,
        }

    def _login(self, module: str, options: str = "") -> str:
        return f"org.apache.kafka.common.security.{module} required {options};"

    def _authority(self, name: str) -> None:
        self._request(name, ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"])

    def _signed(self, name: str, authority: str, extension: str | None = None) -> None:
        signer = ["-CA", self._path(f"{authority}.pem"), "-CAkey", self._path(f"{authority}.key")]
        more = ["-addext", extension] if extension else []
        self._request(name, [*signer, "-addext", "basicConstraints=critical,CA:FALSE", *more])

    def _request(self, name: str, more: list) -> None:
        # The machine's own configuration would add extensions of its own.
        plain = self._path("request.cnf")
        plain.write_text("[req]\ndistinguished_name=dn\n[dn]\n")
        command = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-config", plain, "-subj", f"/CN=tidegate {name}",
            "-keyout", self._path(f"{name}.key"), "-out", self._path(f"{name}.pem"), *more,
        ]
        answer = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if answer.returncode != 0:
            raise PartFailed(f"kafka: openssl made no certificate:\n{answer.stderr}")

    def _path(self, name: str) -> Path:
        return self.folder / name
