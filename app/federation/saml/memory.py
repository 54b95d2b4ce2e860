"""What must be remembered of messages: that one counted, who waits for their browser, and sessions elsewhere.

All of it is in Postgres, for every process and after every restart.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from app.federation.saml import store
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import DecryptionFailed, Keyring
from app.foundation.secrets import encode_secret, hash_secret, is_random_secret, random_secret
from app.protocols.saml.assertion import NameID

# The browser is told to come at once.
WAITS = timedelta(seconds=120)
_ARRIVAL = "saml arrival"
_SESSION = "saml session"


class SeenMessages:
    """Lets each message of a provider count once."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def claim(self, issuer: str, message_id: str, *, until: datetime) -> bool:
        """Note a message that is good until then; False where it was noted before. Raises DatabaseUnavailable."""
        row = await self._db.fetchrow(store.SEE, _digest(issuer, message_id), until)
        return row is not None


class ParkedResponses:
    """Keeps what a verified response says until its browser comes for it: once, and within two minutes."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring

    async def park(self, said: Mapping[str, Any]) -> str:
        """Keep it, and return the id by which it is taken."""
        raw_id = random_secret()
        id_hash = hash_secret(raw_id)
        sealed = self._keyring.encrypt(json.dumps(dict(said)).encode(), purpose=_ARRIVAL, bound_to=id_hash.hex())
        await self._db.fetchrow(store.PARK, id_hash, sealed, self._clock.now() + WAITS)
        return raw_id

    async def take(self, raw_id: str) -> dict[str, Any] | None:
        """What was kept, for the first who asks; None for everybody else, and once it is too late."""
        if not is_random_secret(raw_id):
            return None
        id_hash = hash_secret(raw_id)
        row = await self._db.fetchrow(store.TAKE, id_hash, self._clock.now())
        if row is None:
            return None
        try:
            said: dict[str, Any] = json.loads(
                self._keyring.decrypt(row["sealed"], purpose=_ARRIVAL, bound_to=id_hash.hex())
            )
        except DecryptionFailed:
            # A key has left the ring meanwhile: the person begins again.
            return None
        return said


class UpstreamSessions:
    """The sessions at providers that sign-ins here came of, by one name for person and session together.

    A provider's own index may be as short as `1` and another person's too (Core §2.7.2), and a person may have another
    name each time: neither says by itself which session is meant.
    """

    def __init__(self, db: Database, clock: Clock, keyring: Keyring) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring

    async def keep(self, issuer: str, name: NameID, index: str | None) -> str:
        """Note a session, and return the name of it."""
        session = session_of(issuer, name, index)
        said = json.dumps({"name": asdict(name), "index": index}).encode()
        sealed = self._keyring.encrypt(said, purpose=_SESSION, bound_to=session)
        digest = _digest_of_name(issuer, name)
        await self._db.fetchrow(store.KEEP_SESSION, session, digest, sealed, self._clock.now())
        return session

    async def named(self, issuer: str, name: NameID, indexes: Sequence[str]) -> tuple[str, ...]:
        """The sessions of somebody that a provider means: those of these indexes, or all where there is none."""
        if indexes:
            return tuple(session_of(issuer, name, index) for index in indexes)
        row = await self._db.fetchrow(store.SESSIONS_OF_NAME, _digest_of_name(issuer, name))
        return tuple(row["sessions"] or ()) if row is not None else ()

    async def find(self, session: str) -> tuple[NameID, str | None] | None:
        """Whom and what to name to a provider, so that it ends a session; None for one that is not known here."""
        row = await self._db.fetchrow(store.FIND_SESSION, session)
        if row is None:
            return None
        try:
            said = json.loads(self._keyring.decrypt(row["sealed"], purpose=_SESSION, bound_to=session))
        except DecryptionFailed:
            return None
        return NameID(**said["name"]), said["index"]


def session_of(issuer: str, name: NameID, index: str | None) -> str:
    """The one name of a session at a provider."""
    return encode_secret(_digest(issuer, name.value, name.qualifier or "", name.sp_qualifier or "", index or ""))


def _digest_of_name(issuer: str, name: NameID) -> bytes:
    return _digest(issuer, name.value, name.qualifier or "", name.sp_qualifier or "")


def _digest(*parts: str) -> bytes:
    """Lengths keep one list of texts from reading like another."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in encoded)).digest()
