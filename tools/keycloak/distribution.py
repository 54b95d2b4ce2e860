"""The distribution of Keycloak: fetched from Maven Central on first use, checked, unpacked, and prepared to start.

Prepared: started once, so that it has built itself and made its database. Each server starts on a copy of that.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx2

from tools.install import PROJECT, environment
from tools.quietly import CommandFailed, quietly

VERSION = "26.4.5"
SHA256 = "72f73642a2c36de797d51b4b2b342d4a49f6e5832af10aa470cd123627bd80b3"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
FOLDER = PROJECT / ".cache" / f"keycloak-{VERSION}"
ADMIN = "admin"
# What is fixed when it is built: a start that asks for anything else would build it again.
OPTIONS = ("start-dev", "--db=dev-file", "--http-host=127.0.0.1")
_SETTINGS = {
    "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m",
    # A server that lives for minutes earns nothing by the second compiler.
    "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
}
_MAX_SECONDS = 600
_LOOK_SECONDS = 0.1


class KeycloakMissing(Exception):
    """Java, Maven or the distribution cannot be had here. The message says why."""


def unpacked() -> Path:
    """The folder of the prepared distribution, `.cache/keycloak-<version>/home`, made on first use.

    Two calls at once take turns. Raises KeycloakMissing.
    """
    if shutil.which("java") is None or shutil.which("mvn") is None:
        raise KeycloakMissing("java and mvn are not installed; tools/system_packages.sh brings both")
    home, stamp = FOLDER / "home", FOLDER / "made-from"
    made_from = " ".join((SHA256, *OPTIONS))
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.is_file() and stamp.read_text() == made_from):
            shutil.rmtree(home, ignore_errors=True)
            print(f"Preparing Keycloak {VERSION} in .cache/{FOLDER.name}", file=sys.stderr, flush=True)
            try:
                _unpack(_fetch(), home)
                _start_once(home)
            except CommandFailed as error:
                raise KeycloakMissing(str(error)) from error
            stamp.write_text(made_from)
    return home


def _fetch() -> Path:
    """The archive, in Maven's own way to its registry. Raises KeycloakMissing, CommandFailed."""
    archive = FOLDER / f"keycloak-quarkus-dist-{VERSION}.zip"
    if not archive.is_file():
        where = (f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={FOLDER}")
        quietly("mvn", "dependency:copy", "-q", "-B", *where, name="Maven", cwd=FOLDER)
    check(archive)
    return archive


def check(archive: Path) -> None:
    """Remove an archive that is not the pinned one. Raises KeycloakMissing."""
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        archive.unlink()
        raise KeycloakMissing(f"the archive of Keycloak {VERSION} has the SHA-256 {found}, not the pinned one")


def _unpack(archive: Path, home: Path) -> None:
    whole = FOLDER / f"keycloak-{VERSION}"
    shutil.rmtree(whole, ignore_errors=True)
    with zipfile.ZipFile(archive) as file:
        file.extractall(FOLDER)
    whole.rename(home)
    for script in (home / "bin").glob("*.sh"):
        script.chmod(0o755)
    archive.unlink()


def settings() -> dict[str, str]:
    """The environment of every server of this machine."""
    return environment() | _SETTINGS


def admin_password() -> str:
    """Of the administrator whom the prepared database knows."""
    return (FOLDER / "admin-password").read_text()


def _start_once(home: Path) -> None:
    """Let it build itself and make its database. Raises KeycloakMissing."""
    secret = FOLDER / "admin-password"
    secret.unlink(missing_ok=True)
    secret.touch(0o600)
    secret.write_text(uuid4().hex)
    administrator = {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": admin_password()}
    port, management = free_ports()
    command = [str(home / "bin" / "kc.sh"), *OPTIONS, f"--http-port={port}", f"--http-management-port={management}"]
    with (FOLDER / "log").open("w") as log:
        process = subprocess.Popen(command, env=settings() | administrator, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/realms/master", lambda: process.poll() is not None, FOLDER / "log")
    finally:
        # In order, so that the database is whole.
        process.terminate()
        process.wait()


def wait_for(url: str, has_ended: Callable[[], bool], log: Path) -> None:
    """Wait until an address answers 200. Raises KeycloakMissing, with the end of the log."""
    until = time.monotonic() + _MAX_SECONDS
    with httpx2.Client(timeout=_MAX_SECONDS) as http:
        while time.monotonic() < until and not has_ended():
            with contextlib.suppress(httpx2.TransportError):
                if http.get(url).status_code == 200:
                    return
            time.sleep(_LOOK_SECONDS)
    said = log.read_text(errors="replace").strip().splitlines()[-5:]
    raise KeycloakMissing(f"Keycloak does not start: {' | '.join(said)}")


def free_ports() -> tuple[int, int]:
    """Two ports of loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def copy_of(home: Path, target: Path) -> None:
    """A home of one's own, with the files of the prepared one as links; what a server writes is its own."""
    shutil.copytree(home, target, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    # What it has been built to, and its database, are written; the libraries are not.
    if Path(source).is_relative_to(FOLDER / "home" / "lib" / "lib"):
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)
