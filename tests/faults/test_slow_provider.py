"""F17: hundreds sign in at once by a provider that is slow or broken, beside people with passwords."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
import pytest

from tests.faults.conftest import Deploy
from tests.faults.crowd import KINDS, SLOW, SLOW_SECONDS, Crowd
from tests.faults.deployment import FULL
from tests.faults.table import note
from tests.support import PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.fault("F17")]

PEOPLE = dict.fromkeys(KINDS, 150) | {SLOW: 500} if FULL else dict.fromkeys(KINDS, 6)
ALONE_SECONDS = 8.0 if FULL else 0.5
PAGE_SECONDS = 5.0
BODY = {"email": "sal@example.com", "password": PASSWORD}
# These fail at once, however busy a machine is: five of them close the door for sure.
AT_ONCE = ("resets", "fails", "tls")


@dataclass(frozen=True, slots=True)
class Took:
    """How long sign-ins by password took, in order."""

    seconds: list[float]

    def at(self, share: float) -> float:
        return self.seconds[min(int(len(self.seconds) * share), len(self.seconds) - 1)]

    def words(self) -> str:
        return "/".join(f"{self.at(share) * 1000:.0f}" for share in (0.5, 0.99, 1))


async def test_a_crowd_at_a_slow_or_broken_provider_leaves_passwords_and_health_alone(deploy: Deploy):
    with Crowd() as crowd:
        deployment = await deploy(
            IDENTITY_PROVIDERS__DECLARED=json.dumps(crowd.declared),
            HTTP__ALLOW_PRIVATE="localhost",
            LIMITS__FEDERATED_STARTS_PER_ADDRESS="100000",
            FEDERATION__PAUSE_SECONDS="600",
        )
        async with httpx2.AsyncClient(base_url=deployment.url, timeout=60, trust_env=False) as client:
            assert (await client.post("/auth/signup", json=BODY)).status_code == 201
            # One wave for each at full length; in the suite all of them come at once.
            waves = [(kind,) for kind in KINDS] if FULL else [KINDS]
            for kinds in waves:
                await crowd.do("depart", service=deployment.url, people={kind: PEOPLE[kind] + 1 for kind in kinds})
                alone = await log_in(client, until(ALONE_SECONDS))
                wave = asyncio.create_task(crowd.do("return", kinds=kinds, keeps=1))
                looking = asyncio.create_task(look(client))
                beside = await log_in(client, wave.done)
                looking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await looking
                outcomes = await wave
                for kind in kinds:
                    tell(kind, outcomes[kind], alone, beside)
                    judge(kind, outcomes[kind])
            # From then on nobody waits for one that is broken, and nobody asks it.
            left_alone = tuple(kind for kind in KINDS if kind != SLOW) if FULL else AT_ONCE
            before = await crowd.do("asked")
            outcomes = await crowd.do("return", kinds=left_alone, keeps=0)
            assert {kind: [status for status, *_ in outcomes[kind]] for kind in left_alone} == {
                kind: [503] for kind in left_alone
            }
            assert await crowd.do("asked") == before
        assert deployment.unexpected() == []


def tell(kind: str, outcomes: list[list[float]], alone: Took, beside: Took) -> None:
    """Print what came of one crowd, and what its neighbours noticed."""
    statuses = Counter(int(status) for status, *_ in outcomes)
    pages, wholes, again = (sorted(column) for column in list(zip(*outcomes, strict=True))[1:])
    ratio = beside.at(0.99) / alone.at(0.99)
    what = f"answers in {SLOW_SECONDS:g} s" if kind == SLOW else kind
    within = sum(whole <= PAGE_SECONDS for status, _, whole, _ in outcomes if status == 303)
    print(
        f"F17 {len(outcomes)} at once, a provider that {what}: {dict(statuses)}, {within} of them in at once, "
        f"{sum(count > 0 for count in again)} told to come again ({max(again):.0f} times at most), slowest page "
        f"{pages[-1]:.1f} s, all done after {wholes[-1]:.1f} s; {len(beside.seconds)} password sign-ins beside: "
        f"p50/p99/slowest {beside.words()} ms, alone {alone.words()} ms, p99 {ratio:.2f}x"
    )
    name, errors = f"F17 {len(outcomes)} at a provider: {kind}", len(outcomes) - statuses[303]
    note(name, requests=len(outcomes), errors=errors, first_success=f"{ratio:.2f}x")


def judge(kind: str, outcomes: list[list[float]]) -> None:
    """What holds however busy the machine is, and at full length the time of a page too."""
    statuses = {int(status) for status, *_ in outcomes}
    if kind == SLOW:
        assert 303 in statuses
        assert statuses <= {303, 503}
    else:
        assert statuses <= {502, 503}
    if FULL:
        assert max(page for _, page, *_ in outcomes) <= PAGE_SECONDS, kind


def until(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


async def log_in(client: httpx2.AsyncClient, is_over: Callable[[], bool]) -> Took:
    """Sign in by password, one after the other, until it is over."""
    took = []
    while not (took and is_over()):
        begun = time.monotonic()
        answer = await client.post("/auth/login", json=BODY, headers={"Cookie": ""})
        took.append(time.monotonic() - begun)
        assert answer.status_code == 200, answer.text
    return Took(sorted(took))


async def look(client: httpx2.AsyncClient) -> None:
    while True:
        for path in ("/health/live", "/health/ready"):
            assert (await client.get(path)).status_code == 200
        await asyncio.sleep(0.1)
