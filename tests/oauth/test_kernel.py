"""What we use of aioauth, and one contract for every storage that its grant types may stand on."""

import importlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from aioauth.models import Client, Token
from aioauth.requests import Request
from aioauth.storage import BaseStorage

from app.audit.event import SYSTEM
from app.foundation.oauth_errors import InvalidClient, InvalidScope, UnauthorizedClient, UnsupportedGrantType
from app.oauth.kernel import dispatch
from app.oauth.kernel.dispatch import Kernel
from app.oauth.kernel.request import Asked, kernel_request
from app.oauth.kernel.storage import AuthStorage
from app.wiring import Services
from tests.oauth.conftest import ORIGIN, MakeClient

pytestmark = pytest.mark.anyio

KERNEL = Path(dispatch.__file__).parent


class MemoryStorage(BaseStorage):
    """The same contract, on a dictionary."""

    def __init__(self, client: Client) -> None:
        self.clients = {client.client_id: client}
        self.tokens: dict[str, Token] = {}

    async def get_client(self, *, request: Request, client_id: str, client_secret: str | None = None) -> Client | None:
        return self.clients.get(client_id)

    async def create_token(
        self, *, request: Request, client_id: str, scope: str, access_token: str, refresh_token: str | None = None
    ) -> Token:
        scope = scope or self.clients[client_id].scope
        token = Token(f"t{len(self.tokens)}", None, scope, int(time.time()), 600, 0, client_id)
        self.tokens[token.access_token] = token
        return token

    async def get_token(
        self,
        *,
        request: Request,
        client_id: str,
        token_type: str | None = None,
        access_token: str | None = None,
        refresh_token: str | None = None,
    ) -> Token | None:
        found = self.tokens.get(access_token or "")
        return found if found is not None and found.client_id == client_id else None


@pytest.fixture(params=["memory", "postgres"])
async def stood_on(
    request: pytest.FixtureRequest, services: Services, make_client: MakeClient
) -> AsyncIterator[tuple[BaseStorage, str, Asked | None]]:
    """A storage with one client, which holds orders:read and orders:write and has the client credentials grant."""
    if request.param == "memory":
        yield MemoryStorage(Client("c_1", "", ["client_credentials"], [], [], "orders:read orders:write")), "c_1", None
        return
    made = await make_client(targets={"orders-api": ("orders:read", "orders:write")})
    oauth = services.oauth
    storage = AuthStorage(
        services.db,
        clients=services.clients,
        tokens=oauth.tokens,
        liveness=oauth.liveness,
        keys=services.keys,
        issuer=services.settings.public_url,
    )
    client = await oauth.directory.read(made.client_id)
    assert client is not None
    yield (
        storage,
        made.client_id,
        Asked(client=client, audience=await services.audiences.get("orders-api"), origin=ORIGIN),
    )


async def test_a_client_is_found_with_what_it_may_do(stood_on: tuple[BaseStorage, str, Asked | None]) -> None:
    storage, client_id, asked = stood_on
    for carried in (asked, None):
        found = await storage.get_client(request=kernel_request("client_credentials", "", carried), client_id=client_id)
        assert found is not None
        assert found.check_grant_type("client_credentials")
        assert found.check_scope("orders:write orders:read")
        assert not found.check_scope("orders:read orders:eat")
    unknown = await storage.get_client(request=kernel_request("client_credentials", ""), client_id="c_unknown")
    assert unknown is None


async def test_a_token_is_made_found_and_nobody_elses(stood_on: tuple[BaseStorage, str, Asked | None]) -> None:
    storage, client_id, asked = stood_on
    answer = await Kernel(storage).redeem("client_credentials", client_id=client_id, scope="orders:read", asked=asked)
    assert (answer.scope, answer.refresh_token, answer.token_type) == ("orders:read", None, "Bearer")
    request = kernel_request("client_credentials", "")
    found = await storage.get_token(request=request, client_id=client_id, access_token=answer.access_token)
    assert found is not None
    assert (found.client_id, found.scope, found.revoked, found.is_expired) == (client_id, "orders:read", False, False)
    for whose, token in ((client_id, "nothing"), ("c_unknown", answer.access_token)):
        assert await storage.get_token(request=request, client_id=whose, access_token=token) is None


async def test_without_a_scope_a_token_has_all(stood_on: tuple[BaseStorage, str, Asked | None]) -> None:
    storage, client_id, asked = stood_on
    answer = await Kernel(storage).redeem("client_credentials", client_id=client_id, scope="", asked=asked)
    assert answer.scope == "orders:read orders:write"


async def test_refusals_are_told_in_our_words(stood_on: tuple[BaseStorage, str, Asked | None]) -> None:
    storage, client_id, asked = stood_on
    kernel = Kernel(storage)
    with pytest.raises(InvalidScope):
        await kernel.redeem("client_credentials", client_id=client_id, scope="orders:eat", asked=asked)
    with pytest.raises(InvalidClient):
        await kernel.redeem("client_credentials", client_id="c_unknown", scope="", asked=None)
    with pytest.raises(UnsupportedGrantType):
        await kernel.redeem("password", client_id=client_id, scope="", asked=asked)
    if asked is None:
        assert isinstance(storage, MemoryStorage)
        storage.clients[client_id].grant_types = []
    else:
        asked = replace(asked, client=replace(asked.client, grant_types=frozenset()))
    with pytest.raises(UnauthorizedClient):
        await kernel.redeem("client_credentials", client_id=client_id, scope="", asked=asked)


async def test_a_disabled_client_is_not_found(services: Services, make_client: MakeClient) -> None:
    made = await make_client()
    async with services.db.transaction() as tx:
        await services.clients.disable(tx, made.client_id, actor=SYSTEM, origin=ORIGIN)
    storage = AuthStorage(
        services.db,
        clients=services.clients,
        tokens=services.oauth.tokens,
        liveness=services.oauth.liveness,
        keys=services.keys,
        issuer=services.settings.public_url,
    )
    assert await storage.get_client(request=kernel_request("", ""), client_id=made.client_id) is None


def test_the_librarys_version_and_names_are_those_that_were_examined() -> None:
    assert version("aioauth") == "2.0.1"
    used = set()
    for path in KERNEL.glob("*.py"):
        for module, names in re.findall(r"(?m)^from (aioauth[\w.]*) import (.+)$", path.read_text()):
            used |= {f"{module}.{name.strip()}" for name in names.split(",")}
        assert re.findall(r"(?m)^import aioauth", path.read_text()) == []
    assert used == set(dispatch.NAMES)
    for dotted in dispatch.NAMES:
        module, _, name = dotted.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
