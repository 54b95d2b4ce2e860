"""PostgreSQL: whether it answers, whether this release can serve on it, and whose clock is right."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg

from app.cli.diagnosis.finding import Finding, fault, ok, warning
from app.foundation.clock import MAX_OFFSET, Clock
from app.foundation.dsn import driver_dsn
from app.migrations.chain import REVISION_DIGITS, newest_revision

_CHECK = "database"
_CONNECT_SECONDS = 3.0
_VERSIONS = range(15, 19)
# Closer than this is what a network and a loaded machine make of two right clocks.
_NOTABLE_OFFSET = timedelta(seconds=2)
_START = "Start PostgreSQL, or correct DATABASE__URL; is the host's name right, and does a firewall stand between?"
_LOOK = """
SELECT current_setting('server_version_num')::int / 10000 AS version, pg_is_in_recovery() AS standby,
       current_setting('max_connections')::int AS connections, to_regclass('alembic_version') IS NOT NULL AS migrated
"""


async def examine_database(url: str, pool_size: int | None) -> list[Finding]:
    """Look at the database of a `postgresql+asyncpg://` URL. The first fault ends the look."""
    try:
        async with _connected(url) as connection:
            return await _look(connection, pool_size)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        return [_unreachable(error)]


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator["asyncpg.Connection"]:
    connection = await asyncpg.connect(driver_dsn(url), timeout=_CONNECT_SECONDS, command_timeout=_CONNECT_SECONDS)
    try:
        yield connection
    finally:
        await connection.close()


async def _look(connection: "asyncpg.Connection", pool_size: int | None) -> list[Finding]:
    facts = await connection.fetchrow(_LOOK)
    if facts["version"] not in _VERSIONS:
        cure = f"Use PostgreSQL {_VERSIONS[0]} to {_VERSIONS[-1]}."
        return [fault(_CHECK, f"PostgreSQL {facts['version']} is not among the versions that are tested.", cure)]
    if facts["standby"]:
        return [fault(_CHECK, "This is a standby, which takes no changes.", "Let DATABASE__URL name the primary.")]
    findings = [ok(_CHECK, f"PostgreSQL {facts['version']}")]
    if pool_size is not None and 2 * pool_size > facts["connections"] - 3:
        cure = "Lower DATABASE__POOL_SIZE, or raise max_connections: each process may open twice the pool's size."
        findings.append(warning(_CHECK, f"It takes only {facts['connections']} connections.", cure))
    findings.append(await _schema(connection, migrated=facts["migrated"]))
    findings.append(await _clock(connection))
    return findings


async def _schema(connection: "asyncpg.Connection", *, migrated: bool) -> Finding:
    newest = newest_revision()
    revision = await connection.fetchval("SELECT version_num FROM alembic_version") if migrated else None
    if revision is None:
        return fault("schema", "The database was never migrated.", "Run `auth-service migrate`.")
    at = str(revision)[:REVISION_DIGITS]
    if at < newest:
        return fault("schema", f"It is at revision {at}; this release needs {newest}.", "Run `auth-service migrate`.")
    if at > newest:
        found = f"It is at revision {at}, and this release at {newest}: a newer one has migrated it."
        return warning("schema", found, "Finish the upgrade: a release runs on its own schema and on the next one.")
    return ok("schema", f"at revision {at}, which is this release's")


async def _clock(connection: "asyncpg.Connection") -> Finding:
    clock = Clock()
    offset = await clock.measure(lambda: connection.fetchval("SELECT clock_timestamp()"))
    found = f"{abs(offset.total_seconds()):.3f} s {'behind' if offset > timedelta(0) else 'ahead of'} the database's"
    cure = "Set the clocks of this host and of the database's host by NTP."
    if not clock.is_trustworthy:
        return fault("clock", f"{found}: beyond {MAX_OFFSET.total_seconds():.0f} s no process is ready.", cure)
    if abs(offset) > _NOTABLE_OFFSET:
        return warning("clock", found, cure)
    return ok("clock", found)


def _unreachable(error: Exception) -> Finding:
    """The fault in words of ours: a library's may quote parts of the URL, the password among them."""
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        found, cure = "It refuses this user or password.", "Correct user and password in DATABASE__URL."
    elif isinstance(error, asyncpg.InvalidCatalogNameError):
        found, cure = "The server has no database of that name.", "Create it, or correct the name in DATABASE__URL."
    elif isinstance(error, asyncpg.InsufficientPrivilegeError):
        found, cure = "This user may not do what the service does.", "Make it the owner of the database's tables."
    elif isinstance(error, asyncpg.TooManyConnectionsError):
        found, cure = "It has no connection left.", "Lower DATABASE__POOL_SIZE, or raise max_connections."
    elif isinstance(error, asyncpg.CannotConnectNowError):
        found, cure = "It is starting or stopping.", "Wait a moment and ask again."
    elif isinstance(error, asyncpg.PostgresError):
        found, cure = f"It answers with an error ({type(error).__name__}).", "See the server's own log."
    elif isinstance(error, TimeoutError):
        found, cure = f"Nobody answers within {_CONNECT_SECONDS:.0f} s.", _START
    elif isinstance(error, OSError):
        found, cure = f"Nobody answers ({error.strerror or type(error).__name__}).", _START
    else:
        found = "DATABASE__URL cannot be understood."
        cure = "Write postgresql+asyncpg://user:password@host:port/name; in a password / is %2F, @ is %40, # is %23."
    return fault(_CHECK, found, cure)
