"""Links in mails: each is good once, for its time and its kind, and the newer one ends the older."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from app.links.service import Link, LinkKind
from app.wiring import Services
from tests.support import ISSUER

pytestmark = pytest.mark.anyio

LIFETIMES = {
    LinkKind.VERIFY_EMAIL: timedelta(days=1),
    LinkKind.CHANGE_EMAIL: timedelta(days=1),
    LinkKind.RESET_PASSWORD: timedelta(minutes=15),
    LinkKind.WASNT_ME: timedelta(days=7),
}
ANN = uuid4()


async def issue(services: Services, kind: LinkKind, email: str | None = None) -> str:
    async with services.db.transaction() as tx:
        return token_of(await services.links.issue(tx, kind, ANN, email=email))


async def claim(services: Services, token: str, *kinds: LinkKind) -> Link | None:
    async with services.db.transaction() as tx:
        return await services.links.claim(tx, token, *kinds)


def token_of(url: str) -> str:
    (token,) = parse_qs(urlsplit(url).query)["token"]
    return token


@pytest.mark.parametrize("kind", LinkKind)
async def test_a_link_is_spent_once_of_ten_at_once(services: Services, kind: LinkKind) -> None:
    token = await issue(services, kind, email="ann@example.com")
    claims = await asyncio.gather(*(claim(services, token, kind) for _ in range(10)))
    (won,) = [link for link in claims if link is not None]
    assert (won.kind, won.user_id, won.email) == (kind, ANN, "ann@example.com")
    assert await services.links.find(token, kind) is None


@pytest.mark.parametrize("kind", LinkKind)
async def test_a_link_is_good_for_its_time_and_its_kind_alone(services: Services, kind: LinkKind) -> None:
    token = await issue(services, kind)
    assert await claim(services, token, *(other for other in LinkKind if other is not kind)) is None
    services.clock.offset += LIFETIMES[kind] - timedelta(seconds=60)
    assert await services.links.find(token, kind) is not None
    services.clock.offset += timedelta(seconds=61)
    assert await services.links.find(token, kind) is None
    assert await claim(services, token, kind) is None


@pytest.mark.parametrize("kind", LinkKind)
async def test_what_is_not_the_very_token_opens_nothing(services: Services, kind: LinkKind) -> None:
    token = await issue(services, kind)
    flipped = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in (0, 21, 42)]
    for wrong in (*flipped, token[:-1], token + "A", token + "=", token.swapcase(), "", "x" * 100_000, "\0", "\udfff"):
        assert await claim(services, wrong, kind) is None, wrong[:60]
    assert await claim(services, token, kind) is not None


@pytest.mark.parametrize("kind", [kind for kind in LinkKind if kind is not LinkKind.WASNT_ME])
async def test_of_twenty_links_made_at_once_one_is_good(services: Services, kind: LinkKind) -> None:
    tokens = await asyncio.gather(*(issue(services, kind) for _ in range(20)))
    found = [await services.links.find(token, kind) for token in tokens]
    assert len([link for link in found if link is not None]) == 1
    newest = await issue(services, kind)
    assert all([await services.links.find(token, kind) is None for token in tokens])
    assert await services.links.find(newest, kind) is not None


async def test_every_mail_has_its_own_link_for_what_was_not_me(services: Services) -> None:
    async with services.db.transaction() as tx:
        urls = [await services.wasnt_me.link(tx, ANN) for _ in range(3)]
    for url in urls:
        assert url.startswith(f"{ISSUER}/not-me?token=")
        assert await claim(services, token_of(url), LinkKind.WASNT_ME) is not None
