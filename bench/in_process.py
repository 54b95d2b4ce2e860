"""The service's own parts in the bench's process, on an engine of their own: for what is measured without HTTP."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.foundation.engines.instance import Instance
from app.migrations.run import migrate
from app.settings import Settings
from app.wiring import Services, build

_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
_ANSWER_SECONDS = 30


@asynccontextmanager
async def services_of_their_own(name: str) -> AsyncIterator[Services]:
    """Open services on a durable PostgreSQL that goes when the block ends. `name` is part of its folder's."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder, Instance(Path(folder), durable=True) as engine:
        url = engine.start().database_url
        await migrate(url, datetime.now(UTC))
        settings = Settings(
            environment="development",
            public_url="http://localhost:8000",
            database={"url": url, "answer_seconds": _ANSWER_SECONDS},
            encryption={"keys": _KEY},
        )
        services = build(settings)
        await services.open()
        try:
            yield services
        finally:
            await services.close()
