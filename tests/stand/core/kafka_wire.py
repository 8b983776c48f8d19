"""Just enough of the Kafka protocol to ask a broker whether it serves clients.

An open port proves little: a KRaft broker listens before it has joined its own
cluster. It is ready once its metadata names it as a broker.
"""

import socket
import struct

METADATA, VERSION = 3, 1
NO_TOPICS = struct.pack(">i", 0)


def serves_metadata(host: str, port: int) -> bool:
    """True once the broker at this address lists itself in its metadata."""
    try:
        with socket.create_connection((host, port), timeout=2) as link:
            link.sendall(_framed(_header(METADATA, VERSION) + NO_TOPICS))
            size = struct.unpack(">i", _read(link, 4))[0]
            return (host, port) in _brokers(_read(link, size))
    except (OSError, EOFError, struct.error):
        return False


def _header(api: int, version: int) -> bytes:
    client = b"stand"
    return struct.pack(">hhih", api, version, 1, len(client)) + client


def _framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def _read(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise EOFError("the broker closed the connection")
        data += piece
    return data


def _brokers(answer: bytes) -> list[tuple[str, int]]:
    """Addresses in a Metadata v1 answer: correlation id, then id, host, port, rack."""
    count = struct.unpack_from(">i", answer, 4)[0]
    at, found = 8, []
    for _ in range(count):
        host_size = struct.unpack_from(">h", answer, at + 4)[0]
        at += 6
        host = answer[at : at + host_size].decode()
        at += host_size
        port, rack_size = struct.unpack_from(">ih", answer, at)
        at += 6 + max(rack_size, 0)
        found.append((host, port))
    return found
