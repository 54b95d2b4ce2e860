"""What requests of one moment bring is spent by one statement; each is told what is theirs, and waits for nobody."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import httpx2
import pytest
from sqlalchemy import text

from app.clients.registered import RegisteredClient
from app.clients.service import NewCredentials
from app.foundation.oauth_errors import InvalidGrant
from app.grants.errors import InvalidRefreshToken
from app.grants.redeem import CodePresented
from app.grants.rotation import RefreshRequest, Rotated
from app.grants.spending import SharedSpending
from app.wiring import Services
from tests.oauth.codes.conftest import CALLBACK, VERIFIER, AtBrowser, IssueCode, Redeem, SignIn, challenge_of, refresh
from tests.oauth.conftest import ORIGIN
from tests.statements import asking
from tests.support import Events, claims_of

pytestmark = pytest.mark.anyio

ONLINE, OFFLINE = ("openid", "orders:read"), ("openid", "orders:read", "offline_access")

Begin = Callable[[], Awaitable[tuple[list[AtBrowser], list[dict[str, Any]]]]]


@pytest.fixture
async def crowd(at_browser: SignIn) -> list[AtBrowser]:
    return [await at_browser(f"{name}@example.com") for name in ("ann", "bob", "cy", "di")]


@pytest.fixture
async def known(services: Services, web_app: NewCredentials) -> RegisteredClient:
    client = await services.oauth.directory.read(web_app.client_id)
    assert client is not None
    return client


@pytest.fixture
async def held(
    crowd: list[AtBrowser], web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem
) -> list[dict[str, Any]]:
    """The tokens of each, every second with a session of their own."""
    scopes = [OFFLINE if place % 2 else ONLINE for place in range(len(crowd))]
    codes = [
        await issue_code(person, web_app.client_id, scope=scope) for person, scope in zip(crowd, scopes, strict=True)
    ]
    return [(await redeem(code, web_app)).json() for code in codes]


def rotating(services: Services, client: RegisteredClient, raw_token: str) -> Awaitable[Rotated | None]:
    request = RefreshRequest(client_id=client.client_id, audience=None, origin=ORIGIN, version=client.version)
    return services.rotation.rotate(raw_token, request, None)


def redeeming(
    services: Services, client: RegisteredClient, raw_code: str, *, verifier: str = VERIFIER
) -> Awaitable[dict[str, object] | None]:
    presented = CodePresented(
        raw_code=raw_code, redirect_uri=CALLBACK, challenge=challenge_of(verifier), origin=ORIGIN, audience=None
    )
    return services.codes.redemption.redeem(client, presented)


async def all_but_the_first(tasks: Sequence["asyncio.Task[Any]"]) -> list[Any]:
    """What they came to, while the first waits for a row that somebody holds."""
    found = await asyncio.gather(*tasks[1:])
    assert not tasks[0].done()
    return found


async def test_refreshes_of_one_moment_are_one_statement(
    crowd: list[AtBrowser],
    held: list[dict[str, Any]],
    known: RegisteredClient,
    services: Services,
    web_app: NewCredentials,
    api: httpx2.AsyncClient,
    events: Events,
) -> None:
    idle = "SELECT sid, idle_expires_at FROM sessions ORDER BY id"
    before = dict(await services.db.fetch(idle))
    with asking(services) as asked:
        rotated = await asyncio.gather(*(rotating(services, known, tokens["refresh_token"]) for tokens in held))
    assert len(asked.single) == 1, asked
    for person, tokens, each in zip(crowd, held, rotated, strict=True):
        assert each is not None
        assert each.row["sub"] == person.sub
        assert each.row["sid"] == claims_of(tokens["access_token"])["sid"]
        # What is spent alone within the grace window says the same: the row was written as it is alone.
        assert (await refresh(api, web_app, tokens)).json()["refresh_token"] == each.refresh_token
        assert (await refresh(api, web_app, {"refresh_token": each.refresh_token})).status_code == 200
    entries = await events.of("token.refreshed")
    written = {(entry["subject"], entry["actor_id"], str(entry["details"])) for entry in entries}
    told = [(person.sub, claims_of(tokens["access_token"])) for person, tokens in zip(crowd, held, strict=True)]
    assert written == {(sub, sub, str({"sid": claims["sid"], "grant_id": claims["grant_id"]})) for sub, claims in told}
    after = dict(await services.db.fetch(idle))
    own = [claims_of(tokens["access_token"])["sid"] for tokens in held[1::2]]
    assert all(after[sid] > before[sid] for sid in own)


async def test_a_token_that_is_none_spoils_nobodys_refresh(
    crowd: list[AtBrowser], held: list[dict[str, Any]], known: RegisteredClient, services: Services
) -> None:
    over, twice, guessed, well = (tokens["refresh_token"] for tokens in held)
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE sessions SET ended_at = now() WHERE id = :id"), {"id": crowd[0].session.id})
    brought = [over, twice, twice, guessed[:-43] + "A" * 43, guessed, well]
    ends = await asyncio.gather(*(rotating(services, known, raw) for raw in brought), return_exceptions=True)
    assert [type(end) for end in ends] == [InvalidRefreshToken, Rotated, Rotated, InvalidRefreshToken, Rotated, Rotated]
    assert ends[1].refresh_token == ends[2].refresh_token
    assert len({end.refresh_token for end in ends if isinstance(end, Rotated)}) == 3


async def test_a_row_that_somebody_holds_is_awaited_by_nobody_else(
    crowd: list[AtBrowser],
    held: list[dict[str, Any]],
    known: RegisteredClient,
    services: Services,
    issue_code: IssueCode,
) -> None:
    codes = [await issue_code(person, known.client_id) for person in crowd]
    async with services.db.transaction() as tx:
        await tx.execute(text("SELECT FROM sessions WHERE id = :id FOR UPDATE"), {"id": crowd[0].session.id})
        refreshing = [asyncio.ensure_future(rotating(services, known, tokens["refresh_token"])) for tokens in held]
        exchanging = [asyncio.ensure_future(redeeming(services, known, code)) for code in codes]
        assert None not in await all_but_the_first(refreshing)
        assert None not in await all_but_the_first(exchanging)
    assert await refreshing[0] is not None
    assert await exchanging[0] is not None


async def test_codes_of_one_moment_are_one_statement(
    crowd: list[AtBrowser],
    known: RegisteredClient,
    services: Services,
    web_app: NewCredentials,
    issue_code: IssueCode,
    api: httpx2.AsyncClient,
    events: Events,
) -> None:
    codes = [
        await issue_code(person, known.client_id, scope=OFFLINE if place % 2 else ONLINE, nonce=f"n-{place}")
        for place, person in enumerate(crowd)
    ]
    with asking(services) as asked:
        told = await asyncio.gather(*(redeeming(services, known, code) for code in codes))
    assert len(asked.single) == 1, asked
    for place, (person, members) in enumerate(zip(crowd, told, strict=True)):
        assert members is not None
        access, identity = claims_of(str(members["access_token"])), claims_of(str(members["id_token"]))
        assert (access["sub"], identity["sub"], identity["nonce"]) == (person.sub, person.sub, f"n-{place}")
        assert identity["sid"] == person.session.sid
        # A session of its own, as it was allowed, or the browser's.
        assert (access["sid"] == person.session.sid) is (place % 2 == 0)
        assert (await refresh(api, web_app, members)).status_code == 200
    entries = await events.of("code.redeemed")
    assert {(entry["subject"], entry["details"]["offline"]) for entry in entries} == {
        (person.sub, place % 2 == 1) for place, person in enumerate(crowd)
    }
    assert {entry["actor_id"] for entry in entries} == {known.client_id}


@pytest.mark.attack("TOK-01")
@pytest.mark.attack("TOK-06")
async def test_a_code_that_does_not_fit_is_spent_and_spoils_nobodys(
    crowd: list[AtBrowser], known: RegisteredClient, services: Services, issue_code: IssueCode, events: Events
) -> None:
    misfit, twice, well, unknown = [await issue_code(person, known.client_id) for person in crowd]
    others = VERIFIER[:-1] + "A"
    ends = await asyncio.gather(
        redeeming(services, known, misfit, verifier=others),
        redeeming(services, known, twice),
        redeeming(services, known, twice),
        redeeming(services, known, well),
        redeeming(services, known, unknown[:-1]),
        return_exceptions=True,
    )
    assert [type(end) for end in ends] == [InvalidGrant, dict, InvalidGrant, dict, InvalidGrant]
    assert {entry["details"]["reason"] for entry in await events.of("code.refused")} == {
        "another code_verifier",
        "unknown",
    }
    assert [entry["details"]["reason"] for entry in await events.of("grant.revoked")] == ["code_reused"]
    with pytest.raises(InvalidGrant):
        await redeeming(services, known, misfit)


async def test_what_cannot_be_spent_together_is_to_be_tried_alone(services: Services) -> None:
    statement = "SELECT $1::json, $2::timestamptz, 1 / 0"
    with pytest.raises(asyncpg.DivisionByZeroError):
        await services.db.fetch(statement, "[]", services.clock.now())
    shared = SharedSpending(services.db, services.clock, statement, key="key", lifetimes=[])
    assert await asyncio.gather(*(shared.spend({"key": number}) for number in range(3))) == [None] * 3
