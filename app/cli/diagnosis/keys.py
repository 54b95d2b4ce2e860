"""The signing keys as they are stored, and demo data, which production must not hold."""

from sqlalchemy.exc import SQLAlchemyError

from app.cli.diagnosis.finding import Finding, fault, ok, warning
from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.errors import Unavailable
from app.foundation.settings import RedisSettings
from app.protocols.jose.algorithms import Algorithm
from app.settings import Settings
from app.signing_keys.examine import ExaminedKey, examine
from app.signing_keys.keyset import KeyState
from app.wiring import build

_CHECK = "signing keys"
_ODD_URL = fault("database", "DATABASE__URL holds an option that is not known here.", "Leave out what follows the ?.")
_CURES = {
    "ENCRYPTION__KEYS": "Put the former key back into ENCRYPTION__KEYS, behind the first.",
    "altered": "Restore the table signing_keys from a backup.",
}


async def examine_keys(settings: Settings) -> tuple[list[ExaminedKey], list[Finding]]:
    """The published keys and what is wrong with them. The database must have been found well before."""
    keyring = Keyring(settings.encryption.parsed())
    try:
        db = Database(settings.database.url.get_secret_value(), pool_size=1)
    except (SQLAlchemyError, ValueError):
        return [], [_ODD_URL]
    try:
        async with db.transaction() as tx:
            keys = await examine(tx, keyring)
    except TypeError:
        # An option of the URL goes to the driver as an argument, which it may not know.
        return [], [_ODD_URL]
    except (Unavailable, SQLAlchemyError):
        cure = "Let DATABASE__URL name a user who owns the service's tables, and run `auth-service migrate`."
        return [], [fault(_CHECK, "They cannot be read.", cure)]
    finally:
        await db.close()
    return keys, [*_damaged(keys), *_incomplete(keys, settings.jwt.algorithm)] or [_well(keys)]


async def examine_demo(settings: Settings) -> list[Finding]:
    """Demo accounts in production. The database must have been found well before."""
    if not settings.is_production:
        return []
    # Without the cache, whose URL may be what is wrong.
    services = build(settings.model_copy(update={"redis": RedisSettings()}))
    try:
        async with services.db.transaction() as tx:
            present = await services.users.any_demo(tx)
    except (Unavailable, SQLAlchemyError):
        return []
    finally:
        await services.close()
    if not present:
        return []
    words = "The database holds demo data, whose passwords anyone can read."
    return [fault("demo data", words, "Use another database in production.")]


def _damaged(keys: list[ExaminedKey]) -> list[Finding]:
    return [
        fault(_CHECK, f"The {key.state.value} {key.algorithm.value} key {key.kid} cannot be decrypted: {damage}.", cure)
        for key in keys
        if (damage := key.damage) is not None
        for word, cure in _CURES.items()
        if word in damage
    ]


def _incomplete(keys: list[ExaminedKey], default: Algorithm) -> list[Finding]:
    if not keys:
        return [warning(_CHECK, "There is none yet.", "Start the service: its first start makes them.")]
    cure = "Restart one web process: a start makes the keys that are missing."
    wanted = {Algorithm.RS256, default} | {key.algorithm for key in keys}
    has = {(key.algorithm, key.state) for key in keys}
    return [
        fault(_CHECK, f"{algorithm.value} has no {state.value} key.", cure)
        for algorithm in sorted(wanted)
        for state in (KeyState.ACTIVE, KeyState.NEXT)
        if (algorithm, state) not in has
    ]


def _well(keys: list[ExaminedKey]) -> Finding:
    algorithms = ", ".join(sorted({key.algorithm.value for key in keys}))
    return ok(_CHECK, f"{len(keys)} published and decryptable; an active and a next one for {algorithms}")
