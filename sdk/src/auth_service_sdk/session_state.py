"""Asks the authentication service whether the session behind a token still lives.

Only where the feed of revocations cannot answer from memory: it is not followed, too old, or not certain.
"""

import json
import logging
import time
from collections.abc import Callable
from enum import Enum

from auth_service_sdk.client import Answer, ServiceConnection, Unreachable
from auth_service_sdk.gate import shown

VALIDATE_PATH = "/auth/validate"
MAX_CACHED_SECONDS = 0.5
"""An answer is used for so long, counted from when the question was sent."""
MAX_ANSWER_BYTES = 64 * 1024
FAILURES_BEFORE_PAUSE, PAUSE_SECONDS = 3, 1.0
"""After so many failures in a row nobody waits for the network until the pause is over."""

_log = logging.getLogger("auth_service_sdk")


class SessionState(Enum):
    """What is known about a session at this moment."""

    ACTIVE = "active"
    ENDED = "ended"
    UNKNOWN = "unknown"


class SessionQuestions:
    """Puts `GET /auth/validate` to the service, one question per call; callers share and cache the answers."""

    def __init__(self, connection: ServiceConnection, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._failures = 0
        self._paused_until = 0.0

    async def ask(self, token: bytes, subject: str) -> tuple[SessionState, str]:
        """Return the state of the token's session, and words for the log when it is unknown."""
        if self._monotonic() < self._paused_until:
            return SessionState.UNKNOWN, "the last questions failed; not asking for a moment"
        try:
            answer = await self._connection.get(
                VALIDATE_PATH,
                max_bytes=MAX_ANSWER_BYTES,
                headers={"authorization": "Bearer " + token.decode("ascii")},
            )
        except Unreachable as error:
            return self._failed(str(error))
        state = _read(answer, subject)
        if state is SessionState.UNKNOWN:
            return self._failed(f"unexpected answer, status {answer.status}")
        if self._failures:
            _log.info("sessions can be confirmed again")
        self._failures = 0
        return state, ""

    def _failed(self, words: str) -> tuple[SessionState, str]:
        if self._failures == 0:
            _log.error("sessions cannot be confirmed: GET %s: %s", VALIDATE_PATH, shown(words))
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_PAUSE:
            self._paused_until = self._monotonic() + PAUSE_SECONDS
        return SessionState.UNKNOWN, words


def _read(answer: Answer, subject: str) -> SessionState:
    if answer.status == 401:
        return SessionState.ENDED
    if answer.status != 200:
        return SessionState.UNKNOWN
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return SessionState.UNKNOWN
    active = body.get("active") if isinstance(body, dict) else None
    if active is False:
        return SessionState.ENDED
    # An answer about somebody else (a cache or proxy in between) confirms nothing.
    return SessionState.ACTIVE if active is True and body.get("sub") == subject else SessionState.UNKNOWN
