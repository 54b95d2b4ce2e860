"""Just enough of PostgreSQL's and Valkey's protocols to know that they are ready, and to run a set-up statement.

Drivers are for the service: they need an event loop, and starting an engine must work without one. The engines
are on a unix socket in a private folder and trust whoever reaches it, so no authentication is spoken.
"""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_PROTOCOL_3 = 196608
_TIMEOUT_SECONDS = 10


class PostgresRefused(Exception):
    """PostgreSQL answered with an error. `code` is its SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


def ask_postgres(path: Path, *, user: str, database: str, statements: tuple[str, ...] = ()) -> None:
    """Connect, run each statement on its own, and disconnect.

    Raises PostgresRefused, and OSError when nobody answers at `path`.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT_SECONDS)
        connection.connect(str(path))
        names = b"user\0%b\0database\0%b\0\0" % (user.encode(), database.encode())
        connection.sendall(struct.pack("!ii", len(names) + 8, _PROTOCOL_3) + names)
        _until_ready(connection)
        for statement in statements:
            text = statement.encode() + b"\0"
            connection.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
            _until_ready(connection)
        connection.sendall(b"X" + struct.pack("!i", 4))


def ping_valkey(path: Path) -> bool:
    """Whether a Valkey at `path` answers and has finished loading. Raises OSError when nobody does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT_SECONDS)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")


def _until_ready(connection: socket.socket) -> None:
    for kind, body in _messages(connection):
        if kind == b"E":
            fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0")}
            raise PostgresRefused(fields.get(b"C", ""), fields.get(b"M", ""))
        if kind == b"R" and body != b"\0\0\0\0":
            raise PostgresRefused("28000", "the server asks for a password")
        if kind == b"Z":
            return


def _messages(connection: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    while True:
        header = _exactly(connection, 5)
        yield header[:1], _exactly(connection, struct.unpack("!i", header[1:])[0] - 4)


def _exactly(connection: socket.socket, size_bytes: int) -> bytes:
    received = b""
    while len(received) < size_bytes:
        chunk = connection.recv(size_bytes - len(received))
        if not chunk:
            raise ConnectionResetError("the server closed the connection")
        received += chunk
    return received
