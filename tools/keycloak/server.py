"""A running Keycloak, shared by everybody who names the same folder."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tools.install import PROJECT
from tools.keycloak import distribution, keeper

REALM_FILE = PROJECT / "examples" / "todo" / "keycloak-realm.json"


@dataclass(frozen=True, slots=True)
class Keycloak:
    """The server: `url` without a slash at its end, and who administers it in the realm `master`."""

    url: str
    admin_password: str = field(repr=False)
    admin_name: str = distribution.ADMIN

    def issuer(self, realm: str) -> str:
        """What `iss` is in a realm's tokens, and where its discovery begins."""
        return f"{self.url}/realms/{realm}"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Keycloak]:
    """The server of this folder, started unless it runs; whoever leaves last ends it, and the folder goes.

    Several processes may share one. Raises KeycloakMissing.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, which goes with the server.
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = folder / "running.json"
        held = keeper.join(folder) if found.is_file() else None
        if held is None:
            held = _start(folder)
        keycloak = Keycloak(**json.loads(found.read_text()))
    try:
        yield keycloak
    finally:
        os.close(held)


def _start(folder: Path) -> int:
    home = distribution.unpacked()
    shutil.rmtree(folder, ignore_errors=True)
    distribution.copy_of(home, folder)
    imports = folder / "data" / "import"
    imports.mkdir(parents=True, exist_ok=True)
    realm = json.loads(REALM_FILE.read_text())["realm"]
    # A name that ends in -realm.json would have to begin with the realm's.
    shutil.copy(REALM_FILE, imports / f"{realm}.json")
    port, management = distribution.free_ports()
    keycloak = Keycloak(f"http://localhost:{port}", distribution.admin_password())
    command = (
        str(folder / "bin" / "kc.sh"),
        *distribution.OPTIONS,
        "--import-realm",
        f"--http-port={port}",
        f"--http-management-port={management}",
        f"--hostname={keycloak.url}",
    )
    held, process = keeper.start(folder, command, distribution.settings())
    try:
        ready = f"{keycloak.issuer(realm)}/.well-known/openid-configuration"
        distribution.wait_for(ready, lambda: os.waitpid(process, os.WNOHANG)[0] != 0, folder / "log")
    except BaseException:
        os.close(held)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / "running.json").write_text(json.dumps(asdict(keycloak)))
    return held
