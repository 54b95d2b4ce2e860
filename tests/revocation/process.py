"""A process that publishes and follows, and nothing else: `python -m tests.revocation.process DATABASE [REDIS]`."""

import asyncio
import sys

from app.audit.chaining import AuditChaining
from app.foundation.cache import Cache
from app.foundation.db import Database
from app.revocation.feed import Feed
from app.revocation.follow import Follower
from app.revocation.publish import Publisher
from app.revocation.wake import Wake


async def main(database_url: str, redis_url: str | None) -> None:
    cache = Cache(redis_url)
    wake = Wake(cache)
    feed = Feed(Database(database_url, pool_size=1), wake, AuditChaining(), publisher=Publisher(), follower=Follower())
    hearing = asyncio.create_task(wake.hear())
    await asyncio.gather(hearing, feed.run())


asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
