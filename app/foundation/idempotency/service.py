"""Doing what a request asks once, however often it comes."""

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.errors import ServiceError
from app.foundation.idempotency import store
from app.foundation.idempotency.errors import IdempotencyKeyReused, RequestStillRunning
from app.foundation.secrets import equal

KEPT_FOR = timedelta(hours=24)
_PURPOSE = "kept answer"
_FAULTS_OF_OURS = 500
_REFUSALS = 400

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """An answer as it goes over the wire, apart from what the edge adds. `replayed` says that it was kept."""

    status: int
    headers: Headers
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyedRequest:
    """A request with its key. `target` is path and query; `route` is the path with its parameters unfilled."""

    caller: str
    route: str
    key: str
    target: str
    body: bytes

    @property
    def key_hash(self) -> bytes:
        """What the answer is kept under: nobody else's key, and no other route's."""
        return _digest([self.caller.encode(), self.route.encode(), self.key.encode()])

    @property
    def digest(self) -> bytes:
        """What a repetition must have in common with the first."""
        return _digest([self.target.encode(), self.body])


class IdempotentAnswers:
    """Keeps answers for 24 hours, encrypted, and gives them again."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring

    async def answer(self, request: KeyedRequest, perform: Callable[[], Awaitable[Answer]]) -> Answer:
        """The kept answer of a request, or that of `perform`, whose transactions all join the one that keeps it.

        A run that dies, or whose commit fails, leaves nothing behind: its claim ends with its connection. A refusal is
        not kept: it changed nothing, and what stood in the way may be gone. Raises RequestStillRunning,
        IdempotencyKeyReused, DatabaseUnavailable, and whatever `perform` raises.
        """
        refusal: ServiceError | None = None
        async with self._db.one_transaction() as tx:
            if not await store.claim(tx, request.key_hash):
                raise RequestStillRunning("A request with this key is under way.", headers={"Retry-After": "1"})
            now = self._clock.now()
            sealed = await store.find(tx, request.key_hash, now)
            if sealed is not None:
                return self._open(sealed, request)
            try:
                answer = await perform()
            except ServiceError as error:
                if error.status >= _FAULTS_OF_OURS:
                    raise
                # What a refusal was to leave behind, such as an entry of the audit log, is committed all the same.
                refusal = error
            else:
                if answer.status < _REFUSALS:
                    await store.keep(tx, request.key_hash, self._seal(answer, request), now + KEPT_FOR)
        if refusal is not None:
            raise refusal
        return answer

    def _seal(self, answer: Answer, request: KeyedRequest) -> bytes:
        members = {
            "digest": _text(request.digest),
            "status": answer.status,
            "headers": answer.headers,
            "body": _text(answer.body),
        }
        plaintext = json.dumps(members).encode()
        return self._keyring.encrypt(plaintext, purpose=_PURPOSE, bound_to=request.key_hash.hex())

    def _open(self, sealed: bytes, request: KeyedRequest) -> Answer:
        members = json.loads(self._keyring.decrypt(sealed, purpose=_PURPOSE, bound_to=request.key_hash.hex()))
        if not equal(base64.b64decode(members["digest"]), request.digest):
            raise IdempotencyKeyReused("Send another key with another request.")
        headers = tuple((name, value) for name, value in members["headers"])
        return Answer(status=members["status"], headers=headers, body=base64.b64decode(members["body"]), replayed=True)


def _digest(parts: Sequence[bytes]) -> bytes:
    """SHA-256 over parts; their lengths keep one list from reading like another."""
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
