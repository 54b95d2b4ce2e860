"""Services that may call receivers on loopback, a receiver, and endpoints that lead to it."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.audit.event import Actor, ActorKind, Event
from app.foundation.engines.lock import Engines
from app.foundation.origin import Origin
from app.settings import Settings
from app.users.events import UserUpdated
from app.webhooks.endpoint import NewSecret
from app.wiring import Services
from app.worker import Worker
from tests.conftest import settings_for
from tests.mailbox import working
from tests.webhooks.receiver import Receiver, receiving

OPERATOR = Actor(ActorKind.OPERATOR, "test")
ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)


@pytest.fixture
def settings(database_url: str, engines: Engines) -> Settings:
    webhooks = {"timeout_seconds": 4, "pause_after_seconds": 3 * 86_400}
    return settings_for(database_url, engines, http={"allow_private": ["127.0.0.0/8"]}, webhooks=webhooks)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
async def worker(services: Services) -> AsyncIterator[Worker]:
    async with working(Worker(services)) as at_work:
        yield at_work


class Hooks:
    """What tests do with webhooks."""

    def __init__(self, services: Services, receiver: Receiver) -> None:
        self._services = services
        self._receiver = receiver

    async def create(self, path: str = "/in", *types: str) -> NewSecret:
        return await self._services.webhooks.registry.create(
            url=self._receiver.url(path), event_types=types or ("*",), description=None, actor=OPERATOR, origin=ORIGIN
        )

    async def happen(self, *subjects: str, **fields: Any) -> None:
        """A change of each subject, each in a transaction of its own; `changed` counts them."""
        for number, subject in enumerate(subjects):
            changed = fields.get("changed", str(number))
            await self.record(UserUpdated(actor=OPERATOR, origin=ORIGIN, subject=subject, changed=changed))

    async def record(self, *events: Event) -> None:
        async with self._services.db.transaction() as tx:
            for event in events:
                await self._services.audit.record(tx, event)

    async def deliveries(self, endpoint_id: UUID) -> list[Any]:
        """Every delivery of an endpoint, the oldest first."""
        rows = await self._services.webhooks.log.list(endpoint_id, limit=1000)
        return sorted(rows, key=lambda row: row.position)

    async def states(self, endpoint_id: UUID) -> list[str]:
        return [row.state for row in await self.deliveries(endpoint_id)]

    async def attempts(self, endpoint_id: UUID) -> list[Any]:
        logged = [
            await self._services.webhooks.log.get(endpoint_id, row.id) for row in await self.deliveries(endpoint_id)
        ]
        return [attempt for each in logged for attempt in reversed(each.attempts)]

    async def failed(self, endpoint_id: UUID, since: timedelta, failures: int = 50) -> None:
        """Let an endpoint have failed for so long."""
        async with self._services.db.transaction() as tx:
            await tx.execute(
                text("UPDATE webhook_endpoints SET failures = :failures, failing_since = :since WHERE id = :id"),
                {"failures": failures, "since": self._services.clock.now() - since, "id": endpoint_id},
            )


@pytest.fixture
def hooks(services: Services, receiver: Receiver) -> Hooks:
    return Hooks(services, receiver)


@pytest.fixture
def later(services: Services) -> Callable[[timedelta], None]:
    """Move the clock of the services on."""

    def move(by: timedelta) -> None:
        services.clock.offset += by

    return move
