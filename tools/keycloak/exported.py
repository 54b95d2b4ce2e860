"""`python -m tools.keycloak.exported FILE`: a realm as Keycloak exports it, for tests of moving in.

Its people's passwords were hashed by Keycloak itself, with each algorithm that it has had as its default. Everything
that the export says is kept, save for the keys of the realm, which no test needs and which are secret by their form.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.keycloak.admin import Admin
from tools.keycloak.distribution import (
    FOLDER,
    OPTIONS,
    KeycloakMissing,
    admin_password,
    copy_of,
    free_ports,
    settings,
    unpacked,
    wait_for,
)
from tools.keycloak.server import Keycloak

REALM = "moving"
# Each by the policy that stood when it was chosen: Keycloak's default today, that of 24 and 25, that of 23 and before.
POLICIES = {
    "ann": "hashAlgorithm(argon2)",
    "ben": "hashAlgorithm(pbkdf2-sha512) and hashIterations(210000)",
    "cat": "hashAlgorithm(pbkdf2-sha256) and hashIterations(27500)",
}
_CLIENTS: tuple[dict[str, Any], ...] = (
    {"clientId": "warehouse", "bearerOnly": True},
    {
        "clientId": "storefront",
        "publicClient": True,
        "redirectUris": ["https://shop.example.com/callback", "https://shop.example.com/*", "http://localhost:3000/*"],
        "webOrigins": ["https://shop.example.com"],
    },
    {"clientId": "robot", "serviceAccountsEnabled": True, "standardFlowEnabled": False},
)


def password_of(username: str) -> str:
    """What a person of the realm signs in with."""
    return f"{username} walks the old dog"


async def fill(admin: Admin) -> None:
    """Make the realm: roles of every sort, nested groups, clients, and a person for each kind of hash."""
    await admin.import_realm({"realm": REALM, "enabled": True, "registrationAllowed": True})
    for client in _CLIENTS:
        await admin.make_client(REALM, **client)
    for role in ("clerk", "manager", "chief", "customer"):
        await admin.make_role(REALM, role)
    await admin.make_role(REALM, "picker", client_id="warehouse")
    await _put_into(admin, "manager", ("clerk", None), ("picker", "warehouse"))
    await _put_into(admin, "chief", ("manager", None))
    await _put_into(admin, f"default-roles-{REALM}", ("customer", None))
    staff = {"name": "staff", "attributes": {"floor": ["2"]}}
    group = (await admin.call("POST", f"/{REALM}/groups", staff)).headers["location"].rpartition("/")[2]
    clerk = (await admin.call("GET", f"/{REALM}/roles/clerk")).json()
    await admin.call("POST", f"/{REALM}/groups/{group}/role-mappings/realm", [clerk])
    await admin.call("POST", f"/{REALM}/groups/{group}/children", {"name": "berlin"})
    for username, policy in POLICIES.items():
        await admin.change_realm(REALM, passwordPolicy=policy)
        more = {"ben": {"groups": ["/staff/berlin"]}, "cat": {"requiredActions": ["CONFIGURE_TOTP"]}}
        await admin.make_user(REALM, username, password_of(username), **more.get(username, {}))
    await admin.give_role(REALM, (await admin.user(REALM, "ann"))["id"], "chief")


async def _put_into(admin: Admin, composite: str, *parts: tuple[str, str | None]) -> None:
    for name, client_id in parts:
        owner = "" if client_id is None else f"/clients/{(await admin.client(REALM, client_id))['id']}"
        part = (await admin.call("GET", f"/{REALM}{owner}/roles/{name}")).json()
        await admin.call("POST", f"/{REALM}/roles/{composite}/composites", [part])


def export(target: Path) -> None:
    """Start a server, make the realm, stop it in order, and have it exported. Raises KeycloakMissing."""
    home = unpacked()
    with tempfile.TemporaryDirectory(prefix="exported-", dir=FOLDER) as name:
        folder = Path(name)
        copy_of(home, folder)
        port, management = free_ports()
        command = [str(folder / "bin" / "kc.sh"), *OPTIONS]
        ports = [f"--http-port={port}", f"--http-management-port={management}", f"--hostname=http://localhost:{port}"]
        log = folder / "log"
        with log.open("w") as output:
            process = subprocess.Popen([*command, *ports], env=settings(), stdout=output, stderr=output)
            try:
                wait_for(f"http://127.0.0.1:{port}/realms/master", lambda: process.poll() is not None, log)
                asyncio.run(_fill(Keycloak(f"http://localhost:{port}", admin_password())))
            finally:
                # In order, so that its database is whole.
                process.terminate()
                process.wait()
            written = folder / "realm.json"
            told = [str(folder / "bin" / "kc.sh"), "export", "--db=dev-file", f"--file={written}", f"--realm={REALM}"]
            subprocess.run([*told, "--users=same_file"], env=settings(), stdout=output, stderr=output, check=True)
        realm = json.loads(written.read_text())
    realm["components"].pop("org.keycloak.keys.KeyProvider")
    target.write_text(json.dumps(realm, indent=1) + "\n")


async def _fill(keycloak: Keycloak) -> None:
    async with Admin(keycloak) as admin:
        await fill(admin)


if __name__ == "__main__":
    try:
        export(Path(sys.argv[1]))
    except KeycloakMissing as error:
        sys.exit(str(error))
