"""What every process does beside its requests: publish if it leads, follow in any case."""

import asyncio
import logging

import asyncpg

from app.audit.chaining import AuditChaining
from app.foundation.db import Database
from app.revocation.follow import Follower
from app.revocation.publish import Publisher
from app.revocation.wake import Wake

# The floor: without a cache everybody hears of a revocation after two such looks at most.
LOOK_SECONDS = 0.1
# In a storm several revocations share a look: its statements, its commit, and a batch for each audience.
LEAST_SECONDS = 0.025
_LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_logger = logging.getLogger(__name__)


class Feed:
    """One process's own connection to the registry, outside the pools: the lock of who leads hangs on it."""

    def __init__(
        self, db: Database, wake: Wake, chaining: AuditChaining, *, publisher: Publisher, follower: Follower
    ) -> None:
        self._db = db
        self._wake = wake
        self._chaining = chaining
        self.publisher = publisher
        self.follower = follower

    async def run(self) -> None:
        """Publish and follow for as long as the process lives: the coroutine of a background task."""
        failing = False
        while True:
            try:
                async with self._db.dedicated() as connection:
                    failing = False
                    await self._work(connection)
            except _LOST as error:
                if self.publisher.lost_its_turn() and not isinstance(error, OSError | TimeoutError):
                    # The driver calls the server's goodbye an InternalClientError, which tells nobody anything.
                    _logger.warning("this process was held up and lost its turn to publish; it follows on")
                elif not failing:
                    _logger.warning("the feed of revocations is interrupted (%s)", type(error).__name__)
                failing = True
            finally:
                self.publisher.reset()
            await asyncio.sleep(LOOK_SECONDS)

    async def _work(self, connection: "asyncpg.Connection") -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_at = loop.time()
            more = await self._turn(connection)
            if not more:
                await self._wake.wait(LOOK_SECONDS)
                await asyncio.sleep(began_at + LEAST_SECONDS - loop.time())

    async def _turn(self, connection: "asyncpg.Connection") -> bool:
        """Do what there is to do once; return whether there is more of it."""
        written = self._wake.take_written()
        position, numbered = await self.publisher.look(connection)
        await self.follower.read(connection, position)
        if numbered or (written and not self.publisher.leads):
            await self._wake.tell()
        return self.publisher.leads and await self._chaining.step(connection)
