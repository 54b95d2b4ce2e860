import base64
from collections.abc import Awaitable, Callable

import pytest

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.clients.service import NewCredentials
from app.foundation.origin import Origin
from app.wiring import Services

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)


def basic(client_id: str, secret: str | None) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


@pytest.fixture
def make_client(services: Services) -> Callable[..., Awaitable[NewCredentials]]:
    async def make(
        audience: str | None = "orders-api",
        scopes: tuple[str, ...] = ("introspection",),
        name: str = "orders",
        **more: object,
    ) -> NewCredentials:
        definition = ClientDefinition(name=name, audience=audience, scopes=scopes, **more)
        async with services.db.transaction() as tx:
            return await services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)

    return make
