"""What `DATABASE__URL` means to each user of it: one address, read by the driver alone.

SQLAlchemy and asyncpg name the options of a connection differently. Everything after the `?` is asyncpg's and
libpq's (`sslmode`, `sslrootcert`, `application_name`, …) for both pools, the migrations and the commands.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg

ENGINE_URL = "postgresql+asyncpg://"
"""What an engine is created with, beside `async_creator=connecting(…)`: the dialect, and nothing of the address."""


def driver_dsn(url: str) -> str:
    """The address as asyncpg reads it, of a `postgresql+asyncpg://` URL. `ssl=` is taken for `sslmode=`."""
    address, mark, options = url.replace("postgresql+asyncpg://", "postgresql://", 1).partition("?")
    # SQLAlchemy's name for the same option.
    named = (f"sslmode={option[4:]}" if option.startswith("ssl=") else option for option in options.split("&"))
    return address + mark + "&".join(named)


def connecting(url: str, **options: float) -> Callable[[], Awaitable["asyncpg.Connection"]]:
    """How an engine opens a connection; `options` are `asyncpg.connect`'s."""
    return partial(asyncpg.connect, driver_dsn(url), **options)
