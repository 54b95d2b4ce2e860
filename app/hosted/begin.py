"""Beginning a sign-in at the pages, and keeping how far it has come."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.encryption import DecryptionFailed, Keyring
from app.foundation.secrets import hash_secret, is_random_id, random_id
from app.hosted import store
from app.hosted.progress import Progress
from app.hosted.requirements import ClientShown, SignInRequirements

__all__ = ["LOGIN_PATH", "ClientShown", "HostedFlow", "SignInPages", "SignInRequirements"]

LOGIN_PATH = "/login"
SIGN_UP_PATH = "/signup"
_PURPOSE = "hosted sign-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedFlow:
    """A sign-in at the pages as its browser finds it. `resume_at` is a path of this service."""

    id: str
    requirements: SignInRequirements
    resume_at: str
    progress: Progress = field(repr=False)


class SignInPages:
    """The sign-ins at the pages. `lifetime` is how long one may take."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring, *, lifetime: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._lifetime = lifetime

    async def begin(self, tx: Transaction, requirements: SignInRequirements, *, resume_at: str) -> str:
        """Begin a sign-in and return the path to send the browser to.

        Once the requirements are met, the browser goes by 303 to `resume_at`, a path of this service, where all is to
        be looked at again: the row proves nothing. The first browser that opens the path keeps it for itself.
        """
        now, flow_id = self._clock.now(), random_id()
        values: dict[str, object] = {
            "id": flow_id,
            "requirements": requirements.as_json(),
            "resume_at": _own_path(resume_at),
            "created_at": now,
            "expires_at": now + self._lifetime,
        }
        await store.add(tx, values)
        return path_of(flow_id)

    async def start(
        self, raw_browser: str, requirements: SignInRequirements, progress: Progress, *, resume_at: str
    ) -> HostedFlow:
        """Begin a sign-in that nobody asked for but the browser itself, which has it from the start."""
        now, flow_id = self._clock.now(), random_id()
        await self._db.fetchrow(
            store.ADD,
            flow_id,
            hash_secret(raw_browser),
            json.dumps(requirements.as_json()),
            _own_path(resume_at),
            self._sealed(flow_id, progress),
            now,
            now + self._lifetime,
        )
        return HostedFlow(id=flow_id, requirements=requirements, resume_at=resume_at, progress=progress)

    async def find(self, flow_id: str, raw_browser: str) -> HostedFlow | None:
        """The sign-in of this browser; None where it is over, unknown, or another browser's."""
        if not is_random_id(flow_id):
            # Such as holds what no text of PostgreSQL may.
            return None
        row = await self._db.fetchrow(store.OPEN, flow_id, hash_secret(raw_browser), self._clock.now())
        if row is None:
            return None
        return HostedFlow(
            id=row["id"],
            requirements=SignInRequirements.of(json.loads(row["requirements"])),
            resume_at=row["resume_at"],
            progress=self._opened(row["id"], row["sealed"]),
        )

    async def newest(self, raw_browser: str) -> str | None:
        """The path of this browser's newest sign-in that is not over; None without one."""
        row = await self._db.fetchrow(store.NEWEST, hash_secret(raw_browser), self._clock.now(), repeatable=True)
        return None if row is None else path_of(row["id"])

    async def keep(self, flow: HostedFlow, raw_browser: str, progress: Progress) -> None:
        """Note how far it has come."""
        await self._db.fetchrow(store.KEEP, flow.id, hash_secret(raw_browser), self._sealed(flow.id, progress))

    async def finish(self, flow: HostedFlow, raw_browser: str) -> None:
        """Note that the browser goes on to `resume_at`."""
        await self._db.fetchrow(store.FINISH, flow.id, hash_secret(raw_browser), self._clock.now())

    def _sealed(self, flow_id: str, progress: Progress) -> bytes:
        return self._keyring.encrypt(progress.sealable(), purpose=_PURPOSE, bound_to=flow_id)

    def _opened(self, flow_id: str, sealed: bytes | None) -> Progress:
        if sealed is None:
            return Progress()
        try:
            return Progress.of(self._keyring.decrypt(sealed, purpose=_PURPOSE, bound_to=flow_id))
        except DecryptionFailed:
            # A key has left the ring meanwhile: the person begins again.
            return Progress()


def path_of(flow_id: str, **query: str) -> str:
    """The page of a sign-in."""
    return f"{LOGIN_PATH}?{urlencode({'flow': flow_id, **query})}"


def _own_path(path: str) -> str:
    """A path of this service, as it is. Raises ValueError for what a browser would read as another place."""
    if not path.startswith("/") or path[1:2] in ("/", "\\") or any(ord(character) < 0x21 for character in path):
        raise ValueError("a sign-in goes on at a path of this service")
    return path
