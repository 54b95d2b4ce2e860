"""Apache with mod_auth_openidc, as a process of its own on a loopback port."""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system import program

MODULES = Path("/usr/lib/apache2/modules")
OPENIDC = MODULES / "mod_auth_openidc.so"
_LOADED = ("mpm_event", "authz_core", "authz_user", "authn_core", "dir", "mime", "headers", "unixd", "auth_openidc")
_WAIT_SECONDS = 60.0

_CONFIGURATION = """
ServerRoot "{folder}"
PidFile "{folder}/pid"
DefaultRuntimeDir "{folder}"
ErrorLog "{folder}/error.log"
LogLevel warn auth_openidc:info
Listen 127.0.0.1:{port}
ServerName localhost:{port}
UseCanonicalName On
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
User {user}
Group {group}
DocumentRoot "{folder}/htdocs"
DirectoryIndex index.html
TypesConfig /dev/null

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI http://localhost:{port}/private/callback
OIDCCryptoPassphrase {passphrase}
OIDCScope "openid email profile"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
OIDCPassClaimsAs headers
OIDCCacheShmMax 100
OIDCDefaultLoggedOutURL http://localhost:{port}/goodbye.html
OIDCSSLValidateServer Off

<Directory "{folder}/htdocs">
  Require all granted
</Directory>
<Location "/private">
  AuthType openid-connect
  Require valid-user
  Header set X-Seen-User "expr=%{{REMOTE_USER}}"
  Header set X-Seen-Subject "expr=%{{req:OIDC_CLAIM_sub}}"
</Location>
"""


def openidc_module() -> None:
    """See that the module is there; where it is not the test skips and says why, and in CI it fails."""
    if OPENIDC.exists():
        return
    words = "mod_auth_openidc is not installed; tools/system_packages.sh brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


class Apache:
    """A site with a private part. `redirect_uri` and its queries are what the client registers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.port = port
        self.redirect_uri = f"{self.url}/private/callback"
        self.private = f"{self.url}/private/index.html"
        self.goodbye = f"{self.url}/goodbye.html"
        self.backchannel_logout_uri = f"{self.redirect_uri}?logout=backchannel"
        self._folder = Path()

    @contextmanager
    def running(self, issuer: str, client_id: str, client_secret: str) -> Iterator[None]:
        """Serve for the length of the block."""
        apache = program("apache2")
        with tempfile.TemporaryDirectory(prefix="apache-") as name:
            self._folder = Path(name)
            self._write(issuer, client_id, client_secret)
            command = [apache, "-DFOREGROUND", "-f", f"{name}/httpd.conf"]
            with (self._folder / "stderr").open("wb") as complaints:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=complaints)
            try:
                self._wait(process)
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def log(self) -> str:
        """What Apache says, for a test that fails."""
        parts = [self._folder / "stderr", self._folder / "error.log"]
        return "\n".join(part.read_text(errors="replace") for part in parts if part.exists())

    def _write(self, issuer: str, client_id: str, client_secret: str) -> None:
        for path in ("htdocs/private/index.html", "htdocs/goodbye.html"):
            (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / path).write_text("<!doctype html><title>A page</title>")
        root = os.geteuid() == 0
        # Some of them are part of the program itself, which ones is the packager's choice.
        loads = "\n".join(
            f"<IfModule !{name}_module>\nLoadModule {name}_module {MODULES}/mod_{name}.so\n</IfModule>"
            for name in _LOADED
        )
        settings = _CONFIGURATION.format(
            folder=self._folder,
            port=self.port,
            user="www-data" if root else f"#{os.geteuid()}",
            group="www-data" if root else f"#{os.getegid()}",
            issuer=issuer,
            client_id=client_id,
            client_secret=client_secret,
            passphrase=secrets.token_hex(16),
        )
        (self._folder / "httpd.conf").write_text(loads + settings)
        # Apache's own user reads it, where root starts it.
        for path in (self._folder, *self._folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            assert process.poll() is None, self.log()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"Apache does not answer: {self.log()}")
