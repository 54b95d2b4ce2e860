"""nginx and HAProxy with the configuration that operators get, on ports of ours and with a certificate of ours."""

import datetime as dt
import ipaddress
import os
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.running import PROJECT
from tests.system import program


class FrontProxy:
    """A proxy with TLS on `port`, before the services on `backends`."""

    def __init__(self, folder: Path, port: int, backends: list[int]) -> None:
        self.port = port
        self.backends = backends
        self.down: set[int] = set()
        self.url = f"https://localhost:{port}"
        self.folder = folder
        folder.mkdir(parents=True)
        self.certificate = folder / "certificate.pem"
        self.key = folder / "key.pem"
        make_certificate(self.certificate, self.key)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = self.command()
        self.configure()
        with (self.folder / "proxy.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client needs to believe the certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def log(self) -> str:
        return (self.folder / "proxy.log").read_text()

    def check_lives(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, self.log()

    def leave_out(self, port: int) -> None:
        """Send a service nothing more, as the steps of a rolling restart say."""
        raise NotImplementedError

    def take_back(self, port: int) -> None:
        """Send it requests again."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def configure(self) -> None:
        raise NotImplementedError

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class Nginx(FrontProxy):
    """Asks nobody for health: a service is left out by its configuration."""

    def command(self) -> list[str]:
        return [program("nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]

    def configure(self) -> None:
        text = (PROJECT / "deploy" / "nginx" / "auth-service.conf").read_text()
        lines = [
            f"    server 127.0.0.1:{port} max_fails=1 fail_timeout=1s{' down' if port in self.down else ''};\n"
            for port in self.backends
        ]
        text, found = re.subn(r"(?:    server 127\.0\.0\.1:\d+ max_fails=1 fail_timeout=1s;\n)+", "".join(lines), text)
        assert found == 1
        for given, ours in (
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("/etc/ssl/auth.example.com.pem", str(self.certificate)),
            ("/etc/ssl/auth.example.com.key", str(self.key)),
            ("server_name auth.example.com;", "server_name localhost;"),
        ):
            assert given in text
            text = text.replace(given, ours)
        (self.folder / "auth-service.conf").write_text(text)
        places = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("proxy", "client_body", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            f"daemon off;\n{user}worker_processes 1;\npid {self.folder}/pid;\nevents {{ worker_connections 1024; }}\n"
            f"http {{\naccess_log off;\n{places}include {self.folder}/auth-service.conf;\n}}\n"
        )

    def leave_out(self, port: int) -> None:
        self.down.add(port)
        self._reload()

    def take_back(self, port: int) -> None:
        self.down.discard(port)
        self._reload()

    def _reload(self) -> None:
        before = self._workers()
        self.configure()
        self.signal(signal.SIGHUP)
        # The old worker finishes what it has begun and goes.
        wait_until(lambda: bool(self._workers()) and before.isdisjoint(self._workers()))

    def _workers(self) -> set[int]:
        assert self._process is not None
        return {child.pid for child in psutil.Process(self._process.pid).children()}


class HAProxy(FrontProxy):
    """Asks each service whether it is ready."""

    def command(self) -> list[str]:
        return [program("haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg")]

    def configure(self) -> None:
        both = self.folder / "both.pem"
        both.write_text(self.certificate.read_text() + self.key.read_text())
        text = (PROJECT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
        servers = "".join(f"    server web{port} 127.0.0.1:{port}\n" for port in self.backends)
        text, found = re.subn(r"(?:    server web\d+ 127\.0\.0\.1:\d+\n)+", servers, text)
        assert found == 1
        for given, ours in (
            ("bind :443 ssl crt /etc/ssl/auth.example.com.pem", f"bind 127.0.0.1:{self.port} ssl crt {both}"),
            # Whoever runs the test need not be allowed to become another.
            ("    user haproxy\n    group haproxy\n", ""),
        ):
            assert given in text
            text = text.replace(given, ours)
        (self.folder / "haproxy.cfg").write_text(text)

    def leave_out(self, port: int) -> None:
        """Nothing to do: /health/ready of a process that is told to stop says it."""

    def take_back(self, port: int) -> None:
        """Nothing to do either."""


def wait_until(true: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def make_certificate(certificate: Path, key: Path) -> None:
    """One for localhost that vouches for itself."""
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(own, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(own.private_bytes(pem, form, serialization.NoEncryption()))
    key.chmod(0o600)
