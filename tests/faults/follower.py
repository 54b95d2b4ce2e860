"""A downstream service that follows a deployment's feed while something behind it fails."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from tests.cli.running import run
from tests.faults.deployment import Deployment
from tests.signals.downstream import Downstream, Wire, guarded, until, wired

EVERY_SECONDS = 0.05


class Verifying:
    """What a service answered to a token that counts, and how often it asked about it."""

    def __init__(self, service: Downstream, wire: Wire, headers: dict[str, str]) -> None:
        self.statuses: list[int] = []
        self._service = service
        self._wire = wire
        self._headers = headers
        self._before = self.asked

    @property
    def asked(self) -> int:
        return self._wire.passed["/auth/validate"]

    @property
    def questions(self) -> int:
        """Questions since the drill began."""
        return self.asked - self._before

    async def forever(self) -> None:
        while True:
            self.statuses.append(await self._service.status(self._headers))
            await asyncio.sleep(EVERY_SECONDS)


@contextlib.asynccontextmanager
async def verifying(deployment: Deployment, headers: dict[str, str], *, staleness: float) -> AsyncIterator[Verifying]:
    """A service that is called all the time, by a token that it knows."""
    stated = ("--name", "orders", "--audience", "orders-api", "--scope", "revocations:read", "--json")
    made = await asyncio.to_thread(run, "create-client", *stated, environment=deployment.environment)
    assert made.returncode == 0, made.stderr
    client = json.loads(made.stdout)
    pair = client["client_id"], client["client_secret"]
    async with wired() as wire:
        service = guarded(deployment.url, pair, issuer=deployment.url, staleness=staleness)
        await service.status({})
        await service.follows()
        await until(lambda: service.guard.following.is_known_within(2))
        assert await service.status(headers) == 200
        drill = Verifying(service, wire, headers)
        task = asyncio.create_task(drill.forever())
        try:
            yield drill
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
