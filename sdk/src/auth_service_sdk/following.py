"""Follows the feed of revocations for one event loop: a stream, or a long poll where a stream does not get through."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from urllib.parse import quote
from weakref import WeakSet

from auth_service_sdk.action_tokens import basic_credentials
from auth_service_sdk.batches import BatchRefused, read_batch
from auth_service_sdk.client import ServiceConnection, Unreachable
from auth_service_sdk.errors import KeysUnavailable
from auth_service_sdk.feed_clock import ClockOff
from auth_service_sdk.feed_events import MAX_DOCUMENT_BYTES, Signed, document, events
from auth_service_sdk.feed_state import FeedState, Gap
from auth_service_sdk.gate import shown
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.verifier import Expectations

FEED_PATH = "/auth/revocations"
SILENCE_SECONDS = 4.0
"""A batch comes each second: a stream that brings none for so long is broken."""
WAIT_SECONDS = 2.0
"""How long one long poll waits for news."""
SWALLOWED_STREAMS = 2
"""So many streams without a batch, one after the other: something on the way keeps them back."""
POLLING_SECONDS = 300.0
"""After so long a stream is tried again."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
REFUSED_PAUSE_SECONDS = 15.0
"""After an answer that only an operator can change: wrong credentials, no feed."""

_log = logging.getLogger("auth_service_sdk")


class FeedUnavailable(Exception):  # a state of the feed, answered by trying again
    """The service gives no feed now; the message says why."""

    def __init__(self, words: str, *, for_operators: bool = False) -> None:
        """Keep whether only an operator can change it."""
        super().__init__(words)
        self.for_operators = for_operators


class Follower:
    """Keeps one FeedState up to date for as long as `users` has members."""

    def __init__(
        self,
        connection: ServiceConnection,
        *,
        credentials: tuple[str, str],
        expected: Expectations,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = FeedState()
        self.users: WeakSet[object] = WeakSet()
        self.is_polling = False
        self.connections = self.batches = self.refused = 0
        self.trouble: str | None = "the feed was not read yet"
        self._connection = connection
        self._headers = {"authorization": basic_credentials(*credentials)}
        self._expected = expected
        self._keys = KeySet(connection, monotonic=monotonic)
        self._clock = clock
        self._monotonic = monotonic
        self._cursor: str | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._opened = False
        self._swallowed = 0
        self._polling_until = 0.0
        self._woken = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the running event loop."""
        self.task = asyncio.get_running_loop().create_task(self._run())
        self.task.add_done_callback(_tell_of_a_fault)

    async def stop(self) -> None:
        """End, and wait for it."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def end_soon(self) -> None:
        """End from whichever thread; a loop that is closed has ended it already."""
        if self.task is not None:
            with suppress(RuntimeError):
                self.task.get_loop().call_soon_threadsafe(self.task.cancel)

    def wake(self) -> None:
        """Try again now: the service has just answered somebody."""
        self._woken.set()

    async def _run(self) -> None:
        while self.users:
            self._woken.clear()
            pause, heard = 0.0, self.batches
            try:
                await self._connect()
            except Gap as gap:
                _log.info("the feed of revocations is read anew: %s", gap)
                self._cursor = None
                pause = self._next_pause()
            except BatchRefused as error:
                self._cursor, self.refused = None, self.refused + 1
                pause = self._trouble(str(error))
            except (ClockOff, KeysUnavailable, Unreachable) as error:
                pause = self._trouble(str(error))
            except FeedUnavailable as error:
                pause = self._trouble(str(error))
                if error.for_operators:
                    await asyncio.sleep(self._spread(REFUSED_PAUSE_SECONDS))
            self._note_swallowed(self.batches > heard)
            await self._rest(pause)

    async def _connect(self) -> None:
        self.connections += 1
        self._opened = False
        self.state.begin_again()
        now = self._monotonic()
        self.is_polling = now < self._polling_until
        async with aclosing(self._polled() if self.is_polling else self._streamed()) as signed:
            async for token, cursor in signed:
                batch = await read_batch(token, self._expected, self._keys)
                whole = self.state.take(batch, now=self._monotonic(), wall=self._clock())
                self.batches += 1
                if whole:
                    # Not before: a snapshot that breaks off has to begin again.
                    self._cursor = cursor
                    self._well()
                if not self.users:
                    return

    async def _streamed(self) -> AsyncGenerator[Signed, None]:
        headers = self._headers | {"accept": "text/event-stream"}
        if self._cursor is not None:
            headers["last-event-id"] = self._cursor
        async with self._connection.stream(FEED_PATH, headers=headers) as stream:
            self._check(stream.status, stream.headers.get("retry-after"))
            self._opened = True
            if not stream.headers.get("content-type", "").startswith("text/event-stream"):
                raise FeedUnavailable("the answer is no stream of events")
            async with aclosing(events(stream.chunks)) as found:
                while True:
                    try:
                        async with asyncio.timeout(SILENCE_SECONDS):
                            signed = await anext(found)
                    except TimeoutError:
                        raise Unreachable(f"no batch came for {SILENCE_SECONDS:g} seconds") from None
                    except StopAsyncIteration:
                        return
                    yield signed

    async def _polled(self) -> AsyncGenerator[Signed, None]:
        while self._monotonic() < self._polling_until:
            asked_at, before = self._monotonic(), self._cursor
            query = "" if before is None else f"after={quote(before, safe='')}&wait={WAIT_SECONDS:g}"
            answer = await self._connection.get(
                FEED_PATH, query=query, max_bytes=MAX_DOCUMENT_BYTES, headers=self._headers
            )
            self._check(answer.status, answer.headers.get("retry-after"))
            for signed in document(answer):
                yield signed
            if self._cursor is None:
                raise BatchRefused("the document did not hold a whole snapshot")
            if self._cursor == before and self._monotonic() - asked_at < WAIT_SECONDS / 2:
                # Who does not wait for news is not asked without end.
                await asyncio.sleep(WAIT_SECONDS / 2)

    def _check(self, status: int, retry_after: str | None) -> None:
        if status == 200:
            return
        if status == 410:
            raise Gap("the service no longer knows our cursor")
        if status in (401, 403):
            words = f"status {status}: client_id and client_secret must be of a client with the scope revocations:read"
            raise FeedUnavailable(words, for_operators=True)
        if status == 404:
            raise FeedUnavailable("status 404: there is no feed at this address", for_operators=True)
        if status == 400:
            raise Gap("the service does not understand our cursor")
        if retry_after is not None and retry_after.isdecimal():
            self._pause = max(self._pause, min(float(retry_after), LONGEST_PAUSE_SECONDS))
        raise FeedUnavailable(f"status {status}")

    def _well(self) -> None:
        if self.trouble is not None:
            way = "by long poll" if self.is_polling else "by stream"
            held = len(self.state.revoked) if self.state.revoked is not None else 0
            _log.info("revocations are followed %s: at %d, %d held", way, self.state.position, held)
        self.trouble, self._pause = None, FIRST_PAUSE_SECONDS

    def _trouble(self, words: str) -> float:
        if self.trouble is None or self.connections == 1:
            _log.error("the feed of revocations cannot be followed: GET %s: %s", FEED_PATH, shown(words))
        self.trouble = words
        return self._next_pause()

    def _next_pause(self) -> float:
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        return self._spread(pause)

    def _spread(self, seconds: float) -> float:
        return seconds * (0.5 + random.random() / 2)  # noqa: S311 — no secret, only a spread

    def _note_swallowed(self, heard: bool) -> None:  # noqa: FBT001 — one flag, one caller
        if self.is_polling:
            # The next stream is a trial: one that fails is enough.
            self._swallowed = SWALLOWED_STREAMS - 1
        elif heard:
            self._swallowed = 0
        elif self._opened:
            self._swallowed += 1
            if self._swallowed >= SWALLOWED_STREAMS:
                self._polling_until = self._monotonic() + POLLING_SECONDS

    async def _rest(self, pause: float) -> None:
        """Pause. A stream that ended well goes on at once, though not all of a service's followers in one moment."""
        seconds = pause or self._spread(FIRST_PAUSE_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        # Woken by requests: they may come by thousands.
        await asyncio.sleep(self._spread(FIRST_PAUSE_SECONDS))


def _tell_of_a_fault(task: asyncio.Task[None]) -> None:
    """Whoever asks next starts another follower; until then nothing new is known, and so everything is asked."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("the follower of revocations ended: %s", shown(repr(error)), exc_info=error)
