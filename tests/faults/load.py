"""People at work: a bounded rate of requests of every kind, each noted with its time and its end."""

import asyncio
import random
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import httpx2

from tests.faults.ledger import Ledger
from tests.support import PASSWORD, bearer

SEED = 20
MIX = {"verify": 0.70, "refresh": 0.20, "sign in": 0.08, "sign up": 0.01, "sign out": 0.01}
CHAINS = 12
# More in flight than this and the client itself would be what is slow.
MOST_IN_FLIGHT = 150


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. `status` is 0 where no answer came; `error` then names why."""

    kind: str
    started: float
    seconds: float
    status: int
    error: str = ""
    retry_after: str | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def ended(self) -> float:
        return self.started + self.seconds


class Load:
    """Sends `rate` requests a second to `url` until told to stop."""

    def __init__(
        self,
        url: str,
        *,
        rate: float,
        mix: dict[str, float] | None = None,
        keeps_connections: bool = True,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        kept = MOST_IN_FLIGHT if keeps_connections else 0
        limits = httpx2.Limits(max_connections=MOST_IN_FLIGHT, max_keepalive_connections=kept)
        self.client = httpx2.AsyncClient(base_url=url, timeout=20, limits=limits, verify=verify)
        self.ledger = Ledger()
        self.samples: list[Sample] = []
        self._rate = rate
        self._mix = mix or MIX
        self._random = random.Random(SEED)
        self._idle: list[int] = []
        # Tokens that stay live: for another service, and for this one.
        self.reader: dict = {}
        self.own: dict = {}
        self._people = 0
        # The longest, in seconds, that this very loop was woken too late: what a machine that stands still adds to
        # every answer, and what is no fault of the service's.
        self.stalled = 0.0
        self._work: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """A person, a token to verify, and the chains of refreshes."""
        await self._sign_up("anna@example.com")
        for chain in range(CHAINS):
            self.ledger.chains[chain] = await self._sign_in()
            self._idle.append(chain)
        self.reader = await self._sign_in()
        self.own = await self._sign_in(audience=None)
        assert all(sample.ok for sample in self.samples), [sample for sample in self.samples if not sample.ok]
        self.samples.clear()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    @asynccontextmanager
    async def running(self):
        """Send for as long as the block lasts, then wait for what is in flight."""
        sender = asyncio.create_task(self._send())
        try:
            yield self
        finally:
            sender.cancel()
            await asyncio.gather(sender, *self._work, return_exceptions=True)

    async def _send(self) -> None:
        due = time.monotonic()
        kinds, weights = list(self._mix), list(self._mix.values())
        while True:
            due = max(due + 1 / self._rate, time.monotonic() - 0.2)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.stalled = max(self.stalled, time.monotonic() - due)
            if len(self._work) < MOST_IN_FLIGHT:
                task = asyncio.create_task(self._one(self._random.choices(kinds, weights)[0]))
                self._work.add(task)
                task.add_done_callback(self._work.discard)

    async def _one(self, kind: str) -> None:
        match kind:
            case "verify":
                answer = await self._ask(kind, "GET", "/auth/validate", headers=bearer(self.reader))
                if answer is not None and answer.status_code == 401:
                    self.ledger.refused.append(answer.text)
            case "refresh":
                await self._refresh()
            case "sign in":
                await self._sign_in()
            case "sign up":
                self._people += 1
                await self._sign_up(f"person{self._people}@example.com")
            case "sign out":
                await self._sign_out()

    async def _refresh(self) -> None:
        if not self._idle:
            return
        chain = self._idle.pop(0)
        spent = self.ledger.chains[chain]["refresh_token"]
        answer = await self._ask("refresh", "POST", "/auth/refresh", json={"refresh_token": spent})
        if answer is not None and answer.status_code == 200:
            self.ledger.rotated(chain, spent, answer.json())
        elif answer is not None and answer.status_code < 500:
            self.ledger.refused.append(answer.text)
        self._idle.append(chain)

    async def _sign_in(self, audience: str | None = "orders-api") -> dict:
        body = {"email": "anna@example.com", "password": PASSWORD, "audience": audience}
        answer = await self._ask("sign in", "POST", "/auth/login", json=body)
        if answer is None or answer.status_code != 200:
            return {}
        self.ledger.sessions.append(answer.json())
        return answer.json()

    async def _sign_up(self, email: str) -> None:
        answer = await self._ask("sign up", "POST", "/auth/signup", json={"email": email, "password": PASSWORD})
        if answer is not None and answer.status_code == 201:
            self.ledger.users.append(email)

    async def _sign_out(self) -> None:
        body = {"email": "anna@example.com", "password": PASSWORD}
        answer = await self._ask("sign in", "POST", "/auth/login", json=body)
        if answer is None or answer.status_code != 200:
            return
        tokens = answer.json()
        answer = await self._ask("sign out", "POST", "/auth/logout", headers=bearer(tokens))
        if answer is not None and answer.status_code == 204:
            self.ledger.sessions.append(tokens)
            self.ledger.revoked.append(tokens)

    async def _ask(self, kind: str, method: str, path: str, **options) -> httpx2.Response | None:
        started = time.monotonic()
        answer, error = None, ""
        try:
            answer = await self.client.request(method, path, **options)
        except httpx2.TransportError as failure:
            error = type(failure).__name__
        status = 0 if answer is None else answer.status_code
        retry_after = None if answer is None else answer.headers.get("retry-after")
        seconds = time.monotonic() - started
        self.samples.append(Sample(kind, started, seconds, status, error, retry_after))
        return answer


def percentile(samples: list[Sample], share: float) -> float:
    """The time within which that share of the requests was answered, in seconds."""
    times = sorted(sample.seconds for sample in samples)
    return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0
