"""The service as its clients meet it: on a loopback port, with people and registered clients."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.clients.service import NewCredentials
from app.foundation.origin import Origin
from app.main import create_app
from app.settings import Settings
from app.wiring import Services, build
from app.worker import Worker
from tests.browser.conftest import served
from tests.interop.person import Person
from tests.support import PASSWORD

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)


@dataclass
class Site:
    """The running service. `url` is the issuer, and all that a client is told beside its own credentials."""

    url: str
    services: Services

    async def register(self, **stated: Any) -> NewCredentials:
        """Register a client for signing people in, unless told otherwise."""
        definition = ClientDefinition(
            **{"name": "app", "grant_types": ("authorization_code", "refresh_token"), **stated}
        )
        async with self.services.db.transaction() as tx:
            return await self.services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)


class Persons:
    """Makes accounts, each with a browser of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._opened: list[Person] = []

    async def sign_up(self, email: str, **fields: object) -> Person:
        """A new account; its browser is signed in nowhere."""
        person = Person(self._site.url, email, PASSWORD)
        self._opened.append(person)
        answer = await person.http.post(
            f"{self._site.url}/auth/signup", json={"email": email, "password": PASSWORD, **fields}
        )
        assert answer.status_code == 201, answer.text
        return person

    async def close(self) -> None:
        for person in self._opened:
            await person.close()


@contextlib.asynccontextmanager
async def serving(settings: Settings, listener: socket.socket) -> AsyncIterator[Site]:
    """The service with its worker, for the length of the block."""
    services = build(settings)
    await services.open()
    work = asyncio.create_task(Worker(services).run())
    try:
        async with served(create_app(services=services), listener):
            yield Site(settings.public_url, services)
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        await services.close()
