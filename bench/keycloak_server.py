"""Who issues the Keycloak tokens of `bench.foreign_issuer`: a real Keycloak, or one in memory where there is none."""

import asyncio
import contextlib
import os
from dataclasses import dataclass

import httpx2

from bench.peer_environment import peer_environment
from bench.peers.introspection import CLIENT_ID, CLIENT_SECRET, REALM
from bench.processes import LOAD_CORE, BenchError
from bench.run import Run
from bench.service import application
from tools.keycloak import server
from tools.keycloak.admin import Admin
from tools.keycloak.distribution import FOLDER, VERSION, KeycloakMissing
from tools.keycloak.server import Keycloak

_SECONDS = 7200
_AUDIENCE = {
    "name": "audience",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-audience-mapper",
    "config": {"included.client.audience": CLIENT_ID, "access.token.claim": "true", "id.token.claim": "false"},
}


@dataclass(frozen=True, slots=True)
class Provider:
    """A server with a realm and a client for this bench. `name` is what it is called in a note."""

    url: str
    name: str

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""
        return f"{self.url}/realms/{REALM}"

    def tokens(self, count: int) -> list[str]:
        """New tokens of the client's own. Raises BenchError."""
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        with httpx2.Client(trust_env=False, timeout=60) as http:
            answers = [http.post(f"{self.issuer}/protocol/openid-connect/token", data=form) for _ in range(count)]
        for answer in answers:
            if not answer.is_success:
                raise BenchError(f"{self.name} issues no token: {answer.status_code} {answer.text}")
        return [answer.json()["access_token"] for answer in answers]


def provider(stack: contextlib.ExitStack, run: Run) -> Provider:
    """Start one until the end of the stack. Raises PeersMissing, BenchError."""
    try:
        started = stack.enter_context(server.running(FOLDER / "runs" / f"bench-{os.getpid()}"))
        asyncio.run(_prepare(started))
    except KeycloakMissing as error:
        env = {"KEYCLOAK": "in memory"}
        standing_in = application(
            "bench.peers.keycloak:application",
            core=LOAD_CORE,
            folder=run.folder,
            env=env,
            interpreter=peer_environment().python,
        )
        _, port = stack.enter_context(standing_in)
        return Provider(f"http://127.0.0.1:{port}", f"a stand-in in memory, cheaper than any real one ({error})")
    return Provider(started.url, f"Keycloak {VERSION}")


async def _prepare(keycloak: Keycloak) -> None:
    client = {
        "clientId": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "protocolMappers": [_AUDIENCE],
    }
    realm = {"realm": REALM, "enabled": True, "sslRequired": "none", "accessTokenLifespan": _SECONDS}
    async with Admin(keycloak) as admin:
        await admin.import_realm({**realm, "clients": [client]})
