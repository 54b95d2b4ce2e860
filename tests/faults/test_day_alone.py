"""A downstream service lives through a whole day without the authentication service, by clocks that are moved."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from app.grants.access_token import TYPE
from app.protocols.jose.algorithms import Algorithm
from app.revocation.kinds import RevocationKind
from app.wiring import Services
from tests.faults.aging import AUDIENCE, LENIENT, STRICT, Aging
from tests.faults.proxy import Fault, Proxy
from tests.faults.table import note
from tests.signals.conftest import serving
from tests.signals.downstream import credentials
from tests.support import ISSUER, People, claims_of

pytestmark = pytest.mark.anyio

LIFETIMES = (1, 6, 12, 23, 30)
HOURS = (0.1, 0.5, *(hour + 0.5 for hour in range(1, 24)))
# Keys are relied on for a day.
TOO_LATE = 24.1
UNKNOWN = ("revocation_state_unknown", "keys_unavailable")


class Tokens:
    """Tokens that live for so many hours, signed by the service's own key, and one whose session was revoked."""

    def __init__(self, services: Services, model: dict) -> None:
        self._services = services
        self._model = model
        self._now = services.clock.now()
        self.by_hours = {hours: self.made(hours) for hours in LIFETIMES}
        self.gone = uuid4().hex
        self.revoked = self.made(48, sid=self.gone)

    def made(self, hours: float, **claims: str) -> str:
        issued_at = int(self._now.timestamp())
        times = {"iat": issued_at, "exp": issued_at + int(hours * 3600), "jti": uuid4().hex}
        return self._services.keys.sign(self._model | times | claims, algorithm=Algorithm.RS256, typ=TYPE)

    async def revoke(self) -> None:
        async with self._services.db.transaction() as tx:
            await self._services.revocations.add(
                tx, RevocationKind.SID, self.gone, reason="test", expires_at=self._now + timedelta(hours=49)
            )


class Answers:
    """What a service said, and what of it was wrong."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, int]] = Counter()
        self.wrong: list[str] = []

    async def compare(self, service: Aging, raw_token: str, path: str, expected: int, *, when: str) -> None:
        answer = await service.ask(raw_token, path)
        self.counted[path, answer.status_code] += 1
        if answer.status_code != expected:
            self.wrong.append(f"{when} {path}: {answer.status_code}, not {expected}")
        elif expected == 503 and ("retry-after" not in answer.headers or answer.json()["code"] not in UNKNOWN):
            self.wrong.append(f"{when} {path}: {answer.text}")


@pytest.mark.fault("F14")
async def test_a_day_without_the_service_is_lived_through_by_clocks_that_are_moved(
    services: Services, tmp_path: Path
) -> None:
    answers = Answers()
    async with serving(services) as server:
        model = claims_of((await People(server).signed_in(audience=AUDIENCE))["access_token"])
        tokens, pair = Tokens(services, model), await credentials(services, AUDIENCE)
        await tokens.revoke()
        with Proxy(("127.0.0.1", urlsplit(str(server.base_url)).port)) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            async with Aging(url, ISSUER, pair, tmp_path) as service:
                await service.follows()
                for path in (STRICT, LENIENT):
                    for token in tokens.by_hours.values():
                        await answers.compare(service, token, path, 200, when="before")
                proxy.set(Fault.REFUSE)
                for hours in HOURS:
                    await service.live_on(hours)
                    await look(service, tokens, answers, hours)
                async with Aging(url, ISSUER, pair, tmp_path, hours=HOURS[-1]) as cold:
                    for path in (STRICT, LENIENT):
                        await answers.compare(cold, tokens.by_hours[30], path, 503, when="cold start")
                await service.live_on(TOO_LATE)
                for path in (STRICT, LENIENT):
                    await answers.compare(service, tokens.by_hours[30], path, 503, when="keys too old")
    told = ", ".join(f"{path[1:]} {status}: {count}" for (path, status), count in sorted(answers.counted.items()))
    print(f"F14: {HOURS[-1]:g} h without the service: {told}; wrong {len(answers.wrong)}")
    note("F14 a day alone", requests=answers.counted.total(), lost=len(answers.wrong), doubled=0)
    assert answers.wrong == []


async def look(service: Aging, tokens: Tokens, answers: Answers, hours: float) -> None:
    """Lenient: each token until it expires, and what is revoked never. Strict: nothing."""
    when = f"after {hours:g} h"
    known = {**tokens.by_hours, hours + 1: tokens.made(hours + 1)}
    for lifetime, token in known.items():
        await answers.compare(service, token, LENIENT, 200 if lifetime > hours else 401, when=when)
        await answers.compare(service, token, STRICT, 503 if lifetime > hours else 401, when=when)
    for path in (STRICT, LENIENT):
        await answers.compare(service, tokens.revoked, path, 401, when=when)
