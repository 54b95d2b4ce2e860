"""What an administrator of Keycloak does, by its REST interface."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx2

from tools.keycloak.server import Keycloak

_SECONDS = 60
_KEYS = "org.keycloak.keys.KeyProvider"


class Admin:
    """The administrator of a running Keycloak. `Any` is JSON of Keycloak's; refusals raise httpx2.HTTPStatusError."""

    def __init__(self, keycloak: Keycloak) -> None:
        self.keycloak = keycloak
        self._http = httpx2.AsyncClient(timeout=_SECONDS)
        self._token: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def call(self, method: str, path: str, json: Any = None) -> httpx2.Response:
        """Ask `/admin/realms<path>`, whatever else of it a test needs."""
        if self._token is None:
            await self._sign_in()
        answer = await self._send(method, path, json)
        if answer.status_code == 401:
            # Its administrators' tokens live for a minute.
            await self._sign_in()
            answer = await self._send(method, path, json)
        return answer.raise_for_status()

    async def import_realm(self, definition: Mapping[str, Any]) -> str:
        """Make a realm of what could stand in a realm's file; its issuer."""
        await self.call("POST", "", dict(definition))
        return self.keycloak.issuer(definition["realm"])

    async def remove_realm(self, realm: str) -> None:
        """Remove a realm with everything in it."""
        await self.call("DELETE", f"/{realm}")

    async def change_realm(self, realm: str, **fields: Any) -> None:
        """Change settings of a realm, as `accessTokenLifespan=60`."""
        await self.call("PUT", f"/{realm}", fields)

    async def user(self, realm: str, username: str) -> dict[str, Any]:
        """A user by their name."""
        found = (await self.call("GET", f"/{realm}/users?exact=true&username={username}")).json()
        assert len(found) == 1, f"{len(found)} users in {realm} are called {username}"  # noqa: S101
        return dict(found[0])

    async def make_user(self, realm: str, username: str, password: str, **fields: Any) -> str:
        """Make a user with a password, a verified address and names; their id, which is the `sub`."""
        given = {"email": f"{username}@example.com", "firstName": username.title(), "lastName": "Test"} | fields
        secret = {"type": "password", "value": password, "temporary": False}
        user = {"username": username, "enabled": True, "emailVerified": True, "credentials": [secret]} | given
        await self.call("POST", f"/{realm}/users", user)
        return str((await self.user(realm, username))["id"])

    async def sign_out(self, realm: str, user_id: str) -> None:
        """End every session of a user; clients with a back channel are told."""
        await self.call("POST", f"/{realm}/users/{user_id}/logout")

    async def make_role(self, realm: str, name: str, *, client_id: str | None = None) -> None:
        """Make a role of the realm, or of a client."""
        await self.call("POST", f"{await self._owner(realm, client_id)}/roles", {"name": name})

    async def give_role(self, realm: str, user_id: str, name: str, *, client_id: str | None = None) -> None:
        """Give a user a role of the realm, or of a client."""
        path, role = await self._mapping(realm, user_id, name, client_id)
        await self.call("POST", path, [role])

    async def take_role(self, realm: str, user_id: str, name: str, *, client_id: str | None = None) -> None:
        """Take a role from a user."""
        path, role = await self._mapping(realm, user_id, name, client_id)
        await self.call("DELETE", path, [role])

    async def make_client(self, realm: str, **fields: Any) -> dict[str, Any]:
        """Make a client (`clientId`, `secret`, `redirectUris`, `attributes`, …) as Keycloak then shows it."""
        await self.call("POST", f"/{realm}/clients", fields)
        return await self.client(realm, fields["clientId"])

    async def client(self, realm: str, client_id: str) -> dict[str, Any]:
        """A client by its `clientId`."""
        found = (await self.call("GET", f"/{realm}/clients?clientId={client_id}")).json()
        assert len(found) == 1, f"{len(found)} clients in {realm} are called {client_id}"  # noqa: S101
        return dict(found[0])

    async def change_client(self, realm: str, client_id: str, **fields: Any) -> None:
        """Change fields of a client; the others stay."""
        known = await self.client(realm, client_id)
        await self.call("PUT", f"/{realm}/clients/{known['id']}", known | fields)

    async def rotate_keys(self, realm: str, *, drop_former: bool = False) -> None:
        """Make a new RSA key that signs from now on; the former ones verify on, unless they are dropped."""
        path = f"/{realm}/components"
        known = (await self.call("GET", f"{path}?type={_KEYS}")).json()
        former = [component for component in known if component["providerId"] == "rsa-generated"]
        priority = max(int(component["config"].get("priority", ["0"])[0]) for component in former)
        config = {"priority": [str(priority + 1)], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]}
        key = {"name": f"rsa-{uuid4().hex[:8]}", "providerId": "rsa-generated", "providerType": _KEYS, "config": config}
        await self.call("POST", path, key)
        if drop_former:
            for component in former:
                await self.call("DELETE", f"{path}/{component['id']}")

    async def tokens(self, realm: str, client_id: str, **form: str) -> dict[str, Any]:
        """Tokens from a realm's token endpoint; `grant_type` and what belongs to it is the form."""
        answer = await self._http.post(self._token_endpoint(realm), data={"client_id": client_id} | form)
        return dict(answer.raise_for_status().json())

    async def _owner(self, realm: str, client_id: str | None) -> str:
        return f"/{realm}" if client_id is None else f"/{realm}/clients/{(await self.client(realm, client_id))['id']}"

    async def _mapping(self, realm: str, user_id: str, name: str, client_id: str | None) -> tuple[str, Any]:
        owner = await self._owner(realm, client_id)
        role = (await self.call("GET", f"{owner}/roles/{name}")).json()
        kind = "realm" if client_id is None else f"clients/{owner.rpartition('/')[2]}"
        return f"/{realm}/users/{user_id}/role-mappings/{kind}", role

    async def _send(self, method: str, path: str, json: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        return await self._http.request(method, f"{self.keycloak.url}/admin/realms{path}", json=json, headers=headers)

    async def _sign_in(self) -> None:
        form = {"grant_type": "password", "username": self.keycloak.admin_name}
        found = await self.tokens("master", "admin-cli", **form, password=self.keycloak.admin_password)
        self._token = found["access_token"]

    def _token_endpoint(self, realm: str) -> str:
        return f"{self.keycloak.issuer(realm)}/protocol/openid-connect/token"
